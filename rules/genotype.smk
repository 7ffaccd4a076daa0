"""Genotype: the strongest operations as a cell that can be read, counted, built and trained."""


rule export_genotype:
    """Discretise a search, or take a published genotype or one's own; draw, count and build it.

    Input: strength of the players, if searched; output: genotype, drawings, counts, ready model.
    """
    input:
        manifest="results/{preset}/data/{dataset}/manifest.json",
        strength=strength_if_searched,
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
    shell:
        "python -m pipeline genotype"
        " --job {params.job:q}"
        " --seed {wildcards.seed}"
        " --manifest {input.manifest:q}"
        " {params.strength}"
        " --out {params.out:q}"
        " 2> {log:q}"
