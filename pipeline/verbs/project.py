"""Verbs for the project itself: make a folder to work in, and collect facts for a bug report."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import yaml

from pipeline import layout, machine, provenance
from pipeline.config import layers, load
from pipeline.config.model import Config
from pipeline.verbs.given import Given
from pipeline.verbs.options import takes
from pipeline.verbs.redaction import without_secrets

LAST_LINES = 30


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def init(folder: Path) -> None:
    """Copy Snakefile, rules, configuration and profiles into a folder of your own."""
    layout.lay_out(folder)
    print(f"{folder} is ready. Next:\n  cd {folder}\n  snakemake --cores all")


@click.command("report-bug")
@click.option(
    "--results",
    type=Path,
    default=Path("results"),
    show_default=True,
    help="folder whose newest log is shown",
)
@takes("config")
def report_bug(given: Given, results: Path) -> None:
    """Print the facts for a bug report: versions, GPU, changed settings, the last log."""
    print(text(given.config, results))


def text(config: Config, results: Path) -> str:
    """Markdown to paste into an issue, without secrets."""
    code = provenance.code()
    versions = "\n".join(f"- {name} {version}" for name, version in provenance.versions().items())
    settings = yaml.safe_dump(changed(config), sort_keys=False, width=10**6)
    parts = [
        "## What I did, what I expected, what happened\n\n",
        "## Versions\n",
        f"- commit {code['git_commit']}{', changed files' if code['git_dirty'] else ''}",
        f"- Python {platform.python_version()}, {platform.platform()}",
        versions,
        f"- GPU: {gpus()}; {os.cpu_count()} processors",
        "\n## Settings that differ from the shipped ones\n",
        f"```yaml\n{settings}```",
        "\n## The last log\n",
        f"```\n{last_log(results)}\n```",
    ]
    return without_secrets("\n".join(parts))


def gpus() -> str:
    """The names of the GPUs, or `none`."""
    unnamed = "of unknown name" if machine.has_gpu("auto") else "none"
    return ", ".join(machine.gpu_models()) or unnamed


def changed(config: Config) -> dict[str, Any]:
    """The preset, and the settings that differ from the shipped ones.

    A preset that the user wrote is compared with the shipped preset `demo`.
    """
    folder = layout.home() / "config"
    known = config.preset in layers.named_files("presets", folder)
    shipped = load.resolve({"preset": config.preset if known else "demo"}, folder)
    shipped = load.with_labels(shipped, load.experiments(shipped, folder))
    settings = _difference(config.model_dump(mode="json"), shipped.model_dump(mode="json"))
    return {"preset": config.preset, **settings}


def _difference(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """The values of nested mappings that differ; None if only `theirs` has the key."""
    difference = {}
    for key in [*ours, *(key for key in theirs if key not in ours)]:
        our, their = ours.get(key), theirs.get(key)
        if our != their:
            if isinstance(our, Mapping) and isinstance(their, Mapping):
                our = _difference(our, their)
            difference[key] = our
    return difference


def last_log(results: Path) -> str:
    """The last lines of the newest log in `results` or its subfolders, with the log's path."""
    paths = [*results.glob("logs/**/*"), *results.glob("*/logs/**/*")]
    logs = [path for path in paths if path.is_file()]
    if not logs:
        return f"no log in {results}"
    last = max(logs, key=lambda path: path.stat().st_mtime)
    lines = last.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:]
    return "\n".join([str(last), *lines])
