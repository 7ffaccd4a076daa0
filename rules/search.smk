"""Search: a strategy trains a supernet and says how strong each operation is."""


rule search_architecture:
    """Search one space on one data set with one strategy and seed; resumes at its last epoch.

    Input: manifest and split; output: strength of every player, history of the search.
    """
    input:
        manifest="results/{preset}/data/{dataset}/manifest.json",
        split="results/{preset}/data/{dataset}/split.npz",
    output:
        strength="results/{preset}/{space}/{dataset}/{strategy}/seed{seed}/search/strength.npz",
        metrics="results/{preset}/{space}/{dataset}/{strategy}/seed{seed}/search/metrics.json",
        provenance="results/{preset}/{space}/{dataset}/{strategy}/seed{seed}/search/provenance.json",
    log:
        "results/{preset}/logs/search/{space}/{dataset}/{strategy}/seed{seed}.log",
    benchmark:
        "results/{preset}/benchmarks/search/{space}/{dataset}/{strategy}/seed{seed}.tsv"
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
