"""What MLflow shows of a run besides its numbers: the source, the data, the result in words."""
# Tested in tests/tracking/test_tables.py.

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pipeline import paths, registry
from pipeline.analysis import page
from pipeline.analysis.runs import FinishedRun
from pipeline.journal import Journal

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput

# MLflow opens an experiment of this kind on its runs, and any other on traces of language models.
EXPERIMENT = {"mlflow.experimentKind": "custom_model_development"}
NOTE = "mlflow.note.content"
REPORT = "report.html"  # artifact of the workflow's run
FINAL = "final/"  # a stage's `seconds` differs from the last epoch's
DIGEST_LENGTH = 32  # MLflow accepts up to 36 characters


def chart(metric: str) -> str:
    """The name in MLflow of a metric that has a value for each epoch.

    `train_accuracy` becomes `accuracy/train`, so that MLflow shows charts of accuracies first.
    """
    name = metric.removesuffix("_accuracy")
    return metric if name == metric or "/" in metric else f"accuracy/{name}"


def points(journal: Journal) -> dict[tuple[str, int], tuple[float, int]]:
    """(metric in MLflow, step) -> (value, time) of all metrics of a run."""
    # Earlier versions wrote the prefix into the journal; `chart` keeps it.
    shown = {(chart(name), step): point for (name, step), point in journal.points.items()}
    return shown | {(f"{FINAL}{k}", step): point for (k, step), point in journal.result.items()}


def source_tags(journal: Journal) -> dict[str, str]:
    """Tags for the column "Source" of MLflow's run table: the command and the commit."""
    stage, commit = journal.start["stage"], journal.tags.get("git_commit")
    command = "snakemake" if stage == "workflow" else f"python -m pipeline {stage}"
    tags = {"mlflow.source.name": command, "mlflow.source.type": "LOCAL"}
    return {**tags, "mlflow.source.git.commit": commit} if commit else tags


def data_of(journal: Journal) -> list[DatasetInput]:
    """The data set or the table that a stage read, with its digest and origin."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    tags = journal.tags
    name, fingerprint = tags.get("data"), tags.get("data_fingerprint")
    if not name or not fingerprint:
        return []
    known = name in registry.names("datasets")
    source = registry.get("datasets", name).source if known else _table_of(journal) or name
    kind, key = ("http", "url") if source.startswith("http") else ("local", "uri")
    dataset = Dataset(name, fingerprint[:DIGEST_LENGTH], kind, json.dumps({key: source}))
    context = "evaluation" if tags["stage"] in ("query", "ranking") else "training"
    return [DatasetInput(dataset, [InputTag("mlflow.data.context", context)])]


def _table_of(journal: Journal) -> str:
    return journal.start["params"].get("table", "")


def model_name(journal: Journal) -> str:
    """A name for a network, without characters that MLflow forbids."""
    place = paths.find(journal.tags.get("run", ""))
    return place.title.replace("/", " ") if place else journal.start["name"].replace("/", " ")


def description(journal: Journal, address: str = "") -> str:
    """Markdown text for a finished run: the note of a workflow, or the main result of a stage.

    `address` is the address of the report in MLflow; empty if there is none.
    """
    place = paths.find(journal.tags.get("run", ""))
    said = journal.note
    if place is not None and not said:
        final = {
            name.removeprefix(FINAL): value
            for (name, _), (value, _) in points(journal).items()
            if name.startswith(FINAL)
        }
        result = page.headline(FinishedRun(**vars(place), metrics=final))
        said = f"**{result}**" if result else ""
    links = [f"[report]({address})"] if said and address else []
    return "\n\n".join([said, *links]) if said else ""
