"""What is measured of NAS-Bench-201 searches for the paper's figures, and of many table searches."""


rule remove_operations:
    """Measure what a trained supernet loses without operations of two edges (Figure 2).

    Input: the supernet of a search, manifest and split; output: drops of operations and pairs.
    """
    input:
        supernet="results/{preset}/nasbench201/{dataset}/{strategy}/seed{seed}/search/supernet.pt",
        manifest="results/{preset}/data/{dataset}/manifest.json",
        split="results/{preset}/data/{dataset}/split.npz",
    output:
        drops="results/{preset}/nasbench201/{dataset}/{strategy}/seed{seed}/removal/drops.csv",
        metrics="results/{preset}/nasbench201/{dataset}/{strategy}/seed{seed}/removal/metrics.json",
        provenance="results/{preset}/nasbench201/{dataset}/{strategy}/seed{seed}/removal/provenance.json",
    log:
        "results/{preset}/logs/removal/{dataset}/{strategy}/seed{seed}.log",
    benchmark:
        "results/{preset}/benchmarks/removal/{dataset}/{strategy}/seed{seed}.tsv"
    threads: ask("search").threads
    resources:
        **resources_of("search", on_gpu=True),
    params:
        job=slice_of(jobs.removal_job),
        out="results/{preset}/nasbench201/{dataset}/{strategy}/seed{seed}/removal",
    shell:
        "python -m pipeline removal"
        " --job {params.job:q}"
        " --seed {wildcards.seed}"
        " --supernet {input.supernet:q}"
        " --manifest {input.manifest:q}"
        " --out {params.out:q}"
        " --threads {threads}"
        " 2> {log:q}"


rule rank_architectures:
    """Correlate the mean strength of operations with the table's test accuracies (Figure 5).

    Input: strength of a search, the compact table; output: taus, and the architectures drawn.
    """
    input:
        strength="results/{preset}/nasbench201/{dataset}/{strategy}/seed{seed}/search/strength.npz",
        table=table_if_there,
    output:
        sample="results/{preset}/nasbench201/{dataset}/{strategy}/seed{seed}/ranking/sample.csv",
        metrics="results/{preset}/nasbench201/{dataset}/{strategy}/seed{seed}/ranking/metrics.json",
        provenance="results/{preset}/nasbench201/{dataset}/{strategy}/seed{seed}/ranking/provenance.json",
    log:
        "results/{preset}/logs/ranking/{dataset}/{strategy}/seed{seed}.log",
    benchmark:
        "results/{preset}/benchmarks/ranking/{dataset}/{strategy}/seed{seed}.tsv"
    threads: ask("query").threads
    resources:
        **resources_of("query"),
    params:
        job=slice_of(jobs.ranking_job),
        out="results/{preset}/nasbench201/{dataset}/{strategy}/seed{seed}/ranking",
        table=table_option,
    shell:
        "python -m pipeline ranking"
        " --job {params.job:q}"
        " --strength {input.strength:q}"
        " --dataset {wildcards.dataset}"
        " {params.table}"
        " --out {params.out:q}"
        " 2> {log:q}"


rule search_table:
    """Search the table under many seeds in one process, by a strategy that trains nothing.

    Input: the compact table; output: means and deviations, and a row a seed (history.csv).
    """
    input:
        table=table_if_there,
    output:
        metrics="results/{preset}/nasbench201/{dataset}/{strategy}/seeds{n}/queries/metrics.json",
        provenance="results/{preset}/nasbench201/{dataset}/{strategy}/seeds{n}/queries/provenance.json",
    log:
        "results/{preset}/logs/queries/{dataset}/{strategy}/seeds{n}.log",
    benchmark:
        "results/{preset}/benchmarks/queries/{dataset}/{strategy}/seeds{n}.tsv"
    wildcard_constraints:
        n="[0-9]+",
    threads: ask("query").threads
    resources:
        **resources_of("query"),
    params:
        job=lambda wildcards: jobs.search_job(
            CONFIG, "nasbench201", wildcards.strategy
        ).model_dump_json(),
        out="results/{preset}/nasbench201/{dataset}/{strategy}/seeds{n}/queries",
        table=table_option,
    shell:
        "python -m pipeline queries"
        " --job {params.job:q}"
        " --dataset {wildcards.dataset}"
        " --seeds {wildcards.n}"
        " {params.table}"
        " --out {params.out:q}"
        " 2> {log:q}"
