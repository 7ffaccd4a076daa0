"""Plausible mistakes: each is one line that names what the user gave, and the remedy.

The line names the user's own key, option or file and not a file of the program; exit code 2,
nothing on stdout, no traceback, and nothing is written.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import cli as program
from tests.nasbench.toys import toy_frame, write_toy_table

ROOT = Path(__file__).parents[2]
SKIPS = "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|skip_connect~0|skip_connect~1|none~2|"
SEARCH = ["search", "--dataset", "digits", "--strategy", "shapley", "--space"]
TRANSFER = ["transfer", "--set", "datasets.mine.path=mine", "--target", "mine"]

FILES = {
    "twice.yaml": "seeds: [0]\ndevice: cpu\nseeds: [1]\n",
    "tabs.yaml": "search:\n\tdarts: {}\n",
    "list.yaml": "- seeds\n",
    "typo.yaml": "sede: [0]\n",
    "many.yaml": "search: {darts: {epochs: many}}\n",
    "date.yaml": "mlflow_experiment: 2026-11-30\n",
    "folder.yaml": "datasets: {mine: {image_size: 64}}\n",
    "label.yaml": "strategies: {mine: {algorithm: shaply}}\n",
    "setting.yaml": "strategies: {mine: {algorithm: shapley, settings: {permutation: 3}}}\n",
    "empty.json": "",
    "nan.json": '{"format": NaN}',
    "other.json": '{"a": 1}',
    "genotype.json": '{"format": "shapley-nas-genotype", "version": 9}',
    "manifest.json": '{"name": "x", "kind": "small", "path": "", "classes": 2, "class_names": '
    '["a", "b"], "image_size": 8, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0, 0.5], "n_train": 9, '
    '"n_test": 9, "fingerprint": "f"}',
    "model.pt": "not a model",
    "table.txt": "index,arch\n",
}

MISTAKES = [
    # names of things
    ([*SEARCH, "nasbench"], ["--space", "'nasbench'", "did you mean 'nasbench201'"]),
    ([*SEARCH, "dart"], ["--space", "did you mean 'darts'"]),
    (
        ["search", "--space", "darts", "--strategy", "shaply", "--dataset", "digits"],
        ["--strategy", "'shaply'", "did you mean 'shapley'"],
    ),
    (
        ["search", "--space", "darts", "--strategy", "shapley", "--dataset", "digit"],
        ["--dataset", "'digit'", "did you mean 'digits'"],
    ),
    (["prepare", "--dataset", "cifar"], ["--dataset", "'cifar'", "did you mean"]),
    (
        ["retrain", "--target", "cifar11", "--genotype", "darts_v2", "--out", "o"],
        ["--target", "'cifar11'", "did you mean"],
    ),
    (["profile", "--genotype", "shapley_nas_cifar"], ["did you mean 'shapley_nas_cifar10'"]),
    (["plan", "table9"], ["table9", "table"]),
    (["list", "dataset"], ["'dataset'", "datasets"]),
    (["serach"], ["'serach'", "did you mean 'search'"]),
    (["prepare", "--dataset", "digits", "--preset", "papr"], ["--preset", "did you mean 'paper'"]),
    # options
    (["search", "--space", "darts", "--dataset", "digits"], ["--strategy", "missing", "--help"]),
    (["prepare"], ["--dataset", "missing"]),
    (["prepare", "--dataset", "digits", "--sed", "1"], ["--sed", "prepare --help"]),
    ([*SEARCH, "darts", "--seed", "one"], ["--seed", "'one'", "integer"]),
    ([*SEARCH, "darts", "--seed", "-1"], ["--seed", "-1", "x>=0"]),
    ([*SEARCH, "darts", "--threads", "0"], ["--threads", "0"]),
    (["query", "--index", "1", "--arch", SKIPS], ["exactly one"]),
    (["profile", "--genotype", SKIPS, "--layout", "cifar10"], ["cifar10", "nasbench201"]),
    (["profile", "--genotype", SKIPS, "--layout", "nasbench201", "--cells", "0"], ["--cells"]),
    (
        [*TRANSFER, "--start", "model.pt", "--genotype", "darts_v2", "--out", "o"],
        ["--start, --genotype", "only one"],
    ),
    # settings: the option or the file of the user's, and what is expected
    (["plan", "--set", "seeds"], ["--set seeds", "KEY=VALUE"]),
    (["plan", "--set", "sede=1"], ["--set sede=1", "did you mean 'seeds'"]),
    (["plan", "--set", "seeds=5"], ["--set seeds=5", "a list such as [0, 1]"]),
    (["plan", "--set", "seeds=[1,1]"], ["--set seeds=[1,1]", "1 stands twice"]),
    (["plan", "--set", "search.darts.epochs=1e1"], ["search.darts.epochs", "a whole number"]),
    (["plan", "--set", "search.darts.epochs=yes"], ["search.darts.epochs", "yes, no"]),
    (["plan", "--set", "device=gpu"], ["--set device=gpu", "'auto', 'cpu' or 'cuda'"]),
    (["plan", "--set", "retrain.darts.held_out=1.5"], ["held_out", "less than 1"]),
    (["plan", "--set", "retrain.own.colour_jitter=1.5"], ["colour_jitter", "1.5", "equal to 1"]),
    (["plan", "--set", "seeds=[1"], ["--set seeds=[1", "not valid YAML"]),
    (["plan", "--set", "data_root=$NOT_SET/data"], ["data_root", "not set here"]),
    (["plan", "--configfile", "nowhere.yaml"], ["nowhere.yaml", "no such file"]),
    (["plan", "--configfile", "twice.yaml"], ["twice.yaml", "'seeds' twice, in lines 1 and 3"]),
    (["plan", "--configfile", "tabs.yaml"], ["tabs.yaml", "not valid YAML", "line 2"]),
    (["plan", "--configfile", "list.yaml"], ["list.yaml", "`key: value` lines"]),
    (["plan", "--configfile", "typo.yaml"], ["--configfile typo.yaml", "did you mean 'seeds'"]),
    (["plan", "--configfile", "many.yaml"], ["many.yaml: search.darts.epochs", "'many'"]),
    (["plan", "--configfile", "date.yaml"], ["date.yaml: mlflow_experiment", "in quotes"]),
    (["plan", "--configfile", "folder.yaml"], ["folder.yaml: datasets.mine.path", "missing"]),
    (["plan", "--configfile", "label.yaml"], ["label.yaml", "mine", "did you mean 'shapley'"]),
    (["plan", "--configfile", "setting.yaml"], ["setting.yaml", "mine", "'permutations'"]),
    # files
    (["query", "--table", "nowhere.csv", "--index", "1"], ["nowhere.csv", "no such file"]),
    (["query", "--table", "table.txt", "--index", "1"], ["table.txt", "known kind", ".csv"]),
    (["query", "--table", "fractions.csv", "--index", "1"], ["cifar10_test", "percent"]),
    (["query", "--table", ".", "--index", "1"], [".", "meta.pickle.pbz2"]),
    (["profile", "--genotype", "empty.json"], ["empty.json", "not valid JSON"]),
    (["profile", "--genotype", "nan.json"], ["nan.json", "not valid JSON", "NaN"]),
    (["profile", "--genotype", "other.json"], ["other.json", '"format"']),
    (["profile", "--genotype", "genotype.json"], ["genotype.json", "version 9"]),
    (["profile", "--genotype", "./"], ["a folder, expected a file"]),
    (["export", "--model", "model.pt", "--out", "o"], ["model.pt", "not a readable model"]),
    (
        [*SEARCH, "nasbench201", "--manifest", "manifest.json"],
        ["manifest.json", "prepare the data set again", "std.1", "greater than 0"],
    ),
    (["compare", "nowhere"], ["nowhere", "no such folder"]),
    # data that are not there: the folder, the address and the option come first
    (
        ["prepare", "--dataset", "cifar10", "--data-root", "nowhere"],
        ["nowhere/cifar-10-batches-py; ", "--config download=true", "https://", "data_batch_1"],
    ),
    ([*SEARCH, "nasbench201"], ["first run `python -m pipeline prepare --dataset digits`"]),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("user")
    (made / "config").symlink_to(ROOT / "config")
    for name, text in FILES.items():
        (made / name).write_text(text, encoding="utf-8")
    frame = toy_frame()
    write_toy_table(made / "fractions.csv", frame.assign(cifar10_test=frame["cifar10_test"] / 100))
    return made


@pytest.mark.parametrize(("arguments", "words"), MISTAKES, ids=lambda value: " ".join(value))
def test_a_mistake_is_one_line_with_the_users_own_words(
    arguments, words, folder, monkeypatch, capsys
):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["pipeline", *arguments])
    monkeypatch.setattr(program.signal, "signal", lambda *_: None)
    for name in ("SHAPLEY_NAS_DATA", "SHAPLEY_NAS_RESULTS", "NOT_SET"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SystemExit) as end:
        program.main()
    said = capsys.readouterr()
    (line,) = said.err.splitlines()
    assert line.startswith("error: ") and end.value.code == 2 and said.out == ""
    assert all(word in line for word in words), line
    assert "presets/" not in line
    made = {path.name for path in folder.iterdir()} - {*FILES, "config", "fractions.csv"}
    assert made <= {"results"}, "nothing but the journal of a stage that has failed"


@pytest.mark.workflow
@pytest.mark.parametrize(
    ("arguments", "lines", "code"),
    [
        # Snakemake itself refuses this one, and ends with a code of its own.
        (["table6"], [["no target 'table6'", "did you mean 'table"]], 1),
        (
            ["--configfile", "{typo}", "--config", "seeds=5", "device=gpu"],
            [["typo.yaml", "'seeds'"], ["--config: seeds", "[0, 1]"], ["--config: device", "cpu"]],
            2,
        ),
        (["--configfile", "{twice}"], [["twice.yaml", "lines 1 and 3"]], 2),
    ],
)
def test_the_workflow_says_all_of_them_before_it_starts(arguments, lines, code, folder):
    named = {name: folder / f"{name}.yaml" for name in ("typo", "twice")}
    command = [sys.executable, "-m", "snakemake", "-n", *(a.format(**named) for a in arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={**os.environ})
    said = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == code and "Traceback" not in done.stderr
    assert len(said) == len(lines), done.stderr
    for words in lines:
        assert any(all(word in line for word in words) for line in said), (words, said)
