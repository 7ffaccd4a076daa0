"""Genotype: the strongest operations as a cell that can be read, counted, built and trained."""


rule export_genotype:
    """Discretise a search, or take a genotype from elsewhere or the one kept of several.

    Input: strength of the players, if searched; trials, if one of several is kept; output:
    genotype, drawings, counts, ready model.
    """
    input:
        manifest="results/{preset}/data/{dataset}/manifest.json",
        strength=strength_if_searched,
        trials=trials_if_kept,
    output:
        genotype="results/{preset}/{space}/{dataset}/{strategy}/seed{seed}/genotype/genotype.json",
        svg=report(
            "results/{preset}/{space}/{dataset}/{strategy}/seed{seed}/genotype/cell.svg",
            caption="../docs/captions/cell.rst",
            category="Cells",
            labels={
                "space": "{space}",
                "data set": "{dataset}",
                "strategy": "{strategy}",
                "seed": "{seed}",
            },
        ),
        png="results/{preset}/{space}/{dataset}/{strategy}/seed{seed}/genotype/cell.png",
        model="results/{preset}/{space}/{dataset}/{strategy}/seed{seed}/genotype/model.pt",
        metrics="results/{preset}/{space}/{dataset}/{strategy}/seed{seed}/genotype/metrics.json",
        provenance="results/{preset}/{space}/{dataset}/{strategy}/seed{seed}/genotype/provenance.json",
    log:
        "results/{preset}/logs/genotype/{space}/{dataset}/{strategy}/seed{seed}.log",
    benchmark:
        "results/{preset}/benchmarks/genotype/{space}/{dataset}/{strategy}/seed{seed}.tsv"
    threads: ask("genotype").threads
    resources:
        **resources_of("genotype"),
    params:
        job=slice_of(jobs.genotype_job, "space", "dataset", "strategy"),
        out="results/{preset}/{space}/{dataset}/{strategy}/seed{seed}/genotype",
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
    """Train a found cell for a while, so that one of several can be kept; no test image is seen.

    Input: genotype and manifest; output: error on held-out training images.
    """
    input:
        genotype="results/{preset}/{space}/{dataset}/{strategy}/seed{seed}/genotype/genotype.json",
        manifest="results/{preset}/data/{dataset}/manifest.json",
    output:
        metrics="results/{preset}/{space}/{dataset}/{strategy}/seed{seed}/trial/metrics.json",
        history="results/{preset}/{space}/{dataset}/{strategy}/seed{seed}/trial/history.csv",
        provenance="results/{preset}/{space}/{dataset}/{strategy}/seed{seed}/trial/provenance.json",
    log:
        "results/{preset}/logs/trial/{space}/{dataset}/{strategy}/seed{seed}.log",
    benchmark:
        "results/{preset}/benchmarks/trial/{space}/{dataset}/{strategy}/seed{seed}.tsv"
    threads: ask("trial").threads
    resources:
        **resources_of("trial", on_gpu=True),
    params:
        job=slice_of(jobs.trial_job, "space", "dataset"),
        out="results/{preset}/{space}/{dataset}/{strategy}/seed{seed}/trial",
    shell:
        "python -m pipeline trial"
        " --job {params.job:q}"
        " --seed {wildcards.seed}"
        " --genotype {input.genotype:q}"
        " --manifest {input.manifest:q}"
        " --out {params.out:q}"
        " --threads {threads}"
        " 2> {log:q}"
