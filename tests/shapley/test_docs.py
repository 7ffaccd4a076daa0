"""docs/your-own-game.md: its example runs. docs/shapley.md: its tables and settings are right."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from matplotlib.axes import Axes

from pipeline import registry
from pipeline.config import jobs, load
from pipeline.files import write_json
from pipeline.studies import pages
from pipeline.studies.pictures import DRAWN

PAGE = (Path(__file__).parents[2] / "docs" / "shapley.md").read_text()
TUTORIAL = (Path(__file__).parents[2] / "docs" / "your-own-game.md").read_text()
CONFIG = Path(__file__).parents[2] / "config"


def block(language: str, page: str) -> str:
    return re.search(rf"```{language}\n(.*?)```", page, re.S).group(1)


def test_the_example(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict = {}
    exec(block("python", TUTORIAL), names)
    assert np.allclose(names["exact"].phi, [1, 1, 1, 0])
    assert np.allclose(names["pairs"].pairs[0, 1], 2)
    assert "[1. 1. 1. 0.]" in capsys.readouterr().out


def test_the_table_names_every_estimator() -> None:
    section = PAGE.split("## Which estimator")[1].split("\n## ")[0]
    first = [line.split("|")[1] for line in section.splitlines() if line.startswith("|")]
    named = {name for cell in first for name in re.findall(r"`(\w+)`", cell)}
    assert named == set(registry.names("estimators"))


def test_the_settings() -> None:
    config = load.resolve(yaml.safe_load(block("yaml", PAGE)), CONFIG)
    found = {
        label: jobs.search_job(config, "nasbench201", label).settings
        for label in yaml.safe_load(block("yaml", PAGE))["strategies"]
    }
    assert found["shapley_released"]["norm"] == "z_score"
    assert found["shapley_adjusted"]["estimator"] == "regression_adjusted"
    assert found["shapley_soft"]["value"] == "soft_accuracy"


def test_the_tables_are_the_measurements() -> None:
    places = ["games", "estimators", "cost", "supernets"]
    found = pages.PLACE.findall(PAGE)
    assert found == [*(f"shapley_{place}" for place in places), "oracle_supernets"]
    assert pages.fill(PAGE, CONFIG.parent / "docs" / "measurements") == PAGE


def test_a_table_is_made_of_its_measurement(tmp_path: Path) -> None:
    """Estimators as rows, supernets as columns, the best mean first; what stands around stays."""

    def row(supernet: str, estimator: str, tau: float) -> dict:
        number = {"mean": tau, "std": 0.1, "half_width": 0.234, "n": 5}
        same = dict.fromkeys(("tau", "r", "winners"), number)
        return {"supernet": supernet, "estimator": estimator, "share": 0.2, **same}

    rows = [row("uniform, 3 passes", "a", 0.1), row("loop, 6 passes", "a", 0.3)]
    rows += [row("uniform, 3 passes", "b", 0.5), row("loop, 6 passes", "b", 0.6)]
    content = {"columns": {"estimator": "Estimator"}, "rows": rows}
    write_json(tmp_path / "shapley_estimators.json", content)
    page = "before\n<!-- shapley_estimators -->\nold\n<!-- end -->\nafter\n"
    lines = pages.fill(page, tmp_path).splitlines()
    assert (lines[0], lines[-1]) == ("before", "after")
    assert lines[2].startswith("| Estimator | Cost, plain = 1 | uniform, 3 | loop, 6 | Mean tau")
    assert lines[4] == "| `b` | 0.2 | 0.50 ± 0.23 | 0.60 ± 0.23 | 0.55 | 0.55 | 0.55 |"
    assert lines[5].startswith("| `a` | 0.2 | 0.10 ± 0.23 | 0.30 ± 0.23 | 0.2 |")


def test_a_reading_that_knows_nothing_has_a_dash(tmp_path: Path) -> None:
    """A way, age and policy each; what is read of alpha itself is left out."""
    row = {"way": "loop", "age": 4, "batch_norm": "running", "reading": "accuracy"}
    rows = [row | {"table_tau": None, "found_accuracy": None}, row | {"batch_norm": ""}]
    rows += [row | {"way": "uniform", "table_tau": 0.123, "found_accuracy": 93.21}]
    write_json(tmp_path / "oracle_supernets.json", {"columns": {"reading": "R"}, "rows": rows})
    place = "<!-- oracle_supernets -->\n<!-- end -->"
    lines = pages.fill(place, tmp_path).splitlines()
    assert lines[1] == "| R | loop, 4 | uniform, 4 |"
    assert lines[3] == "| accuracy, running statistics | – | 0.12, 93.2 |"


@pytest.mark.parametrize("name", [*DRAWN])
def test_the_pictures_are_of_the_measurements(name: str, tmp_path: Path) -> None:
    docs = CONFIG.parent / "docs"
    drawn = tmp_path / "drawn.svg"
    DRAWN[name](docs / "measurements" / f"{name}.json", drawn)
    # Coordinates depend on the fonts and libraries that are installed; what is written does not.
    written = re.compile(r"<text[^>]*>(.*?)</text>", re.S)
    kept = (docs / "images" / f"{name}.svg").read_text()
    assert written.findall(drawn.read_text()) == written.findall(kept)


def test_an_estimator_has_one_line_in_all_panels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Panels share the axis: one that lacks an estimator must not move the others."""
    tau = {"mean": 0.5, "half_width": 0.1}
    rows = [
        {"supernet": supernet, "estimator": name, "tau": tau}
        | ({} if name == "ceiling" else {"share": 0.2})
        for supernet, names in (("uniform, 3", "ac"), ("uniform, 6", "abc"))
        for name in (*names, "ceiling")
    ]
    write_json(tmp_path / "shapley_estimators.json", {"rows": rows})
    lines: list[list[int]] = []

    def errorbar(axes: Axes, x: list[float], y: list[int], **_: object) -> None:
        lines.append([*y])

    monkeypatch.setattr(Axes, "errorbar", errorbar)
    DRAWN["shapley_estimators"](tmp_path / "shapley_estimators.json", tmp_path / "drawn.svg")
    assert [sorted(line) for line in lines if line] == [[0, 2], [0, 1, 2]]
