"""Functions for the templates of the report: numbers in words, drawings, links."""
# Tested in tests/analysis/test_report.py.

from __future__ import annotations

import itertools

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pipeline import mirrored
from pipeline.analysis import figures, svg
from pipeline.analysis.architectures import anchor_of
from pipeline.analysis.intervals import number
from pipeline.analysis.measures import TEST_COLUMNS, column_title
from pipeline.analysis.runs import FinishedRun

HEADLINES = {
    # Stage -> metric -> format; the table of runs shows the first metric that the run has.
    "search": {
        "valid_accuracy": "{:.2%} validation accuracy",
        "value_full": "V(N) = {:.3f}",
        "drawn_accuracy": "{:.2%} of the architectures drawn",
        "best_drawn_accuracy": "{:.2%} of the best architecture drawn",
    },
    "genotype": {"params": "{:,.0f} parameters"},
    "trial": {"held_out_error": "{:.2%} held-out error"},
    "query": {column: f"{{:.2f}} % {column_title(column)} accuracy" for column in TEST_COLUMNS},
    "removal": {"value_full": "{:.2%} with all operations"},
    "ranking": {"tau_all": "tau {:.3f} over all architectures"},
    "retrain": {"test_error": "{:.2%} test error"},
    "queries": {"n_seeds": "{:.0f} seeds"},
}


def duration(seconds: float) -> str:
    """`42 s`, `12.3 min`, `5.2 h`."""
    for limit, unit, scale in ((100, "s", 1), (6000, "min", 60), (100 * 3600, "h", 3600)):
        if seconds < limit:
            return f"{seconds / scale:.{0 if unit == 's' else 1}f} {unit}"
    return f"{seconds / 86400:.1f} days"


def headline(run: FinishedRun) -> str:
    """The result of a run as text, for the table of runs."""
    forms = HEADLINES[run.stage].items()
    key, form = next(((k, f) for k, f in forms if k in run.metrics), ("", ""))
    value = run.metrics.get(key)
    return "" if value is None else form.format(value).replace("%", " %").replace("  %", " %")


def mlflow_url(run: FinishedRun) -> str | None:
    """Address of the run in the MLflow interface; None if MLflow does not have the run."""
    ids = [run.provenance.get(key) for key in ("mlflow_experiment_id", "mlflow_run_id")]
    return f"{mirrored.web_address()}/#/experiments/{ids[0]}/runs/{ids[1]}" if all(ids) else None


def environment() -> Environment:
    """The templates with their functions."""
    made = Environment(
        loader=PackageLoader("pipeline.analysis", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    count = itertools.count()

    def drawing(text: str, label: str) -> Markup:
        return Markup(svg.inline(text, f"d{next(count)}", label, figures.THEME))

    made.globals.update(
        anchor_of=anchor_of,
        drawing=drawing,
        number=number,
        duration=duration,
        headline=headline,
        mlflow_url=mlflow_url,
        served=mirrored.is_served(),
        series=list(enumerate(figures.SERIES)),
        dashes=[" ".join(f"{2 * length:g}" for length in dash) for dash in figures.DASHES],
    )
    return made
