"""The verbs by hand: what they answer, and how they complain."""

import json
import logging
import re
import shlex

import pytest
from click.shell_completion import ShellComplete

import pipeline
from pipeline import cli as program
from pipeline import registry
from pipeline.progress import warn
from tests.data import stand_ins
from tests.nasbench.toys import write_toy_table

SKIPS = "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|skip_connect~0|skip_connect~1|none~2|"


def test_a_warning_is_seen_whatever_a_library_does_to_logging(warned):
    """MLflow's migrations configure logging anew and switch all loggers off."""
    logging.disable(logging.CRITICAL)
    try:
        warn("the checkpoint is damaged")
    finally:
        logging.disable(logging.NOTSET)
    assert warned() == ["warning: the checkpoint is damaged"]


@pytest.mark.parametrize("verb", sorted(program.VERBS))
def test_every_verb_explains_itself(call, verb):
    code, out, _ = call(verb, "--help")
    assert code == 0
    assert "Usage" in out
    assert len(out.splitlines()) > 5


@pytest.mark.parametrize(
    "kind", ["datasets", "spaces", "strategies", "estimators", "genotypes", "experiments"]
)
def test_lists_have_one_name_a_line(call, kind):
    code, out, _ = call("list", kind)
    names = out.splitlines()
    assert code == 0
    assert names == sorted(set(names)) and names
    if kind != "experiments":
        assert names == sorted(registry.names(kind))


def test_profile_counts_as_published(call):
    code, out, _ = call("profile", "--genotype", "shapley_nas_cifar10", "--layout", "cifar10")
    counts = json.loads(out)
    assert code == 0
    assert counts["params"] == 3_603_358
    assert counts["macs"] == 558_218_880
    assert counts["auxiliary_params"] == 476_426
    _, out, _ = call("profile", "--genotype", SKIPS, "--layout", "nasbench201")
    assert json.loads(out)["params"] == 73_306


def test_query_by_index_and_by_text(call, tmp_path):
    table = write_toy_table(tmp_path / "table.csv")
    _, by_text, _ = call("query", "--table", table, "--arch", SKIPS)
    index = json.loads(by_text)["index"]
    _, by_index, _ = call("query", "--table", table, "--index", index)
    assert by_index == by_text
    assert "200 epochs" in json.loads(by_text)["protocols"]["cifar10_test"]


def test_convert_makes_the_compact_table(call, tmp_path):
    table = write_toy_table(tmp_path / "table.csv.gz")
    code, _, _ = call("convert", "--source", table, "--out", tmp_path / "table.npy")
    assert code == 0
    _, ours, _ = call("query", "--table", tmp_path / "table.npy", "--index", 7)
    _, theirs, _ = call("query", "--table", table, "--index", 7)
    assert ours == theirs


def test_imagenet16_is_made_from_a_folder(call, tmp_path):
    classes = tuple(f"n{i:08d}" for i in range(120))
    stand_ins.image_folder(tmp_path / "imagenet", classes, (20, 24), n=2)
    lines = [f"{name} {i + 1} thing" for i, name in enumerate(classes)]
    (tmp_path / "imagenet" / "map_clsloc.txt").write_text("\n".join(lines))
    arguments = ["--imagenet", tmp_path / "imagenet", "--data-root", tmp_path, "--workers", 1]
    code, _, err = call("imagenet16", *arguments)
    assert code == 0, err
    assert (tmp_path / "ImageNet16" / "val.npz").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["profile", "--genotype", "shapley_nas_cifar"], ["did you mean", "shapley_nas_cifar10"]),
        (["query", "--index", "1", "--arch", SKIPS], ["exactly one"]),
        (["query", "--table", "nowhere.csv", "--index", "1"], ["nowhere.csv", "no such file"]),
        (["convert", "--source", "nowhere.csv", "--out", "t.npy"], ["nowhere.csv"]),
        (["search", "--space", "darts"], ["--strategy", "missing"]),
        (["prepare", "--dataset", "cifar"], ["cifar", "did you mean"]),
        (["report", "--page", "table9", "--out", "page.html"], ["table9", "table"]),
        (["search", "--set", "seeds"], ["KEY=VALUE"]),
        (["search", "--set", "sede=1", "--space", "darts"], ["sede", "seed"]),
        (["list", "dataset"], ["dataset"]),
        (["bench", "everything"], ["everything"]),
        (["compare", "nowhere"], ["nowhere", "no such folder"]),
        (["compare", "nowhere", "elsewhere"], ["nowhere", "neither a folder"]),
        (["compare", "--format", "csv", "a", "b"], ["csv", "results folder"]),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(call, arguments, words):
    code, out, err = call(*arguments)
    assert code == 2
    assert out == ""
    assert all(word in err for word in words), err
    if not err.startswith("Usage"):
        assert len(err.splitlines()) == 1, err


def test_help_lists_each_verb_once_by_what_it_is_for(call):
    code, out, _ = call("--help")
    assert code == 0
    assert [line for line in out.splitlines() if line in HEADS] == HEADS
    listed = re.findall(r"^  ([a-z][a-z0-9-]+)  ", out, re.MULTILINE)
    assert sorted(listed) == sorted(program.VERBS)


HEADS = ["Everyday:", "Analysis:", "Internal:"]


def test_the_version_is_the_packages(call):
    code, out, _ = call("--version")
    assert code == 0
    assert out.split()[-1] == pipeline.__version__


@pytest.mark.parametrize(
    ("option", "begun", "name"),
    [
        ("--strategy", "shap", "shapley"),
        ("--space", "nas", "nasbench201"),
        ("--preset", "", "demo"),
    ],
)
def test_a_shell_completes_names(option, begun, name):
    shell = ShellComplete(program.cli, {}, "shapley-nas", "_SHAPLEY_NAS_COMPLETE")
    found = [item.value for item in shell.get_completions(["search", option], begun)]
    assert name in found
    assert all(item.startswith(begun) for item in found)


def test_a_stage_by_hand_says_what_to_run_next(call, tmp_path, monkeypatch):
    monkeypatch.setenv("SHAPLEY_NAS_TRACKING", "false")
    data = ("--manifest", tmp_path / "digits" / "manifest.json")
    assert call("prepare", "--dataset", "digits", "--out", tmp_path / "digits")[0] == 0
    place = ("--space", "nasbench201", "--dataset", "digits", "--strategy", "random")
    searched = call("search", *place, "--out", tmp_path / "s0" / "search", *data)
    for verb in ("genotype", "retrain"):
        code, _, said = searched
        assert code == 0, said
        (line,) = [line for line in said.splitlines() if line.startswith("next:")]
        command = shlex.split(line.removeprefix("next:"))
        assert command[:4] == ["python", "-m", "pipeline", verb]
        short = ("--set", "retrain.nasbench201.epochs=1") if verb == "retrain" else ()
        searched = call(*command[3:], *short)
    assert (tmp_path / "s0" / "genotype" / "genotype.json").exists()
    assert searched[0] == 0, searched[2]
    assert (tmp_path / "s0" / "network" / "metrics.json").exists()


def test_the_next_command_has_the_settings_of_this_one(call, tmp_path, monkeypatch):
    """On your own images, which only a file with a space in its name defines."""
    monkeypatch.setenv("SHAPLEY_NAS_TRACKING", "false")
    monkeypatch.delenv("SHAPLEY_NAS_DATA", raising=False)
    stand_ins.image_folder(tmp_path / "data" / "mine", ("cat", "dog"), (40, 36), n=8)
    file = tmp_path / "my own.yaml"
    file.write_text("datasets: {mine: {path: mine, image_size: 32}}\n")
    settings = ("--configfile", file, "--set", "retrain.nasbench201={epochs: 1, channels: 4}")
    settings += ("--data-root", tmp_path / "data")
    assert call("prepare", "--dataset", "mine", "--out", tmp_path / "mine", *settings)[0] == 0
    data = ("--manifest", tmp_path / "mine" / "manifest.json")
    place = ("--space", "nasbench201", "--dataset", "mine", "--strategy", "random")
    done = call("search", *place, "--out", tmp_path / "s0" / "search", *data, *settings)
    for _ in ("genotype", "retrain"):
        assert done[0] == 0, done[2]
        (line,) = [line for line in done[2].splitlines() if line.startswith("next:")]
        done = call(*shlex.split(line.removeprefix("next:"))[3:])
    assert done[0] == 0, done[2]
    metrics = json.loads((tmp_path / "s0" / "network" / "metrics.json").read_text())
    assert (metrics["epochs"], metrics["channels"]) == (1, 4)
