"""Report: one self-contained page for all configured experiments or for one experiment."""


rule write_report:
    """Compare all results with the paper's numbers.

    Input: the metrics of every run that the page's experiments need; output: one HTML file.
    """
    input:
        lambda wildcards: metrics_of(
            *needs.on_page(CONFIG, wildcards.page, EXPERIMENTS)
        ),
    output:
        report(
            f"{REPORT}/{{page}}.html",
            caption="captions/report.rst",
            category="Tables",
            labels={"page": "{page}"},
        ),
    log:
        f"{LOGS}/report/{{page}}.log",
    benchmark:
        f"{BENCHMARKS}/report/{{page}}.tsv"
    wildcard_constraints:
        page="|".join(["index", "paper", *EXPERIMENTS]),
    threads: ask("report").threads
    resources:
        **resources_of("report"),
    params:
        job=lambda wildcards: planned.report_job(
            CONFIG,
            [
                EXPERIMENTS[n]
                for n in needs.on_page(CONFIG, wildcards.page, EXPERIMENTS)
            ],
        ).model_dump_json(),
        results=ROOT,
    shell:
        "python -m pipeline report"
        " --job {params.job:q}"
        " --results {params.results:q}"
        " --out {output:q}"
        " 2> {log:q}"


# Every experiment is a target by its name: `snakemake --cores all table5 --config preset=paper`.
for experiment in EXPERIMENTS:

    rule:
        name:
            experiment
        input:
            f"{PAGES}/{experiment}.html",
            figures_of(experiment),


rule paper:
    """All tables and figures of the paper on one page."""
    input:
        f"{PAGES}/paper.html",
        figures_of(*needs.on_page(CONFIG, "paper", EXPERIMENTS)),


rule render_results_page:
    """Render the committed measurements as `docs/results.md` and `docs/results/`.

    Input: the findings, docs/measurements/*.json; output: the page, and a page per measurement.
    """
    input:
        "config/results.yaml",
        sorted(str(path) for path in Path("docs/measurements").glob("*.json")),
    output:
        page="docs/results.md",
        pages=directory("docs/results"),
    log:
        f"{RESULTS}/logs/report/results_page.log",
    benchmark:
        f"{RESULTS}/benchmarks/report/results_page.tsv"
    threads: ask("report").threads
    resources:
        **resources_of("report"),
    shell:
        "python -m pipeline measurements --out {output.page:q} 2> {log:q}"


rule disk:
    """List what fills the disk by preset, stage and kind, the largest first.

    Input: all files in the working tree and below `data_root`; output: a table, shown and logged.
    """
    log:
        f"{RESULTS}/logs/disk.log",
    localrule: True
    shell:
        "python -m pipeline disk | tee {log:q}"
