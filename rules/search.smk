"""Search: a strategy trains a supernet and rates the strength of each operation."""


rule search_architecture:
    """Search one space on one data set with one strategy and seed; resumes after a complete epoch.

    Input: manifest and split; output: strength of each operation, the trained supernet, history.
    """
    input:
        manifest=f"{DATA}/manifest.json",
        split=f"{DATA}/split.npz",
    output:
        strength=f"{SEARCH}/strength.npz",
        metrics=f"{SEARCH}/metrics.json",
        provenance=f"{SEARCH}/provenance.json",
        supernet=f"{SEARCH}/supernet.pt",
    log:
        f"{LOGS}/search/{SEED}.log",
    benchmark:
        f"{BENCHMARKS}/search/{SEED}.tsv"
    wildcard_constraints:
        strategy="|".join(jobs.labels(CONFIG, trains_supernet=True)),
    threads: ask("search").threads
    resources:
        **resources_of("search", on_gpu=True),
    params:
        job=slice_of(jobs.search_job, "space", "strategy"),
        code=code_of(jobs.search_job, "space", "strategy"),
        out=SEARCH,
    shell:
        "python -m pipeline search"
        " --job {params.job:q}"
        " --seed {wildcards.seed}"
        " --manifest {input.manifest:q}"
        " --out {params.out:q}"
        " --threads {threads}"
        " --processes {resources.processes}"
        " --nodes {resources.nodes}"
        " 2> {log:q}"


rule search_without_training:
    """Search with a strategy that trains no supernet: random sampling, or look-ups in a table.

    Input: manifest and split, and the table if the search uses it; output: strength, history.
    """
    input:
        manifest=f"{DATA}/manifest.json",
        split=f"{DATA}/split.npz",
        table=table_if_searched,
    output:
        strength=f"{SEARCH}/strength.npz",
        metrics=f"{SEARCH}/metrics.json",
        provenance=f"{SEARCH}/provenance.json",
    log:
        f"{LOGS}/search/{SEED}.log",
    benchmark:
        f"{BENCHMARKS}/search/{SEED}.tsv"
    wildcard_constraints:
        strategy="|".join(jobs.labels(CONFIG, trains_supernet=False)),
    threads: ask("search").threads
    resources:
        **resources_of("search"),
    params:
        job=slice_of(jobs.search_job, "space", "strategy"),
        code=code_of(jobs.search_job, "space", "strategy"),
        out=SEARCH,
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
