"""Verbs for the project itself: make a folder to work in, and collect facts for a bug report."""
# Tested in tests/test_install.py.

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

import click
import yaml

from pipeline import layout, machine, provenance
from pipeline.verbs.options import Given, takes

LAST_LINES = 30
SECRET = re.compile(r"(?i)(password|passwd|secret|token|api_?key|credential)")
IN_ADDRESS = re.compile(r"(?<=//)[^/@\s]+@")
ASSIGNED = re.compile(
    r"(?i)([\w-]*(?:password|passwd|secret|token|api_?key|credential)[\w-]*[\"']?\s*[=:]\s*)\S+"
)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def init(folder: Path) -> None:
    """Copy Snakefile, rules, configuration and profiles into a folder of your own."""
    layout.lay_out(folder)
    print(f"{folder} is ready. Next:\n  cd {folder}\n  snakemake --cores all")


@click.command("report-bug")
@takes("results", "config")
def report_bug(given: Given) -> None:
    """Print the facts for a bug report: versions, device, settings, the last log."""
    print(text(given, Path.cwd()))


def text(given: Given, folder: Path) -> str:
    """Markdown to paste into an issue, without secrets."""
    code = provenance.code()
    versions = "\n".join(f"- {name} {version}" for name, version in provenance.versions().items())
    settings = given.config.model_dump(mode="json", exclude_defaults=True)
    shipped = settings.pop("strategies", {})
    changed = {name: label for name, label in shipped.items() if label != {"algorithm": name}}
    settings |= {"strategies": changed} if changed else {}
    log = last_log(folder / "results")
    parts = [
        "## What I did, what I expected, what happened\n\n",
        "## Versions\n",
        f"- commit {code['git_commit']}{', changed files' if code['git_dirty'] else ''}",
        f"- Python {platform.python_version()}, {platform.platform()}",
        versions,
        f"- GPU: {'yes' if machine.has_gpu('auto') else 'none'}; {os.cpu_count()} processors",
        "\n## Settings that are not the defaults\n",
        f"```yaml\n{yaml.safe_dump(settings, sort_keys=False)}```",
        "\n## The last log\n",
        f"```\n{log}\n```",
    ]
    return without_secrets("\n".join(parts))


def last_log(results: Path) -> str:
    """The last lines of the newest log in `results`, with its path."""
    logs = [path for path in results.glob("*/logs/**/*") if path.is_file()]
    if not logs:
        return "no log yet"
    last = max(logs, key=lambda path: path.stat().st_mtime)
    lines = last.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:]
    return "\n".join([str(last), *lines])


def without_secrets(text: str) -> str:
    """The text with passwords and other secrets replaced by ***, and the home folder by ~."""
    text = IN_ADDRESS.sub("***@", text)
    text = ASSIGNED.sub(r"\1***", text)
    for name, value in os.environ.items():
        if SECRET.search(name) and len(value) > 3:
            text = text.replace(value, "***")
    return text.replace(str(Path.home()), "~")
