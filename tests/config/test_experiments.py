"""Experiments as the page about them has them: grids, labels that are overridden, broken files."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from pipeline.config import jobs, load, needs
from pipeline.config.experiments import Experiment
from pipeline.errors import InputError
from tests import pages

CONFIG = Path(__file__).parents[2] / "config"
PAGE = pages.blocks("experiments.md", "yaml")
GRID = next(block for block in PAGE if "grid:" in block)
LABELS = next(block for block in PAGE if "shapley_64:" in block)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration with no experiment but the demo."""
    shutil.copytree(CONFIG, tmp_path / "config")
    for path in (tmp_path / "config" / "experiments").glob("*.yaml"):
        if path.stem != "demo":
            path.unlink()
    return tmp_path / "config"


def read(folder: Path, text: str, given: dict | None = None) -> tuple[Experiment, load.Config]:
    """The experiment `mine` of this text, and the configuration with its labels."""
    (folder / "experiments" / "mine.yaml").write_text(text)
    config = load.resolve({"experiments": ["mine"], **(given or {})}, folder)
    found = load.experiments(config, folder)
    return found["mine"], load.with_labels(config, found)


@pytest.mark.parametrize("text", PAGE)
def test_each_experiment_of_the_page_is_valid(folder: Path, text: str) -> None:
    experiment, config = read(folder, text)
    assert [*needs.runs(config, experiment)]


def test_a_grid_makes_labels_and_rows(folder: Path) -> None:
    experiment, config = read(folder, GRID)
    names = [
        f"shapley_step{step}_momentum{mu}" for step in ("0p05", "0p1") for mu in ("0p5", "0p8")
    ]
    assert [row.strategy for row in experiment.rows] == names
    assert experiment.rows[0].label == "Shapley-NAS, step 0.05, momentum 0.5"
    job = jobs.search_job(config, "nasbench201", names[0])
    assert (job.settings["step"], job.settings["momentum"]) == (0.05, 0.5)
    # What the preset says of the algorithm holds for each of them.
    assert job.settings["permutations"] == 4


def test_a_row_without_a_grid_stays_as_it_is(folder: Path) -> None:
    content = yaml.safe_load(GRID)
    content["rows"].append({**content["rows"][0], "grid": {}})
    experiment, _ = read(folder, yaml.safe_dump(content, sort_keys=False))
    assert [row.strategy for row in experiment.rows[-2:]] == [
        "shapley_step0p1_momentum0p8",
        "shapley",
    ]


@pytest.mark.parametrize(
    ("grid", "said"),
    [
        ("{step: [1]}", "grid: 'step': expected settings.NAME or search.NAME"),
        ("{settings.stepp: [1]}", "'stepp'"),
        ("{settings.step: [1e-2, one]}", "step"),
        (
            "{settings.estimator: [no+no, no_no]}",
            "two combinations are called 'shapley_estimatorno_no'",
        ),
    ],
)
def test_a_grid_that_is_wrong(folder: Path, grid: str, said: str) -> None:
    lines = [f"grid: {grid}" if line.startswith("grid:") else line for line in GRID.splitlines()]
    with pytest.raises(InputError) as caught:
        read(folder, "\n".join(lines))
    assert "mine.yaml" in str(caught.value)
    assert said in str(caught.value)


def test_the_configuration_overrides_a_label_of_an_experiment(folder: Path) -> None:
    given = {"strategies": {"shapley_64": {"settings": {"value_images": 32}, "title": "Fewer"}}}
    _, config = read(folder, LABELS, given)
    job = jobs.search_job(config, "nasbench201", "shapley_64")
    assert (job.algorithm, job.settings["value_images"]) == ("shapley", 32)
    assert jobs.title_of(config, "shapley_64") == "Fewer"
    short = jobs.search_job(config, "nasbench201", "shapley_short")
    assert short.search.epochs == 3  # another label stays as its file has it


def test_a_broken_file_stops_only_those_who_ask_for_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "experiments" / "broken.yaml").write_text(
        "title: x\nrowz: []\nrows: [{label: a, datasets: [digits]}]\n"
    )
    config = load.resolve({}, folder)
    known = load.experiments(config, folder)
    assert "demo" in known and "broken" not in known
    said = capsys.readouterr().err
    assert said.startswith(f"warning: {folder}/experiments/broken.yaml is left out: ")
    assert "rowz" in said
    with pytest.raises(InputError, match="rowz"):
        load.experiments(load.resolve({"experiments": ["broken"]}, folder), folder)
