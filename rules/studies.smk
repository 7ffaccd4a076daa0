"""Studies of `config/studies/`: short trainings in several forms, and all measurements."""


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
