"""Search: a strategy trains a supernet and says how strong each operation is."""


rule search_architecture:
    """Search one space on one data set with one strategy and seed; resumes at its last epoch.

    Input: manifest and split; output: strength of every player, the trained supernet, history.
    """
    input:
        manifest="results/{preset}/data/{dataset}/manifest.json",
        split="results/{preset}/data/{dataset}/split.npz",
    output:
        strength="results/{preset}/{space}/{dataset}/{strategy}/seed{seed}/search/strength.npz",
        metrics="results/{preset}/{space}/{dataset}/{strategy}/seed{seed}/search/metrics.json",
        provenance="results/{preset}/{space}/{dataset}/{strategy}/seed{seed}/search/provenance.json",
        supernet="results/{preset}/{space}/{dataset}/{strategy}/seed{seed}/search/supernet.pt",
    log:
        "results/{preset}/logs/search/{space}/{dataset}/{strategy}/seed{seed}.log",
    benchmark:
        "results/{preset}/benchmarks/search/{space}/{dataset}/{strategy}/seed{seed}.tsv"
    wildcard_constraints:
        strategy="|".join(jobs.labels(CONFIG, trains_supernet=True)),
    threads: ask("search").threads
    resources:
        **resources_of("search", on_gpu=True),
    params:
        job=slice_of(jobs.search_job, "space", "strategy"),
        out="results/{preset}/{space}/{dataset}/{strategy}/seed{seed}/search",
    shell:
        "python -m pipeline search"
        " --job {params.job:q}"
        " --seed {wildcards.seed}"
        " --manifest {input.manifest:q}"
        " --out {params.out:q}"
        " --threads {threads}"
        " 2> {log:q}"


rule search_without_training:
    """Search with a strategy that trains no supernet: a draw, or look-ups in a table.

    Input: manifest and split, and the table if it is searched; output: strength, history.
    """
    input:
        manifest="results/{preset}/data/{dataset}/manifest.json",
        split="results/{preset}/data/{dataset}/split.npz",
        table=table_if_searched,
    output:
        strength="results/{preset}/{space}/{dataset}/{strategy}/seed{seed}/search/strength.npz",
        metrics="results/{preset}/{space}/{dataset}/{strategy}/seed{seed}/search/metrics.json",
        provenance="results/{preset}/{space}/{dataset}/{strategy}/seed{seed}/search/provenance.json",
    log:
        "results/{preset}/logs/search/{space}/{dataset}/{strategy}/seed{seed}.log",
    benchmark:
        "results/{preset}/benchmarks/search/{space}/{dataset}/{strategy}/seed{seed}.tsv"
    wildcard_constraints:
        strategy="|".join(jobs.labels(CONFIG, trains_supernet=False)),
    threads: ask("search").threads
    resources:
        **resources_of("search"),
    params:
        job=slice_of(jobs.search_job, "space", "strategy"),
        out="results/{preset}/{space}/{dataset}/{strategy}/seed{seed}/search",
        table=table_option,
    shell:
        "python -m pipeline search"
        " --job {params.job:q}"
        " --seed {wildcards.seed}"
        " --manifest {input.manifest:q}"
        " {params.table}"
        " --out {params.out:q}"
        " --threads {threads}"
        " 2> {log:q}"
