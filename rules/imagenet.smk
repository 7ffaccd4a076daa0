"""ImageNet and other folders of images: make ImageNet-16-120, and train found networks."""


rule make_imagenet16:
    """Make ImageNet-16-120 from a local ImageNet, if its batch files are not available.

    Input: imagenet/{train,val}/ and imagenet/map_clsloc.txt below `data_root`; output: two files
    there.
    """
    input:
        os.path.join(DATA_ROOT, "imagenet", "map_clsloc.txt"),
    output:
        train=os.path.join(DATA_ROOT, "ImageNet16", "train.npz"),
        val=os.path.join(DATA_ROOT, "ImageNet16", "val.npz"),
    log:
        f"{RESULTS}/logs/imagenet16.log",
    benchmark:
        f"{RESULTS}/benchmarks/imagenet16.tsv"
    threads: ask("transfer").threads
    resources:
        **resources_of("transfer"),
    params:
        imagenet=lambda wildcards, input: os.path.dirname(input[0]),
        data_root=lambda wildcards, input: os.path.dirname(os.path.dirname(input[0])),
    shell:
        "python -m pipeline imagenet16"
        " --imagenet {params.imagenet:q}"
        " --data-root {params.data_root:q}"
        " --workers {threads}"
        " 2> {log:q}"


rule transfer_network:
    """Train a genotype on a folder of images; the validation folder is used once, at the end.

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
        f"{LOGS}/transfer/{TRAINING}.log",
    benchmark:
        f"{BENCHMARKS}/transfer/{TRAINING}.tsv"
    wildcard_constraints:
        target="|".join(FOLDERS) or "(?!)",  # without folders of images it matches nothing
    threads: ask("transfer").threads
    resources:
        **resources_of("transfer", on_gpu=True),
    params:
        job=slice_of(jobs.transfer_job, "space", "target"),
        out=RETRAIN,
    shell:
        "python -m pipeline transfer"
        " --job {params.job:q}"
        " --seed {wildcards.rseed}"
        " --genotype {input.genotype:q}"
        " --manifest {input.manifest:q}"
        " --out {params.out:q}"
        " --threads {threads}"
        " --processes {resources.processes}"
        " --nodes {resources.nodes}"
        " 2> {log:q}"
