"""Studies of `config/studies/`: trainings in several forms, and all measurements."""


rule train_form:
    """Train the cell of a study in one form, and measure it on held-out training images.

    Input: manifest of the data set; output: error on the held-out images, history.
    """
    input:
        manifest=data_of_study("manifest.json"),
    output:
        metrics=f"{ROOT}/{FORM}/metrics.json",
        history=f"{ROOT}/{FORM}/history.csv",
        provenance=f"{ROOT}/{FORM}/provenance.json",
    log:
        f"{LOGS}/{FORM}.log",
    benchmark:
        f"{BENCHMARKS}/{FORM}.tsv"
    threads: ask("trial").threads
    resources:
        **resources_of("trial", on_gpu=True),
    params:
        job=of_study(studies.form_job, "form"),
        genotype=lambda wildcards: STUDIES[wildcards.study].trials.genotype,
        out=f"{ROOT}/{FORM}",
    shell:
        "python -m pipeline trial"
        " --job {params.job:q}"
        " --seed {wildcards.rseed}"
        " --genotype {params.genotype:q}"
        " --manifest {input.manifest:q}"
        " --out {params.out:q}"
        " --threads {threads}"
        " 2> {log:q}"


rule prepare_folder:
    """Write the manifest of one of a study's folders of images, and the folder if it is made.

    Reads files below `data_root` that are not declared as input. Output: manifest and index lists.
    """
    output:
        manifest=f"{ROOT}/{STUDY_FOLDER}/manifest.json",
        split=f"{ROOT}/{STUDY_FOLDER}/split.npz",
    log:
        f"{LOGS}/{STUDY_FOLDER}.log",
    benchmark:
        f"{BENCHMARKS}/{STUDY_FOLDER}.tsv"
    threads: ask("prepare").threads
    resources:
        **resources_of("prepare"),
    params:
        job=of_study(studies.folder_job, "folder"),
        out=f"{ROOT}/{STUDY_FOLDER}",
        download="--download" if CONFIG.download else "",
    shell:
        "python -m pipeline prepare"
        " --job {params.job:q}"
        " --out {params.out:q}"
        " {params.download}"
        " 2> {log:q}"


rule train_on_folder:
    """Train one of a study's networks on a folder of images; `val/` is used once, at the end.

    Input: manifest of the folder; output: trained model, history, test accuracy.
    """
    input:
        manifest=f"{ROOT}/{STUDY_FOLDER}/manifest.json",
    output:
        model=f"{ROOT}/{NETWORK}/model.pt",
        metrics=f"{ROOT}/{NETWORK}/metrics.json",
        history=f"{ROOT}/{NETWORK}/history.csv",
        provenance=f"{ROOT}/{NETWORK}/provenance.json",
    log:
        f"{LOGS}/{NETWORK}.log",
    benchmark:
        f"{BENCHMARKS}/{NETWORK}.tsv"
    threads: ask("retrain").threads
    resources:
        **resources_of("retrain", on_gpu=True),
    params:
        job=of_study(studies.network_job, "folder", "network"),
        genotype=lambda wildcards: STUDIES[wildcards.study].transfers.genotype,
        out=f"{ROOT}/{NETWORK}",
    shell:
        "python -m pipeline transfer"
        " --job {params.job:q}"
        " --seed {wildcards.rseed}"
        " --genotype {params.genotype:q}"
        " --manifest {input.manifest:q}"
        " --out {params.out:q}"
        " --threads {threads}"
        " --processes {resources.processes}"
        " --nodes {resources.nodes}"
        " 2> {log:q}"


rule summarise_study:
    """Make the measurements of a study: the JSON files that the docs quote.

    Input: all results of the study, and the table if there is one; output: a file for each table.
    """
    input:
        runs=results_of_study,
        table=table_of_study,
    output:
        measurements=directory(f"{ROOT}/{SUMMARY}/measurements"),
        metrics=f"{ROOT}/{SUMMARY}/metrics.json",
        provenance=f"{ROOT}/{SUMMARY}/provenance.json",
    log:
        f"{LOGS}/{SUMMARY}.log",
    benchmark:
        f"{BENCHMARKS}/{SUMMARY}.tsv"
    threads: ask("report").threads
    resources:
        **resources_of("report"),
    params:
        job=lambda wildcards: studies.summary_job(
            STUDIES[wildcards.study], wildcards.preset
        ).model_dump_json(),
        results=ROOT,
        out=f"{ROOT}/{SUMMARY}",
        table=table_option,
    shell:
        "python -m pipeline summarise"
        " --job {params.job:q}"
        " --results {params.results:q}"
        " {params.table}"
        " --out {params.out:q}"
        " 2> {log:q}"


# Every study is a target by its name: `snakemake --cores all oracle --config preset=laptop`.
for study in STUDIES:

    rule:
        name:
            study
        input:
            f"{RESULTS}/{STUDIES[study].folder(SUMMARY)}/metrics.json",
