"""Retraining: train a found network from scratch on the whole training set of small images."""


rule retrain_network:
    """Train a genotype from scratch; the test set is used once, after the last epoch.

    Input: genotype and manifest of the target; output: trained model, history, test error.
    """
    input:
        genotype=f"{GENOTYPE}/genotype.json",
        manifest=f"{TARGET_DATA}/manifest.json",
    output:
        model=f"{RETRAIN}/model.pt",
        metrics=f"{RETRAIN}/metrics.json",
        history=f"{RETRAIN}/history.csv",
        provenance=f"{RETRAIN}/provenance.json",
    log:
        f"{LOGS}/retrain/{TRAINING}.log",
    benchmark:
        f"{BENCHMARKS}/retrain/{TRAINING}.tsv"
    wildcard_constraints:
        target="|".join(set(needs.datasets_of(EXPERIMENTS)) - set(FOLDERS)),
    threads: ask("retrain").threads
    resources:
        **resources_of("retrain", on_gpu=True),
    params:
        job=slice_of(jobs.retrain_job, "space", "target"),
        out=RETRAIN,
    shell:
        "python -m pipeline retrain"
        " --job {params.job:q}"
        " --seed {wildcards.rseed}"
        " --genotype {input.genotype:q}"
        " --manifest {input.manifest:q}"
        " --out {params.out:q}"
        " --threads {threads}"
        " --processes {resources.processes}"
        " --nodes {resources.nodes}"
        " 2> {log:q}"
