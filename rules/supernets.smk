"""Supernets of studies: training for some epochs, walks over permutations, and estimates."""


wildcard_constraints:
    study="|".join(STUDIES),
    supernet="[a-z_]+_[0-9]+",
    walk="|".join({name for study in STUDIES.values() for name in study.walks}),
    draw="|".join({name for study in STUDIES.values() for name in study.draws()}),
    form="|".join({n for s in STUDIES.values() if s.trials for n in s.trials.forms}),
    folder="[A-Za-z0-9_]+",
    network="[A-Za-z0-9_]+",


rule train_supernet:
    """Train a supernet of a study for one of its numbers of epochs.

    Input: manifest and split; output: the supernet, alpha by epoch.
    """
    input:
        manifest=data_of_study("manifest.json"),
        split=data_of_study("split.npz"),
    output:
        strength=f"{ROOT}/{SUPERNET}/strength.npz",
        metrics=f"{ROOT}/{SUPERNET}/metrics.json",
        provenance=f"{ROOT}/{SUPERNET}/provenance.json",
        supernet=f"{ROOT}/{SUPERNET}/supernet.pt",
    log:
        f"{LOGS}/{SUPERNET}.log",
    benchmark:
        f"{BENCHMARKS}/{SUPERNET}.tsv"
    threads: ask("search").threads
    resources:
        **resources_of("search", on_gpu=True),
    params:
        job=of_study(studies.supernet_job, "supernet"),
        code=code_of_study(studies.supernet_job, "supernet"),
        seed=lambda wildcards: STUDIES[wildcards.study].seed,
        out=f"{ROOT}/{SUPERNET}",
    shell:
        "python -m pipeline search"
        " --job {params.job:q}"
        " --seed {params.seed}"
        " --manifest {input.manifest:q}"
        " --out {params.out:q}"
        " --threads {threads}"
        " 2> {log:q}"


rule walk_supernet:
    """Evaluate whole permutations (walks) on a supernet; resumes where it stopped.

    Input: supernet, manifest and split; output: V along each permutation for every value function.
    """
    input:
        supernet=f"{ROOT}/{SUPERNET}/supernet.pt",
        manifest=data_of_study("manifest.json"),
        split=data_of_study("split.npz"),
    output:
        walks=f"{ROOT}/{WALK}/walks.npz",
        metrics=f"{ROOT}/{WALK}/metrics.json",
        provenance=f"{ROOT}/{WALK}/provenance.json",
    log:
        f"{LOGS}/{WALK}.log",
    benchmark:
        f"{BENCHMARKS}/{WALK}.tsv"
    threads: ask("search").threads
    resources:
        **resources_of("search", on_gpu=True),
    params:
        job=of_study(studies.walk_job, "walk"),
        out=f"{ROOT}/{WALK}",
    shell:
        "python -m pipeline walk"
        " --job {params.job:q}"
        " --supernet {input.supernet:q}"
        " --manifest {input.manifest:q}"
        " --out {params.out:q}"
        " --threads {threads}"
        " 2> {log:q}"


rule estimate_values:
    """Estimate a supernet's Shapley values once with each variant of a study.

    Input: supernet, manifest, split; output: values and their cost.
    """
    input:
        supernet=f"{ROOT}/{SUPERNET}/supernet.pt",
        manifest=data_of_study("manifest.json"),
        split=data_of_study("split.npz"),
    output:
        estimates=f"{ROOT}/{DRAW}/estimates.json",
        metrics=f"{ROOT}/{DRAW}/metrics.json",
        provenance=f"{ROOT}/{DRAW}/provenance.json",
    log:
        f"{LOGS}/{DRAW}.log",
    benchmark:
        f"{BENCHMARKS}/{DRAW}.tsv"
    threads: ask("search").threads
    resources:
        **resources_of("search", on_gpu=True),
    params:
        job=of_study(studies.estimate_job, "supernet", "draw"),
        code=code_of_study(studies.estimate_job, "supernet", "draw"),
        out=f"{ROOT}/{DRAW}",
    shell:
        "python -m pipeline estimate"
        " --job {params.job:q}"
        " --supernet {input.supernet:q}"
        " --manifest {input.manifest:q}"
        " --out {params.out:q}"
        " --threads {threads}"
        " 2> {log:q}"
