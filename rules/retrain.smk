"""Retraining: a found network trained from scratch on small images, on the whole training set."""


rule retrain_network:
    """Train a genotype from scratch; the test set is looked at once, after the last epoch.

    Input: genotype and manifest of the target; output: trained model, history, test error.
    """
    input:
        genotype="results/{preset}/{space}/{dataset}/{strategy}/seed{seed}/genotype/genotype.json",
        manifest="results/{preset}/data/{target}/manifest.json",
    output:
        model="results/{preset}/{space}/{dataset}/{strategy}/seed{seed}/retrain/{target}/rseed{rseed}/model.pt",
        metrics="results/{preset}/{space}/{dataset}/{strategy}/seed{seed}/retrain/{target}/rseed{rseed}/metrics.json",
        history="results/{preset}/{space}/{dataset}/{strategy}/seed{seed}/retrain/{target}/rseed{rseed}/history.csv",
        provenance="results/{preset}/{space}/{dataset}/{strategy}/seed{seed}/retrain/{target}/rseed{rseed}/provenance.json",
    log:
        "results/{preset}/logs/retrain/{space}/{dataset}/{strategy}/seed{seed}/{target}/rseed{rseed}.log",
    benchmark:
        "results/{preset}/benchmarks/retrain/{space}/{dataset}/{strategy}/seed{seed}/{target}/rseed{rseed}.tsv"
    wildcard_constraints:
        target="|".join(set(needs.datasets_of(EXPERIMENTS)) - set(FOLDERS)),
    threads: ask("retrain").threads
    resources:
        **resources_of("retrain", on_gpu=True),
    params:
        job=slice_of(jobs.retrain_job, "space", "target"),
        out="results/{preset}/{space}/{dataset}/{strategy}/seed{seed}/retrain/{target}/rseed{rseed}",
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
