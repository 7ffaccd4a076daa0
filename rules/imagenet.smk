"""ImageNet and other folders of images: a found network trained by the ImageNet recipe."""


rule transfer_network:
    """Train a genotype on a folder of images; the validation folder is looked at once, at the end.

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
        "results/{preset}/logs/transfer/{space}/{dataset}/{strategy}/seed{seed}/{target}/rseed{rseed}.log",
    benchmark:
        "results/{preset}/benchmarks/transfer/{space}/{dataset}/{strategy}/seed{seed}/{target}/rseed{rseed}.tsv"
    wildcard_constraints:
        target="|".join(FOLDERS),
    threads: ask("transfer").threads
    resources:
        mem_mb=ask("transfer").mem_mb,
        runtime=ask("transfer").runtime,
        gpu=GPU,
    params:
        job=slice_of(jobs.transfer_job, "space", "target"),
        out="results/{preset}/{space}/{dataset}/{strategy}/seed{seed}/retrain/{target}/rseed{rseed}",
    shell:
        "python -m pipeline transfer"
        " --job {params.job:q}"
        " --seed {wildcards.rseed}"
        " --genotype {input.genotype:q}"
        " --manifest {input.manifest:q}"
        " --out {params.out:q}"
        " --threads {threads}"
        " 2> {log:q}"
