"""The common parts of all stages: a folder for results, a state folder, and a record.

A stage writes `metrics.json`, `history.csv` and `provenance.json` next to its results. Checkpoints,
log and journal are in `state`, because Snakemake removes declared outputs before it starts a job.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline import files, locks, paths, provenance
from pipeline import journal as journals
from pipeline.config import code
from pipeline.errors import InputError
from pipeline.journal import Journal
from pipeline.paths import Place
from pipeline.registry import sources
from pipeline.settings import Settings

LOG = "log.txt"


@dataclass
class Stage:
    """A running stage; made by `stage`."""

    name: str
    run: str
    out: Path
    state: Path
    settings: Settings
    seed: int | None
    device: str
    data: Mapping[str, Any] | None
    journal: Journal
    behind: sources.Things = ()  # the registered things that its settings name
    earlier_code: Sequence[Mapping[str, str]] = ()  # code of the processes that this one resumes
    started: float = field(default_factory=time.monotonic)  # the system clock may jump

    def log(self, text: str) -> None:
        """Write one line to stderr (the log of the Snakemake rule) and to `state/log.txt`."""
        line = f"{time.strftime('%H:%M:%S')} {self.name} {self.run}: {text}"
        print(line, file=sys.stderr)
        with (self.state / LOG).open("a", encoding="utf-8", errors="backslashreplace") as stream:
            print(line, file=stream)

    def epoch(self, metrics: Mapping[str, float], step: int) -> None:
        """Add one epoch's metrics to the journal, unless it already has this step."""
        self.journal.append_metrics(metrics, step)

    def finish(
        self,
        metrics: Mapping[str, Any],
        history: Sequence[Mapping[str, Any]] = (),
        artifacts: Sequence[Path] = (),
        model: Path | None = None,
    ) -> None:
        """Write the record of a successful stage, `metrics.json` last.

        Args:
            metrics: what the stage measured; accuracies and errors as fractions.
            history: one row for each epoch.
            artifacts: files that the journal lists.
            model: file of a complete model, which the journal lists as the run's model.
        """
        if history:
            files.write_csv(self.out / "history.csv", history)
        record = provenance.collect(
            settings=self.settings.model_dump(mode="json"),
            seed=self.seed,
            device=self.device,
            seconds=self.journal.seconds_before + time.monotonic() - self.started,
            data=self.data,
        )
        names = {"stage": self.name, "run": self.run, "run_key": self.journal.key}
        record |= {"modules": sources.in_use(self.behind), "plugins": sources.plugins(self.behind)}
        record |= {"earlier_code": [*self.earlier_code]} if self.earlier_code else {}
        files.write_json(self.out / "provenance.json", {**names, **record})
        files.write_json(self.out / "metrics.json", metrics)
        numbers = {k: v for k, v in metrics.items() if isinstance(v, int | float)}
        self.journal.append_metrics(numbers, step=len(history), event="result")
        log = self.state / LOG
        for path in (*artifacts, self.out / "provenance.json", *([log] if log.exists() else [])):
            self.journal.append_artifact(path)
        if model:
            self.journal.append_artifact(model, form="model")


@contextmanager
def stage(
    name: str,
    out: Path,
    settings: Settings,
    seed: int | None = None,
    device: str = "cpu",
    data: Mapping[str, Any] | None = None,
) -> Iterator[Stage]:
    """Open a stage; its journal ends with the status FINISHED, or FAILED after an exception.

    Args:
        name: the stage's verb.
        out: folder of the declared outputs.
        settings: the slice of the configuration that the stage reads.
        seed: the run's seed.
        device: name of the device.
        data: manifest of the data set.

    Raises:
        InputError: `out` holds a result of the workflow that was made with other settings or data.
    """
    refuse_others(out, settings, seed, data)
    results = results_root(out)
    run = out.resolve().relative_to(results.resolve()).as_posix()
    state = results / paths.STATE / run
    state.mkdir(parents=True, exist_ok=True)
    place = paths.find(run)
    known = {"data": data.get("name"), "data_fingerprint": data["fingerprint"]} if data else {}
    content, dataset = settings.model_dump(), known.get("data")
    behind, digests = code.things(content, dataset), code.digests(content, dataset)
    tags = {**_names(results, place), "stage": name, "run": run, "device": device, **known}
    goes_on = any(state.glob("*.pt*"))
    record = journals.recorded(
        state / journals.NAME,
        stage=name,
        name=place.title if place else run,
        workflow=journals.workflow_of(results / paths.STATE),
        params={"seed": seed, **settings.model_dump(mode="json")},
        tags={**tags, **({"code_behind": digests} if digests else {})},
    )
    with locks.stage(state), record as journal:
        earlier = journal.earlier_code if goes_on else []
        s = Stage(name, run, out, state, settings, seed, device, data, journal, behind, earlier)
        for code_before in earlier:
            s.log(f"goes on under other code: {_changes(code_before, journal.tags)}")
        yield s
    remove_checkpoints(state)


def _names(results: Path, place: Place | None) -> dict[str, str]:
    """Tags from the parts of a run's folder name."""
    if place is None:
        return {}
    named = {key: str(value) for key, value in vars(place).items() if value is not None}
    return {"preset": results.resolve().name, **named}


def _changes(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """The digests that differ, before and now."""
    pairs = ((key, before.get(key, "none"), now.get(key, "none")) for key in journals.CODE)
    return "; ".join(f"{key} {a} -> {b}" for key, a, b in pairs if a != b)


def refuse_others(
    out: Path, settings: Settings, seed: int | None, data: Mapping[str, Any] | None
) -> None:
    """Check the result in `out`, if a stage is called by hand and the workflow made one.

    Raises:
        InputError: the result was made with other settings or data.
    """
    path = out / "provenance.json"
    if not paths.is_of_workflow(out) or not path.exists():
        return
    record = files.read_json(path)
    before = (record.get("settings"), record.get("seed"))
    images = (record.get("data") or {}).get("fingerprint")
    other_images = data is not None and images != data.get("fingerprint")
    if other_images or before != (settings.model_dump(mode="json"), seed):
        raise InputError(
            f"{out}: holds a result of the workflow that was made with other settings or data; "
            "give another folder by --out, or delete it"
        )


def results_root(out: Path) -> Path:
    """`results/{preset}` if `out` lies in it, otherwise the folder above `out`."""
    root = Path(os.environ.get("SHAPLEY_NAS_RESULTS", ""))
    if root.parts and out.resolve().is_relative_to(root.resolve()):
        return root
    return out.parent


def remove_checkpoints(state: Path) -> None:
    """Remove files that only an unfinished stage needs; its journal and log stay."""
    for path in state.glob("*.pt*"):
        path.unlink()
    if state.exists() and not any(state.iterdir()):
        shutil.rmtree(state)
