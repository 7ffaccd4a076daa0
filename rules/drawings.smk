"""Results of an experiment besides its table: figures, and verdicts on the paper's claims."""


rule draw_figure:
    """Draw a figure of the paper: SVG, PNG, and its numbers as CSV.

    Input: the metrics of every run that its experiment needs; output: a folder of files.
    """
    input:
        lambda wildcards: metrics_of(wildcards.experiment),
    output:
        report(
            directory(f"{REPORT}/figures/{{experiment}}"),
            patterns=["{picture}.svg"],
            caption="captions/figure.rst",
            category="Figures",
            subcategory="{experiment}",
        ),
    log:
        f"{LOGS}/draw/{{experiment}}.log",
    benchmark:
        f"{BENCHMARKS}/draw/{{experiment}}.tsv"
    wildcard_constraints:
        experiment="|".join(FIGURES),
    threads: ask("report").threads
    resources:
        **resources_of("report"),
    params:
        job=report_of_experiment,
        results=ROOT,
    shell:
        "python -m pipeline draw"
        " --job {params.job:q}"
        " --results {params.results:q}"
        " --out {output:q}"
        " 2> {log:q}"


rule judge_claims:
    """Judge the paper's claims that an experiment lists, by the rules in its file.

    Input: the metrics of every run that the experiment needs; output: a page, its pictures and
    the measurements behind it.
    """
    input:
        lambda wildcards: metrics_of(wildcards.experiment),
    output:
        report(
            directory(f"{REPORT}/claims/{{experiment}}"),
            patterns=["images/{picture}.svg"],
            caption="captions/figure.rst",
            category="Claims",
        ),
    log:
        f"{LOGS}/claims/{{experiment}}.log",
    benchmark:
        f"{BENCHMARKS}/claims/{{experiment}}.tsv"
    wildcard_constraints:
        experiment="|".join(CLAIMS),
    threads: ask("report").threads
    resources:
        **resources_of("report"),
    params:
        job=report_of_experiment,
        results=ROOT,
    shell:
        "python -m pipeline claims"
        " --judge {wildcards.experiment}"
        " --job {params.job:q}"
        " --results {params.results:q}"
        " --folder {output:q}"
        " --out {output:q}/claims.md"
        " 2> {log:q}"
