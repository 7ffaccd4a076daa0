"""The configuration: layers, errors that name the key, slices, generated files."""

from __future__ import annotations

import json
import re
import runpy
import shutil
from pathlib import Path

import jsonschema
import pytest
import yaml
from pydantic import BaseModel

from pipeline import registry
from pipeline.config import generate, jobs, layers, load, needs
from pipeline.config.experiments import StrategyLabel
from pipeline.config.model import Config
from pipeline.errors import InputError

FOLDER = Path(__file__).parents[2] / "config"


def resolve(**values):
    return load.resolve(values, FOLDER)


def test_generated_files_are_current():
    """`make config` mends a failure."""
    assert (FOLDER / "config.yaml").read_text() == generate.config_yaml()
    assert (FOLDER / "schema.json").read_text() == generate.schema_json()


def test_config_yaml_sets_the_preset_only():
    assert yaml.safe_load((FOLDER / "config.yaml").read_text()) == {"preset": "demo"}


def test_uncommenting_every_key_gives_the_defaults():
    text = (FOLDER / "config.yaml").read_text()
    keys = text.split("# Every algorithm is a strategy label")[0]
    body = keys.split("\npreset: demo", 1)[1].split("\n", 1)[1]
    values = yaml.safe_load("\n".join(line.removeprefix("# ") for line in body.splitlines()))
    assert Config.model_validate(values) == Config()


def models(model=Config, seen=None):
    """All settings models that the configuration holds."""
    seen = {} if seen is None else seen
    seen[model.__name__] = model
    for value in (getattr(model(), name) for name in model.model_fields):
        if isinstance(value, BaseModel) and type(value).__name__ not in seen:
            models(type(value), seen)
    return seen.values()


def test_every_default_says_where_it_comes_from():
    strategies = [
        registry.entry("strategies", n).settings_model() for n in registry.names("strategies")
    ]
    for model in [*models(), *strategies]:
        for name, field in model.model_fields.items():
            assert field.description, f"{model.__name__}.{name}"
            assert (field.json_schema_extra or {}).get("source"), f"{model.__name__}.{name}"


def test_the_schema_accepts_the_presets_and_refuses_a_typo():
    schema = json.loads((FOLDER / "schema.json").read_text())
    for path in (FOLDER / "presets").glob("*.yaml"):
        jsonschema.validate(resolve(preset=path.stem).model_dump(mode="json"), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"presett": "demo"}, schema)


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        ({"sed": [1]}, ["'sed'", "'seeds'"]),
        ({"search": {"darts": {"epoch": 3}}}, ["'search.darts.epoch'", "'epochs'"]),
        ({"search": {"dart": {}}}, ["'search.dart'", "'darts'"]),
        ({"search": {"darts": {"supernet": {"cels": 3}}}}, ["supernet.cels", "'cells'"]),
        ({"retrain": {"darts": {"epochs": 0}}}, ["retrain.darts.epochs", "greater than"]),
        ({"retrain": {"darts": {"epochs": "many"}}}, ["retrain.darts.epochs", "'many'"]),
        ({"preset": "papr"}, ["'papr'", "'paper'"]),
        ({"experiments": ["tabel5"]}, ["'tabel5'", "'table5'"]),
        ({"strategies": {"mine": {"algorithm": "shaply"}}}, ["'shaply'", "'shapley'"]),
        ({"strategies": {"shapley": {"settings": {"etaa": 1}}}}, ["etaa", "'eta'"]),
        (
            {"strategies": {"shapley": {"settings": {"estimator": "kernel", "eta": 0.1}}}},
            ["strategies.shapley.settings", "kernel", "'eta'", "samples"],
        ),
        ({"strategies": {"shapley": {"setings": {}}}}, ["setings", "'settings'"]),
        ({"datasets": {"mine": {"path": "x", "imagesize": 8}}}, ["imagesize", "'image_size'"]),
    ],
)
def test_an_error_is_one_line_with_key_and_remedy(values, parts):
    with pytest.raises(InputError) as caught:
        load.experiments(resolve(**values), FOLDER)
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


def test_a_fault_of_a_preset_names_the_preset(tmp_path):
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "demo.yaml").write_text("search: {darts: {epoch: 3}}\n")
    with pytest.raises(InputError, match=r"presets/demo\.yaml: unknown key 'search\.darts\.epoch'"):
        load.resolve({}, tmp_path)


def test_broken_yaml_names_the_file(tmp_path):
    (tmp_path / "config.yaml").write_text("a: [1\n")
    with pytest.raises(InputError, match=r"config\.yaml: not valid YAML"):
        layers.layers_of(folder=tmp_path)


def test_later_layers_win():
    demo = resolve()
    assert demo.search.nasbench201.epochs != Config().search.nasbench201.epochs
    assert resolve(search={"nasbench201": {"epochs": 77}}).search.nasbench201.epochs == 77
    kept = resolve(search={"nasbench201": {"epochs": 77}}).search.nasbench201
    assert kept.batch_size == demo.search.nasbench201.batch_size


def test_a_strategy_searches_by_its_own_paper_unless_told_otherwise():
    paper = resolve(preset="paper")
    darts = jobs.search_job(paper, "darts", "darts").search
    assert (darts.batch_size, darts.learning_rate) == (64, 0.025)
    assert darts.supernet.partial_channels == 1
    assert jobs.search_job(paper, "darts", "shapley").search.batch_size == 256
    told = resolve(preset="paper", search={"darts": {"batch_size": 32}})
    assert jobs.search_job(told, "darts", "darts").search.batch_size == 32
    label = {"wide": {"algorithm": "darts", "search": {"batch_size": 16}}}
    labelled = resolve(preset="paper", search={"darts": {"batch_size": 32}}, strategies=label)
    assert jobs.search_job(labelled, "darts", "wide").search.batch_size == 16


def test_settings_are_those_of_the_authors_in_the_space_unless_told_otherwise():
    paper = resolve(preset="paper")
    drnas = {space: jobs.search_job(paper, space, "drnas") for space in ("darts", "nasbench201")}
    assert drnas["darts"].settings["alpha_learning_rate"] == 6e-4
    assert drnas["nasbench201"].settings["alpha_learning_rate"] == 3e-4
    label = {"slow": {"algorithm": "drnas", "settings": {"alpha_learning_rate": 1e-5}}}
    told = resolve(preset="paper", strategies=label)
    assert jobs.search_job(told, "darts", "slow").settings["alpha_learning_rate"] == 1e-5


def test_the_paper_recipe_is_the_papers():
    """Section 4.1 of the paper."""
    job = jobs.search_job(resolve(preset="paper"), "darts", "shapley")
    search, settings = job.search, job.settings
    assert (search.epochs, search.warmup_epochs, search.batch_size) == (50, 15, 256)
    assert search.supernet.channels == 16
    assert (settings["permutations"], settings["eta"]) == (10, 0.5)
    assert (settings["momentum"], settings["step"]) == (0.8, 0.1)
    imagenet = jobs.search_job(resolve(preset="paper"), "darts_imagenet", "shapley").search
    assert (imagenet.epochs, imagenet.warmup_epochs, imagenet.batch_size) == (50, 25, 1024)
    assert (imagenet.supernet.partial_channels, imagenet.rise_epochs) == (4, 5)
    other = jobs.search_job(resolve(preset="paper"), "darts_imagenet", "pc_darts")
    assert (other.search.supernet.partial_channels, other.search.warmup_epochs) == (2, 35)
    assert (other.settings["alpha_learning_rate"], other.search.rise_epochs) == (6e-3, 5)
    transfer = jobs.transfer_job(resolve(preset="paper"), "darts", "imagenet").train
    assert (transfer.epochs, transfer.learning_rate, transfer.schedule) == (250, 0.5, "linear")
    assert (transfer.momentum, transfer.weight_decay) == (0.9, 3e-5)
    assert jobs.retrain_job(resolve(preset="paper"), "darts", "cifar10").train.epochs == 600


def test_a_slice_holds_what_its_stage_reads_and_nothing_else():
    before, after = resolve(), resolve(strategies={"shapley": {"settings": {"momentum": 0.5}}})
    assert jobs.search_job(before, "darts", "shapley") != jobs.search_job(after, "darts", "shapley")
    assert jobs.search_job(before, "darts", "darts") == jobs.search_job(after, "darts", "darts")
    assert jobs.retrain_job(before, "darts", "digits") == jobs.retrain_job(after, "darts", "digits")
    assert jobs.prepare_job(before, "digits") == jobs.prepare_job(after, "digits")


def test_whether_none_may_win_reruns_what_reads_it():
    """The benchmark's algorithms may choose `none`; to Shapley values it is a null player."""

    def jobs_of(strategy, **supernet):
        search = {"nasbench201": {"supernet": supernet}} if supernet else {}
        config = resolve(preset="paper", search=search)
        search = jobs.search_job(config, "nasbench201", strategy)
        return search, jobs.genotype_job(config, "nasbench201", "cifar10", strategy)

    for strategy in ("darts", "gdas", "pc_darts", "drnas", "rsps", "enas", "evolution", "random"):
        assert jobs_of(strategy)[1].supernet.none_may_win, strategy
    for strategy in ("shapley", "darts_shapley", "darts_shapley_frozen", "bayesnas"):
        assert not jobs_of(strategy)[1].supernet.none_may_win, strategy
    for strategy, draws in (("darts", False), ("drnas", False), ("rsps", True), ("random", True)):
        (search, genotype), (without, own) = (
            jobs_of(strategy),
            jobs_of(strategy, none_may_win=False),
        )
        assert (search != without) is draws, strategy
        assert genotype != own, strategy


def test_two_meanings_of_one_label_are_refused():
    found = load.experiments(resolve(), FOLDER)
    name = next(name for name, one in found.items() if "shapley_m01" in one.strategies)
    own = {"shapley_m01": StrategyLabel(algorithm="shapley", settings={"permutations": 3})}
    second = found[name].model_copy(update={"name": "second", "strategies": own})
    with pytest.raises(InputError, match="experiment second: strategies: 'shapley_m01'"):
        load.with_labels(resolve(), {**found, "second": second})


def test_the_tables_quote_the_paper():
    """Every printed number of an experiment stands in the paper's table (read from its text)."""
    table5 = load.experiments(resolve(preset="paper"), FOLDER)["table5"]
    shapley = next(row for row in table5.rows if row.label == "Shapley-NAS")
    printed = shapley.paper["imagenet16"]["imagenet16_test"]
    assert (printed.mean, printed.std) == (46.85, 0.12)


def test_the_demo_has_one_toy_for_all_data_sets_of_a_row():
    demo = load.experiments(resolve(), FOLDER)["table5"]
    own = [row for row in demo.rows if row.label == "Shapley-NAS"]
    assert [row.stands_for for row in own] == ["cifar10", "cifar100", "imagenet16"]
    assert {row.datasets for row in own} == {("digits",)}
    assert own[2].paper["digits"]["digits_test"].mean == 46.85
    folders = {run.folder for run in needs.runs(resolve(), demo) if run.strategy == "shapley"}
    assert folders == {
        f"nasbench201/digits/shapley/seed0/{s}" for s in ("search", "genotype", "query")
    }


def test_of_several_searches_one_is_kept_and_trained():
    """DARTS in Table 1: second order, three searches (RobustDARTS' script)."""
    config = resolve(preset="paper")
    table1 = load.experiments(config, FOLDER)["table1"]
    own = [run for run in needs.runs(config, table1) if (run.space, run.dataset) == ("s2", "svhn")]
    own = [run for run in own if run.strategy.removeprefix("kept_") == "darts_2nd"]
    stages = ("genotype", "search", "trial")
    assert sorted(run.folder for run in own) == [
        *(f"s2/svhn/darts_2nd/seed{seed}/{s}" for seed in range(3) for s in stages),
        "s2/svhn/kept_darts_2nd/seed0/genotype",
        "s2/svhn/kept_darts_2nd/seed0/retrain/svhn/rseed0",
    ]


def test_robust_darts_trains_small_networks_on_cifar100_and_svhn():
    config = resolve(preset="paper")
    sizes = {
        target: (job.train.channels, job.train.cells)
        for target in ("cifar10", "cifar100", "svhn")
        for job in [jobs.retrain_job(config, "s3", target)]
    }
    assert sizes == {"cifar10": (36, 20), "cifar100": (16, 8), "svhn": (16, 8)}
    assert jobs.retrain_job(config, "darts", "cifar100").train.channels == 36


def test_an_ablation_starts_from_what_is_set_for_its_algorithm():
    config = resolve()
    config = load.with_labels(config, load.experiments(config, FOLDER))
    settings = jobs.search_job(config, "darts", "shapley_m20").settings
    assert (settings["permutations"], settings["value_images"]) == (20, 128)


def test_quoted_rows_have_no_runs():
    config = resolve(preset="paper")
    table3 = load.experiments(config, FOLDER)["table3"]
    quoted = [row for row in table3.rows if row.not_run]
    assert {row.not_run for row in quoted} == {"published, not run"}
    assert len(quoted) > 15
    strategies = {run.strategy for run in needs.runs(config, table3)}
    assert "" not in strategies


def test_every_number_of_tables_3_and_4_is_the_papers():
    """Counts of the printed tables, and single numbers of each column."""
    found = load.experiments(resolve(preset="paper"), FOLDER)
    three = {row.label: row.paper["cifar10"] for row in found["table3"].rows if row.paper}
    assert three["PC-DARTS"]["search_gpu_days"].mean == 0.1
    assert three["Shapley-NAS"]["test_error"].best == 2.43
    four = {
        (row.label, name): printed
        for row in found["table4"].rows
        for name, printed in row.paper.items()
    }
    assert four["PC-DARTS", "imagenet"]["macs_m"].mean == 582
    assert four["DrNAS", "imagenet"]["search_gpu_days"].mean == 3.9


def test_runs_of_an_experiment():
    config = resolve(preset="paper", seeds=[0, 1])
    found = load.experiments(config, FOLDER)
    folders = [run.folder for run in needs.runs(config, found["table4"])]
    assert "darts/cifar10/shapley/seed1/retrain/imagenet/rseed0" in folders
    assert "darts_imagenet/imagenet/shapley/seed0/retrain/imagenet/rseed0" in folders
    # A published genotype has one "search" seed, since nothing is searched.
    assert not any("published" in folder and "seed1/" in folder for folder in folders)


@pytest.mark.parametrize(
    ("targets", "names"),
    [
        ((), ["demo"]),
        (("all",), ["demo"]),
        (("table5",), ["table5"]),
        (("results/demo/report/table4.html", "table5"), ["table4", "table5"]),
        (("all", "figure2"), ["demo", "figure2"]),
        (("results/demo/nasbench201/digits/darts/seed0/search/metrics.json",), ["demo"]),
    ],
)
def test_what_was_asked_for_are_the_pages_that_targets_name(targets, names):
    config = resolve()
    assert needs.asked_for(config, targets, load.experiments(config, FOLDER)) == names


def test_only_datasets_leave_out_the_others():
    given = {"preset": "paper", "only_datasets": ["cifar10"]}
    rows = load.experiments(resolve(**given), FOLDER)["table5"].rows
    assert {name for row in rows for name in row.datasets if not row.not_run} == {"cifar10"}
    assert all(set(row.paper) <= {"cifar10"} for row in rows)
    rows = load.experiments(resolve(**given), FOLDER)["table4"].rows
    searched = [row for row in rows if not row.not_run]
    assert searched and not any(row.retrain for row in searched)  # ImageNet is left out
    rows = load.experiments(resolve(**given | {"only_datasets": ["svhn"]}), FOLDER)["table5"].rows
    assert {row.not_run for row in rows} == {"left out: only on svhn"}


def test_only_datasets_are_known():
    with pytest.raises(InputError, match="config: only_datasets: unknown 'cifar'"):
        load.experiments(resolve(only_datasets=["cifar"]), FOLDER)


def test_an_experiment_gives_an_estimator_its_own_options_only(tmp_path: Path) -> None:
    """The file at fault is named, and what the estimator takes; the base has another estimator."""
    shutil.copytree(FOLDER, tmp_path / "config")
    experiment = """
title: One
strategies: {mine: {algorithm: shapley, settings: {estimator: kernel, OPTION: 5}}}
rows: [{label: mine, strategy: mine, datasets: [digits]}]
"""
    path = tmp_path / "config" / "experiments" / "one.yaml"
    base = {"shapley": {"settings": {"eta": 0.3}}}
    path.write_text(experiment.replace("OPTION", "samples"))
    config = load.resolve({"strategies": base}, tmp_path / "config")
    config = load.with_labels(config, load.experiments(config, tmp_path / "config"))
    settings = jobs.search_job(config, "darts", "mine").settings
    assert settings["samples"] == 5
    assert "eta" not in settings
    path.write_text(experiment.replace("OPTION", "eta"))
    config = load.resolve({"experiments": ["one"]}, tmp_path / "config")
    with pytest.raises(InputError, match=r"one\.yaml.*kernel: .* 'eta'.*takes: samples"):
        load.experiments(config, tmp_path / "config")


def test_the_reference_lists_the_options_of_every_estimator() -> None:
    schema = json.loads((FOLDER / "schema.json").read_text())["$defs"]["Estimators"]["properties"]
    text = (FOLDER / "config.yaml").read_text().split("# Options of the estimators.")[1]
    reference = runpy.run_path(str(FOLDER.parent / "docs" / "keys.py"))["markdown"]()
    for name in registry.names("estimators"):
        options = registry.get("estimators", name).settings.model_fields
        assert [*schema[name].get("properties", {})] == [*options]
        own = re.search(rf"^#   {name}:\n((?:#     .*\n)*)", text, re.M).group(1)
        assert re.findall(r"^#     (\w+):", own, re.M) == [*options]
        assert reference.count(f"### `{name}`\n") == 1
