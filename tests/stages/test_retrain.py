"""Retraining and transfer on digits, tiny, through the real data, networks and stage."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pipeline.config.jobs import PrepareJob, RetrainJob, TransferJob
from pipeline.config.recipes import ImageNetTrain, NasBench201Train, TrainSettings
from pipeline.data import folder_images, open_images
from pipeline.errors import InputError
from pipeline.networks import build, load_model, profile
from pipeline.stages import prepare, retrain, task

ARCH = "|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|none~0|avg_pool_3x3~1|nor_conv_3x3~2|"
SMALL = {"channels": 4, "cells": 3, "limit_train": 160, "crop_padding": 1, "flip": False}


@pytest.fixture(autouse=True)
def without_tracking(monkeypatch):
    monkeypatch.setenv("SHAPLEY_NAS_TRACKING", "false")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Prepared digits; `data.manifest(name)` prepares another set."""
    return Prepared(tmp_path_factory.mktemp("prepared"))


class Prepared:
    def __init__(self, folder: Path):
        self.folder = folder
        self.root = folder / "data"

    def manifest(self, name: str) -> dict:
        out = self.folder / "results" / name
        if not out.exists():
            job = PrepareJob(
                dataset=name, split_seed=0, weights_fraction=None, value_fraction=None, folders={}
            )
            prepare.run(job, self.root, out)
        return json.loads((out / "manifest.json").read_text())


def darts_job(**values) -> RetrainJob:
    train = {**SMALL, "epochs": 2, "batch_size": 32, "cutout": 2, **values}
    return RetrainJob(layout="cifar10", train=TrainSettings(**train))


def retrain_digits(data, out, job, seed=0, genotype="darts_v2"):
    retrain.run("retrain", job, seed, genotype, data.manifest("digits"), data.root, out, "cpu")
    return json.loads((out / "metrics.json").read_text())


def rows_of(out):
    with (out / "history.csv").open() as stream:
        return list(csv.DictReader(stream))


def weights_of(out):
    return torch.load(out / "model.pt", weights_only=True)["state_dict"]


def assert_same_bits(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value, other[name]), name


def test_the_saved_model_is_the_network_that_was_tested(data, tmp_path):
    job = darts_job(epochs=6, limit_train=0, learning_rate=0.1, auxiliary_weight=0.4)
    metrics = retrain_digits(data, tmp_path / "run", job)
    network, meta = load_model(tmp_path / "run" / "model.pt")
    images = open_images(data.manifest("digits"), data.root, "test")
    with torch.no_grad():
        correct = sum(int((network(x).argmax(1) == y).sum()) for x, y in images.batches(50))
    assert metrics["test_accuracy"] == correct / 360
    assert metrics["test_error"] == pytest.approx(1 - metrics["test_accuracy"])
    assert metrics["test_accuracy"] > 0.8 > 0.1  # ten classes
    assert 0 <= metrics["top5_error"] <= metrics["test_error"]
    assert meta["auxiliary"] and meta["layout"] == "cifar10" and meta["image_size"] == 8
    counts = profile(build("darts_v2", "cifar10", 10, 4, 3), 8)
    assert {key: metrics[key] for key in ("params", "macs")} == {
        key: counts[key] for key in ("params", "macs")
    }
    rows = rows_of(tmp_path / "run")
    assert [row["epoch"] for row in rows] == [str(epoch) for epoch in range(6)]
    assert metrics["epochs"] == 6 and metrics["train_loss"] == float(rows[-1]["train_loss"])
    assert metrics["seconds"] == pytest.approx(sum(float(row["seconds"]) for row in rows))
    assert (tmp_path / "run" / "provenance.json").exists()
    assert not list((tmp_path / "state").rglob("*.pt*"))


def test_cells_of_nasbench201(data, tmp_path):
    recipe = NasBench201Train(**{**SMALL, "cells": 1, "epochs": 1, "batch_size": 32})
    job = RetrainJob(layout="nasbench201", train=recipe)
    metrics = retrain_digits(data, tmp_path / "run", job, genotype=ARCH)
    assert metrics["params"] == profile(build(ARCH, "nasbench201", 10, 4, 1), 8)["params"]
    _, meta = load_model(tmp_path / "run" / "model.pt")
    assert not meta["auxiliary"]


def transfer_job() -> TransferJob:
    recipe = ImageNetTrain(
        **{**SMALL, "limit_train": 96, "epochs": 2, "batch_size": 32},
        learning_rate=0.1,
        warmup_epochs=1,
        workers=0,
    )
    return TransferJob(layout="imagenet", train=recipe)


def test_transfer_to_a_folder_of_images(data, tmp_path, monkeypatch):
    parts, read = [], folder_images.read_image
    monkeypatch.setattr(
        folder_images, "read_image", lambda path: parts.append(Path(path).parts[-3]) or read(path)
    )
    job, manifest = transfer_job(), data.manifest("digits64")
    out = tmp_path / "run"
    retrain.run("transfer", job, 0, "shapley_nas_cifar10", manifest, data.root, out, "cpu")
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["epochs"] == 2 and 0 <= metrics["test_error"] <= 1
    network, meta = load_model(out / "model.pt")
    assert meta["layout"] == "imagenet" and meta["image_size"] == 64 and meta["auxiliary"]
    assert meta["class_names"] == manifest["class_names"]
    assert network(torch.zeros(1, 3, 64, 64)).shape == (1, 10)
    provenance = json.loads((out / "provenance.json").read_text())
    assert provenance["stage"] == "transfer" and provenance["settings"]["layout"] == "imagenet"
    n_test = manifest["n_test"]
    checked, tested = parts[:n_test], parts[-n_test:]
    assert checked == tested == ["val"] * n_test  # before the training and after it
    assert set(parts[n_test:-n_test]) == {"train"}


def test_a_missing_test_image_stops_before_the_training(tmp_path, monkeypatch):
    data, trained = Prepared(tmp_path), []
    manifest = data.manifest("digits64")
    monkeypatch.setattr(retrain, "train", lambda *_: trained.append(1))
    next((data.root / manifest["path"] / "val").rglob("*.png")).unlink()
    place = (manifest, data.root, tmp_path / "run", "cpu")
    with pytest.raises(InputError, match=r"val: 359 images of 10 classes, but 360 .* prepared"):
        retrain.run("transfer", transfer_job(), 0, "darts_v2", *place)
    assert not trained and not (tmp_path / "run").exists()


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("damage", ["cut", "emptied", "no image"])
def test_a_damaged_test_image_stops_before_the_training(damage, workers, tmp_path, monkeypatch):
    data, trained = Prepared(tmp_path), []
    manifest = data.manifest("digits64")
    monkeypatch.setattr(retrain, "train", lambda *_: trained.append(1))
    path = sorted((data.root / manifest["path"] / "val").rglob("*.png"))[217]
    content = path.read_bytes()
    size = len(content)
    path.write_bytes({"cut": content[: size // 2], "emptied": b""}.get(damage, b"x" * size))
    job = transfer_job()
    job = job.model_copy(update={"train": job.train.model_copy(update={"workers": workers})})
    place = (manifest, data.root, tmp_path / "run", "cpu")
    with pytest.raises(InputError, match=rf"^{re.escape(str(path))}: not a whole image") as error:
        retrain.run("transfer", job, 0, "darts_v2", *place)
    assert "\n" not in str(error.value)
    assert not trained and not (tmp_path / "run").exists()


def test_fewer_than_two_training_images_are_refused(data, tmp_path):
    for values in ({"limit_train": 1}, {"limit_train": 2, "held_out": 0.5}):
        line = rf"retrain\.darts: limit_train {values['limit_train']} and held_out 0.* leave 1 of "
        with pytest.raises(InputError, match=line):
            retrain_digits(data, tmp_path / "run", darts_job(**values))
    assert not (tmp_path / "run").exists() and not (tmp_path / "state").exists()
    for values in ({"limit_train": 2}, {"limit_train": 3, "held_out": 0.34}):
        job = darts_job(**values, epochs=1, auxiliary_weight=0.4)
        assert retrain_digits(data, tmp_path / f"run{values['limit_train']}", job)["epochs"] == 1


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("held_out", {"held_out": 1e-6}),
        ("micro_batch_size", {"micro_batch_size": 12}),
        ("learning_rate", {"learning_rate": 1e30, "gradient_clip": 0}),
    ],
)
def test_a_message_names_the_key_in_the_configuration(data, tmp_path, key, values):
    with pytest.raises(InputError, match=rf"retrain\.darts\.{key}\b"):
        retrain_digits(data, tmp_path / "run", darts_job(**values))


def test_augmentation_follows_recipe_and_kind_of_data():
    small = task.augmentation("small", TrainSettings())
    assert (small.crop_padding, small.flip, small.cutout) == (4, True, 16)
    folder = task.augmentation("folder", ImageNetTrain())
    assert (folder.flip, folder.colour_jitter) == (True, 0.4)
    assert task.augmentation("folder", TrainSettings()).colour_jitter == 0


def test_the_test_set_is_opened_once_after_the_last_epoch(data, tmp_path, monkeypatch):
    events = []

    def opening(manifest, root, part, **options):
        events.append(part)
        return open_images(manifest, root, part, **options)

    def training(*arguments, **options):
        history = train(*arguments, **options)
        events.append(f"{len(history)} epochs")
        return history

    train = retrain.train
    monkeypatch.setattr(task, "open_images", opening)
    monkeypatch.setattr(retrain, "train", training)
    retrain_digits(data, tmp_path / "run", darts_job())
    assert events == ["train", "2 epochs", "test"]


def test_the_best_epoch_by_held_out_images_is_kept_and_tested(data, tmp_path):
    values = {"epochs": 4, "held_out": 0.25, "learning_rate": 0.1, "limit_train": 240}
    last = retrain_digits(data, tmp_path / "last", darts_job(**values))
    best = retrain_digits(data, tmp_path / "best", darts_job(**values, keep="best"))
    rows = rows_of(tmp_path / "best")
    assert [row["train_loss"] for row in rows] == [
        row["train_loss"] for row in rows_of(tmp_path / "last")
    ]
    accuracies = [float(row["held_out_accuracy"]) for row in rows]
    assert best["kept_epoch"] == best["best_epoch"] == accuracies.index(max(accuracies))
    assert last["kept_epoch"] == 3 and best["held_out_accuracy"] == max(accuracies)
    # The model in the file is the one whose held-out accuracy is reported.
    network, _ = load_model(tmp_path / "best" / "model.pt")
    manifest = data.manifest("digits")
    held = retrain.Task.from_job(darts_job(**values), 0, "darts_v2", manifest, data.root, "cpu")
    kept, held_out = retrain.training_images(held)
    assert (kept.n, held_out.n) == (180, 60)
    with torch.no_grad():
        correct = sum(int((network(x).argmax(1) == y).sum()) for x, y in held_out.batches(60))
    assert correct / 60 == pytest.approx(max(accuracies))


def test_a_budget_shrinks_the_network(data, tmp_path):
    job = darts_job(epochs=1, channels=8, cells=4, max_params=20_000)
    metrics = retrain_digits(data, tmp_path / "run", job)
    assert (
        metrics["params"] <= 20_000 < profile(build("darts_v2", "cifar10", 10, 8, 4), 8)["params"]
    )
    _, meta = load_model(tmp_path / "run" / "model.pt")
    assert (meta["channels"], meta["cells"]) == (metrics["channels"], metrics["cells"]) != (8, 4)


PROGRAM = """
import itertools, json, sys, time
from pathlib import Path
from pipeline.data.small import SmallImages
from pipeline.stages import retrain
from pipeline import devices
from tests.stages.test_retrain import darts_job

whole, count = SmallImages.batches, itertools.count(1)

def batches(self, *arguments, **options):
    for batch in whole(self, *arguments, **options):
        if next(count) == int(sys.argv[4]):
            print("hanging", flush=True)
            time.sleep(float(sys.argv[5]))
        yield batch

SmallImages.batches = batches
devices.configure(1)
manifest = json.loads(Path(sys.argv[1]).read_text())
retrain.run(
    "retrain", darts_job(epochs=4), 0, "darts_v2", manifest,
    Path(sys.argv[2]), Path(sys.argv[3]), "cpu",
)
"""


def start(data, out: Path, hang_at: int, hang_for: float = 600) -> subprocess.Popen:
    """Run the stage; it hangs before the given batch, counted from 1 over all epochs."""
    data.manifest("digits")
    manifest = data.folder / "results" / "digits" / "manifest.json"
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            PROGRAM,
            str(manifest),
            str(data.root),
            str(out),
            str(hang_at),
            str(hang_for),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


@pytest.fixture
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_kill_9_and_the_same_command_again_ends_with_the_same_bits(data, tmp_path, one_thread):
    out, undisturbed = tmp_path / "a" / "run", tmp_path / "b" / "run"
    victim = start(data, out, hang_at=13)  # five batches an epoch: in the third
    assert victim.stdout.readline() == "hanging\n"
    victim.send_signal(signal.SIGKILL)
    victim.communicate()
    assert victim.returncode == -signal.SIGKILL
    assert not out.exists()
    again = start(data, out, hang_at=0)
    retrain_digits(data, undisturbed, darts_job(epochs=4))
    _, log = again.communicate(timeout=300)
    assert again.returncode == 0 and "resumed from epoch 2 of 4" in log, log
    assert_same_bits(weights_of(out), weights_of(undisturbed))
    losses = [[row["train_loss"] for row in rows_of(folder)] for folder in (out, undisturbed)]
    assert losses[0] == losses[1]


def test_sigterm_saves_within_the_epoch_and_the_next_run_goes_on_from_there(
    data, tmp_path, one_thread
):
    out, undisturbed = tmp_path / "a" / "run", tmp_path / "b" / "run"
    victim = start(data, out, hang_at=8, hang_for=1)  # the third of five steps, second epoch
    assert victim.stdout.readline() == "hanging\n"
    victim.send_signal(signal.SIGTERM)
    _, log = victim.communicate(timeout=60)
    assert victim.returncode == 128 + signal.SIGTERM, log
    assert "terminated in epoch 2 after step 3; saved" in log
    assert not (out / "metrics.json").exists()
    again = start(data, out, hang_at=0)
    retrain_digits(data, undisturbed, darts_job(epochs=4))
    _, log = again.communicate(timeout=300)
    assert again.returncode == 0 and "resumed from epoch 1 of 4, step 3" in log, log
    assert_same_bits(weights_of(out), weights_of(undisturbed))
    losses = [[row["train_loss"] for row in rows_of(folder)] for folder in (out, undisturbed)]
    assert losses[0] == losses[1]


def test_a_changed_setting_is_refused_until_the_state_is_deleted(data, tmp_path, monkeypatch):
    def dies(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(retrain, "evaluate", dies)
        with pytest.raises(KeyboardInterrupt):
            retrain_digits(data, tmp_path / "run", darts_job())
    state = tmp_path / "state" / "run"
    assert (state / "train.pt").exists()
    with pytest.raises(InputError, match=r"learning_rate: 0\.025 -> 0\.05") as caught:
        retrain_digits(data, tmp_path / "run", darts_job(learning_rate=0.05))
    assert str(state) in str(caught.value)
    with pytest.raises(InputError, match="genotype"):
        retrain_digits(data, tmp_path / "run", darts_job(), genotype="darts_v1")
    with pytest.raises(InputError, match="seed"):
        retrain_digits(data, tmp_path / "run", darts_job(), seed=1)
    for path in state.iterdir():
        path.unlink()
    retrain_digits(data, tmp_path / "run", darts_job(learning_rate=0.05, epochs=1))


def test_an_unknown_genotype_leaves_nothing(data, tmp_path):
    with pytest.raises(InputError):
        retrain_digits(data, tmp_path / "run", darts_job(), genotype="darts_v3")
    assert not (tmp_path / "run").exists() and not (tmp_path / "state").exists()
