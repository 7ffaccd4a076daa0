"""A verb with `--job` reads its slice and no configuration, for one's own data set too."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline import cli as program
from pipeline.config import jobs, load
from pipeline.config.model import Config
from tests.data.stand_ins import image_folder

CONFIG = Path(__file__).parents[2] / "config"
SMALL = {"channels": 4, "cells": 1, "epochs": 1, "limit_train": 64, "batch_size": 32}
GIVEN = {
    "datasets": {"mine": {"path": "mine", "image_size": 32}},
    "search": {
        "nasbench201": {"epochs": 1, "limit_train": 64, "supernet": {"channels": 4, "cells": 1}}
    },
    "strategies": {"shapley": {"settings": {"permutations": 1, "value_images": 32}}},
    "removal": {"images": 64},
    "retrain": {
        "nasbench201": SMALL,
        "trial": SMALL | {"cells": 3},
        "folder": {"channels": 4, "cells": 3, "epochs": 1, "limit_train": 8, "workers": 0},
    },
}


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """What the workflow read; in the working directory the configuration is broken since."""
    config = load.resolve(GIVEN, CONFIG)
    config = load.with_labels(config, load.experiments(config, CONFIG))
    image_folder(tmp_path / "data" / "mine", ("cat", "dog"), (40, 36), n=8)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.yaml").write_text("preset: [broken\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHAPLEY_NAS_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("SHAPLEY_NAS_RESULTS", "results/demo")
    monkeypatch.setenv("SHAPLEY_NAS_TRACKING", "false")
    return config


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable:
    """Run a verb in this process; it must succeed."""

    def call(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["pipeline", *map(str, arguments)])
        monkeypatch.setattr(program.signal, "signal", lambda *_: None)
        try:
            program.main()
        except SystemExit as end:
            assert not end.code, capsys.readouterr().err
        return capsys.readouterr().out

    return call


def test_every_verb_of_the_workflow(config: Config, call: Callable) -> None:
    def run(verb: str, job: object, *arguments: object) -> None:
        call(verb, "--job", job.model_dump_json(), *arguments)

    root = Path("results/demo")
    digits, mine = (root / "data" / name / "manifest.json" for name in ("digits", "mine"))
    run("track", jobs.workflow_job(config, ("digits", "mine")), "start")
    for name in ("digits", "mine"):
        run("prepare", jobs.prepare_job(config, name), "--out", root / "data" / name)
    nb201, darts = root / "nasbench201/digits/shapley/seed0", root / "darts/mine/random/seed0"
    for base, manifest, names in (
        (nb201, digits, ("nasbench201", "digits", "shapley")),
        (darts, mine, ("darts", "mine", "random")),
    ):
        space, dataset, strategy = names
        search = jobs.search_job(config, space, strategy)
        run("search", search, "--manifest", manifest, "--out", base / "search", "--threads", 1)
        arguments = ("--manifest", manifest, "--strength", base / "search" / "strength.npz")
        genotype = jobs.genotype_job(config, space, dataset, strategy)
        run("genotype", genotype, *arguments, "--out", base / "genotype")
    found = nb201 / "genotype" / "genotype.json"
    arguments = ("--genotype", found, "--manifest", digits, "--threads", 1)
    trial = jobs.trial_job(config, "nasbench201", "digits")
    run("trial", trial, *arguments, "--out", nb201 / "trial")
    retrain = jobs.retrain_job(config, "nasbench201", "digits")
    run("retrain", retrain, *arguments, "--out", nb201 / "retrain/digits/rseed0")
    arguments = ("--genotype", darts / "genotype/genotype.json", "--manifest", mine, "--threads", 1)
    transfer = jobs.transfer_job(config, "darts", "mine")
    run("transfer", transfer, *arguments, "--out", darts / "retrain/mine/rseed0")
    arguments = ("--supernet", nb201 / "search/supernet.pt", "--manifest", digits, "--threads", 1)
    run("removal", jobs.removal_job(config), *arguments, "--out", nb201 / "removal")
    arguments = ("--strength", nb201 / "search/strength.npz", "--dataset", "digits")
    ranking = jobs.ranking_job(config, "nasbench201", "digits", "shapley")
    table = load.find_table("data", "digits")
    run("ranking", ranking, *arguments, "--table", table, "--out", nb201 / "ranking")
    queries = jobs.search_job(config, "nasbench201", "random_search")
    arguments = ("--dataset", "digits", "--table", table, "--seeds", 2, "--threads", 1)
    out = root / "nasbench201/digits/random_search/seeds2/queries"
    run("queries", queries, *arguments, "--out", out)
    experiments = load.experiments(config, CONFIG)
    report = jobs.report_job(config, [experiments["figure2"]])
    run("report", report, "--results", root, "--out", root / "report/figure2.html")
    run("draw", report, "--results", root, "--out", root / "report/figures/figure2")
    call("track", "finish")
    stages = {file.parent.relative_to(root).as_posix() for file in root.rglob("metrics.json")}
    assert len(stages) == 12, stages
    assert (root / "report/figure2.html").exists()


def test_a_verb_by_hand_reads_the_configuration(
    config: Config, call: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.yaml").write_text("datasets: {mine: {path: mine, image_size: 32}}\n")
    with pytest.raises(AssertionError, match=r"config.yaml: not valid YAML"):
        call("prepare", "--dataset", "mine", "--configfile", "own.yaml")
    monkeypatch.chdir(CONFIG.parent)
    out = tmp_path / "results" / "mine"
    call("prepare", "--dataset", "mine", "--configfile", tmp_path / "own.yaml", "--out", out)
    assert (out / "manifest.json").exists()


def test_a_verb_that_takes_a_job_does_not_import_the_code_that_loads_the_configuration() -> None:
    takers = ("data", "stages", "benchmark", "studies", "reports", "record")
    imports = "; ".join(f"import pipeline.verbs.{name}" for name in takers)
    program = f"import sys; {imports}; print('pipeline.config.load' in sys.modules)"
    command = [sys.executable, "-c", program]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "False\n"
