"""What is wrong with the input is one line, before any job, and leaves nothing half-written."""

from __future__ import annotations

import os
import shutil

import pytest
import yaml

from tests.conftest import fill
from tests.data import stand_ins
from tests.nasbench.toys import toy_frame, write_toy_table
from tests.workflow.conftest import SETTINGS

pytestmark = pytest.mark.workflow

CIFAR = {
    "title": "CIFAR-10",
    "rows": [
        {"label": "R", "strategy": "random", "space": "nasbench201", "datasets": ["cifar10"]},
    ],
}


@pytest.fixture(scope="module")
def checkout(copy_checkout):
    made = copy_checkout()
    text = yaml.safe_dump(CIFAR)
    (made.folder / "config" / "experiments" / "cifar.yaml").write_text(text, encoding="utf-8")
    # In the demo digits stand for it; here it stands for itself.
    made.set({**SETTINGS, "experiments": ["cifar"], "stand_ins": {"cifar10": "cifar10"}})
    return made


def complaint(output: str) -> str:
    """The one line that says what is wrong."""
    lines = [line for line in output.splitlines() if line.startswith("error:")]
    assert len(lines) == 1, output
    assert "Traceback" not in output
    return lines[0]


def test_a_missing_data_root(checkout):
    code, output = checkout.snakemake(SHAPLEY_NAS_DATA="nowhere")
    assert code != 0
    assert "nowhere" in complaint(output)
    assert "cifar-10-batches-py" in complaint(output)
    assert not checkout.path("data").exists()


def test_a_truncated_file(checkout, tmp_path):
    stand_ins.cifar10(tmp_path)
    broken = tmp_path / "cifar-10-batches-py" / "data_batch_3"
    broken.write_bytes(broken.read_bytes()[:1000])
    code, output = checkout.snakemake(SHAPLEY_NAS_DATA=str(tmp_path))
    assert code != 0
    assert "data_batch" in complaint(output)
    assert not checkout.path("data").exists()


def test_a_table_with_a_wrong_column(copy_checkout, tmp_path):
    checkout = copy_checkout()
    table = tmp_path / "nas_bench_201" / "nas_bench_201.csv.gz"
    write_toy_table(table, toy_frame().rename(columns={"cifar100_test": "cifar100_tset"}))
    target = "results/demo/data/nas_bench_201/table.npy"
    code, _ = checkout.snakemake(target, SHAPLEY_NAS_DATA=str(tmp_path))
    assert code != 0
    log = checkout.path("logs/convert/table.log").read_text()
    (line,) = [line for line in log.splitlines() if line.startswith("error:")]
    assert "'cifar100_test'" in line
    assert str(table) in line
    assert not (checkout.folder / target).exists()
    shutil.rmtree(table.parent)


@pytest.fixture(scope="module")
def digits(copy_checkout):
    made = copy_checkout()
    made.set(SETTINGS)
    return made


NOWHERE = "/proc/nowhere"
C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize(
    "surroundings",
    [
        {"HOME": NOWHERE, "XDG_CACHE_HOME": "", "XDG_CONFIG_HOME": NOWHERE},
        {"XDG_CACHE_HOME": NOWHERE},
        {"HOME": "FULL", "XDG_CACHE_HOME": ""},
        {"XDG_CACHE_HOME": "FULL", **C_LOCALE},
    ],
    ids=str,
)
def test_plain_snakemake_writes_nothing_at_home(surroundings, digits, request):
    """Snakemake keeps its source cache at home by default, and ends in a traceback there."""
    if "FULL" in surroundings.values():
        disk = request.getfixturevalue("small_disk")
        fill(disk)
        surroundings = {k: str(disk) if v == "FULL" else v for k, v in surroundings.items()}
    before = os.umask(0o077)
    try:
        target = str(digits.path("data/digits/manifest.json").relative_to(digits.folder))
        code, output = digits.snakemake("--forceall", target, **surroundings)
    finally:
        os.umask(before)
    assert code == 0, output
    assert "Traceback" not in output


@pytest.mark.parametrize("name", ["TMPDIR", "TEMP", "TMP"])
def test_a_temporary_folder_that_takes_nothing(name, digits):
    code, output = digits.snakemake("-n", **{name: NOWHERE})
    assert code == 2
    assert f"{name}: {NOWHERE}" in complaint(output)
