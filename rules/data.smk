"""Data: files are checked against published checksums and split once for the search."""


rule prepare_data:
    """Check a data set's training files, and write its manifest and its seeded split.

    Reads files below `data_root` that are not declared as input. Output: manifest and index lists.
    """
    output:
        manifest=f"{DATA}/manifest.json",
        split=f"{DATA}/split.npz",
    log:
        f"{LOGS}/prepare/{{dataset}}.log",
    benchmark:
        f"{BENCHMARKS}/prepare/{{dataset}}.tsv"
    threads: ask("prepare").threads
    resources:
        **resources_of("prepare"),
    params:
        job=slice_of(jobs.prepare_job, "dataset"),
        code=code_of(jobs.prepare_job, "dataset"),
        out=DATA,
        download="--download" if CONFIG.download else "",
    shell:
        "python -m pipeline prepare"
        " --job {params.job:q}"
        " --out {params.out:q}"
        " {params.download}"
        " 2> {log:q}"
