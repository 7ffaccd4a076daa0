"""Genotype: turn the strongest operations into a cell; draw, count and build it."""


rule export_genotype:
    """Write the cell of a search, a given genotype, or the best of several cells.

    Input: strength of the operations, if searched; trials, if one of several is kept; output:
    genotype, drawings, counts, complete model.
    """
    input:
        manifest=f"{DATA}/manifest.json",
        strength=strength_if_searched,
        trials=trials_if_kept,
    output:
        genotype=f"{GENOTYPE}/genotype.json",
        svg=report(
            f"{GENOTYPE}/cell.svg",
            caption="captions/cell.rst",
            category="Cells",
            labels={
                "space": "{space}",
                "data set": "{dataset}",
                "strategy": "{strategy}",
                "seed": "{seed}",
            },
        ),
        png=f"{GENOTYPE}/cell.png",
        model=f"{GENOTYPE}/model.pt",
        metrics=f"{GENOTYPE}/metrics.json",
        provenance=f"{GENOTYPE}/provenance.json",
    log:
        f"{LOGS}/genotype/{SEED}.log",
    benchmark:
        f"{BENCHMARKS}/genotype/{SEED}.tsv"
    threads: ask("genotype").threads
    resources:
        **resources_of("genotype"),
    params:
        job=slice_of(jobs.genotype_job, "space", "dataset", "strategy"),
        out=GENOTYPE,
        strength=lambda wildcards, input: (
            f"--strength {input.strength}" if input.strength else ""
        ),
        trials=lambda wildcards, input: " ".join(
            f"--trial {path}" for path in input.trials
        ),
    shell:
        "python -m pipeline genotype"
        " --job {params.job:q}"
        " --seed {wildcards.seed}"
        " --manifest {input.manifest:q}"
        " {params.strength}"
        " {params.trials}"
        " --out {params.out:q}"
        " 2> {log:q}"


rule try_genotype:
    """Train a found cell briefly, to choose one of several; no test image is used.

    Input: genotype and manifest; output: error on held-out training images.
    """
    input:
        genotype=f"{GENOTYPE}/genotype.json",
        manifest=f"{DATA}/manifest.json",
    output:
        metrics=f"{TRIAL}/metrics.json",
        history=f"{TRIAL}/history.csv",
        provenance=f"{TRIAL}/provenance.json",
    log:
        f"{LOGS}/trial/{SEED}.log",
    benchmark:
        f"{BENCHMARKS}/trial/{SEED}.tsv"
    threads: ask("trial").threads
    resources:
        **resources_of("trial", on_gpu=True),
    params:
        job=slice_of(jobs.trial_job, "space", "dataset"),
        out=TRIAL,
    shell:
        "python -m pipeline trial"
        " --job {params.job:q}"
        " --seed {wildcards.seed}"
        " --genotype {input.genotype:q}"
        " --manifest {input.manifest:q}"
        " --out {params.out:q}"
        " --threads {threads}"
        " 2> {log:q}"
