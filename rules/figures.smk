"""Measurements of NAS-Bench-201 searches for the paper's figures, and searches of many seeds."""


rule remove_operations:
    """Measure the accuracy that a supernet loses without operations of two edges (Figure 2).

    Input: the supernet of a search, manifest and split; output: drops of operations and pairs.
    """
    input:
        supernet=f"{SEARCH}/supernet.pt",
        manifest=f"{DATA}/manifest.json",
        split=f"{DATA}/split.npz",
    output:
        drops=f"{REMOVAL}/drops.csv",
        metrics=f"{REMOVAL}/metrics.json",
        provenance=f"{REMOVAL}/provenance.json",
    log:
        f"{LOGS}/removal/{SEED}.log",
    benchmark:
        f"{BENCHMARKS}/removal/{SEED}.tsv"
    wildcard_constraints:
        space="nasbench201",
    threads: ask("search").threads
    resources:
        **resources_of("search", on_gpu=True),
    params:
        job=slice_of(jobs.removal_job),
        out=REMOVAL,
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

    Input: strength of a search, the compact table; output: Kendall's taus, the drawn architectures,
    and for each epoch the cell that the search would have returned (history.csv).
    """
    input:
        strength=f"{SEARCH}/strength.npz",
        table=table_if_there,
    output:
        sample=f"{RANKING}/sample.csv",
        metrics=f"{RANKING}/metrics.json",
        provenance=f"{RANKING}/provenance.json",
    log:
        f"{LOGS}/ranking/{SEED}.log",
    benchmark:
        f"{BENCHMARKS}/ranking/{SEED}.tsv"
    wildcard_constraints:
        space="nasbench201",
    threads: ask("query").threads
    resources:
        **resources_of("query"),
    params:
        job=slice_of(jobs.ranking_job, "space", "dataset", "strategy"),
        out=RANKING,
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
    """Run many seeds of a short search in one process: look-ups, or training on tiny images.

    Input: the compact table, and the manifest of images to train on; output: means and deviations,
    and a row per seed (history.csv). Resumes at its last seed.
    """
    input:
        table=table_if_there,
        manifest=manifest_if_trained,
    output:
        metrics=f"{QUERIES}/metrics.json",
        provenance=f"{QUERIES}/provenance.json",
    log:
        f"{LOGS}/queries/{SEEDS}.log",
    benchmark:
        f"{BENCHMARKS}/queries/{SEEDS}.tsv"
    wildcard_constraints:
        space="nasbench201",
    threads: ask("query").threads
    resources:
        mem_mb=ask("query").mem_mb,
        runtime=ask("search").runtime,
        gpu=0,
    params:
        job=slice_of(jobs.search_job, "space", "strategy"),
        code=code_of(jobs.search_job, "space", "strategy"),
        out=QUERIES,
        table=table_option,
        manifest=lambda wildcards, input: (
            f"--manifest {input.manifest}" if input.manifest else ""
        ),
    shell:
        "python -m pipeline queries"
        " --job {params.job:q}"
        " --dataset {wildcards.dataset}"
        " --seeds {wildcards.repeats}"
        " {params.table}"
        " {params.manifest}"
        " --device cpu"
        " --threads {threads}"
        " --out {params.out:q}"
        " 2> {log:q}"
