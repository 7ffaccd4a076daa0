"""Two processes on gloo against one: the same losses and weights for the same global batch."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pipeline.config.recipes import TrainSettings
from pipeline.errors import InputError
from pipeline.training.distributed import Ranks
from pipeline.training.steps import plan

PROGRAM = """
import json, sys, time
from pathlib import Path
import torch
from pipeline.config.recipes import TrainSettings
from pipeline.training.distributed import joined
from pipeline.training.evaluation import evaluate
from pipeline.training.trainer import Trainer
from tests.training.toys import ToyImages, toy_network

torch.set_num_threads(1)
given = json.loads(sys.argv[1])
cpu = torch.device("cpu")
recipe = TrainSettings(
    epochs=3, batch_size=32, micro_batch_size=8, drop_path=0.3, learning_rate=0.05,
    checkpoint_steps=1, gradient_clip=0.5,
)
with joined(cpu) as ranks:
    images = ToyImages.make(given["n"])
    network = toy_network(seed=given["seeds"][ranks.rank])
    whole = images.batches

    class Slow(ToyImages):
        def batches(self, *arguments, **options):
            for batch in ToyImages.batches(self, *arguments, **options):
                if given["slow"]:
                    print("batch", flush=True)
                    time.sleep(0.2)
                yield batch

    lines = []
    history = Trainer(
        network, Slow(images.images, images.labels), 0.1, recipe, 0, cpu,
        Path(given["state"]) if ranks.first else None, {"a": 1}, log=lines.append,
        ranks=ranks,
    ).train()
    found = evaluate(network, ToyImages.make(50, seed=1), recipe, cpu, ranks)
    test = {"confusion": found.confusion.tolist(), "n_top5": found.n_top5, "loss": found.loss}
    if ranks.first:
        torch.save(network.state_dict(), given["out"])
        print(json.dumps({"history": history, "test": test, "log": lines, "n": ranks.n}))
"""


def launch(n_ranks: int, folder: Path, slow=False, n=70, seeds=(0, 0)) -> subprocess.Popen:
    given = {"n": n, "slow": slow, "seeds": seeds}
    given |= {"state": str(folder / "train.pt"), "out": str(folder / "out.pt")}
    program = folder / "program.py"
    folder.mkdir(exist_ok=True)
    program.write_text(PROGRAM)
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={n_ranks}"]
    return subprocess.Popen(
        [sys.executable, *(torchrun if n_ranks > 1 else []), str(program), json.dumps(given)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def finish(process: subprocess.Popen, folder: Path) -> tuple[dict, dict]:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    report = json.loads(out.splitlines()[-1])
    return report, torch.load(folder / "out.pt", weights_only=True)


def assert_close(one: dict, other: dict) -> None:
    for name, value in one.items():
        if value.is_floating_point() and "running" not in name:
            torch.testing.assert_close(value, other[name], rtol=1e-4, atol=1e-6, msg=name)


def test_one_rank_and_two_give_the_same_losses_and_the_same_end(tmp_path):
    # 70 images in micro-batches of 8: in the last step of an epoch rank 1 has none.
    both = [launch(n, tmp_path / str(n)) for n in (1, 2)]
    (one, alone), (two, together) = (
        finish(process, tmp_path / str(n)) for n, process in zip((1, 2), both, strict=True)
    )
    assert (one["n"], two["n"]) == (1, 2)
    for a, b in zip(one["history"], two["history"], strict=True):
        assert a["train_loss"] == pytest.approx(b["train_loss"], rel=1e-5)
        assert a["train_accuracy"] == pytest.approx(b["train_accuracy"], abs=0.02)
    assert_close(alone, together)
    assert one["test"]["loss"] == pytest.approx(two["test"]["loss"], rel=0.05)


def test_two_ranks_terminated_within_an_epoch_go_on_as_one(tmp_path):
    """torchrun passes SIGTERM on; what two ranks saved one rank ends, with the same losses."""
    undisturbed = launch(1, tmp_path / "whole")
    folder = tmp_path / "cut"
    victim = launch(2, folder, slow=True)
    # Eight micro-batches of both ranks, in whichever order they print: two steps.
    assert victim.stdout.read(8 * len("batch\n")).count("batch") >= 7
    victim.send_signal(signal.SIGTERM)
    victim.communicate(timeout=60)
    assert victim.returncode != 0 and not (folder / "out.pt").exists()
    again, weights = finish(launch(1, folder), folder)
    expected, whole = finish(undisturbed, tmp_path / "whole")
    assert again["log"][0].startswith("resumed from epoch 0 of 3, step ")
    losses = [[row["train_loss"] for row in run["history"]] for run in (again, expected)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert_close(weights, whole)


def test_the_loss_of_a_rank_ends_all_and_they_go_on_together(tmp_path):
    """`kill -9` of rank 1: torchrun ends rank 0, and two ranks go on from the last step saved."""
    undisturbed = launch(1, tmp_path / "whole")
    folder = tmp_path / "cut"
    victim = launch(2, folder, slow=True)
    assert victim.stdout.read(8 * len("batch\n")).count("batch") >= 7
    os.kill(rank_of(victim.pid, 1), signal.SIGKILL)
    victim.communicate(timeout=120)
    assert victim.returncode != 0 and not (folder / "out.pt").exists()
    again, weights = finish(launch(2, folder), folder)
    expected, whole = finish(undisturbed, tmp_path / "whole")
    assert again["n"] == 2
    assert again["log"][0].startswith("resumed from epoch 0 of 3, step ")
    losses = [[row["train_loss"] for row in run["history"]] for run in (again, expected)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert_close(weights, whole)


def rank_of(torchrun: int, rank: int) -> int:
    """Process number of a rank among torchrun's children."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[1]
            variables = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if int(parent) == torchrun and f"RANK={rank}".encode() in variables:
            return int(entry.name)
    raise AssertionError(f"no rank {rank}")


def test_ranks_that_start_from_other_weights_are_stopped(tmp_path):
    process = launch(2, tmp_path, seeds=(0, 1))
    _, err = process.communicate(timeout=300)
    assert process.returncode != 0
    assert "ranks [1] have other weights than rank 0" in err


def recipe(**values) -> TrainSettings:
    return TrainSettings(**values)


@pytest.mark.parametrize("n_ranks", [1, 2, 4])
@pytest.mark.parametrize("n_images", [1, 5, 33, 64, 65, 70])
def test_ranks_share_each_step_without_gap_or_overlap(n_ranks, n_images):
    given = recipe(batch_size=32, micro_batch_size=8)
    everyone: list[list[int]] = []
    for rank in range(n_ranks):
        steps = plan(n_images, given, Ranks(rank, n_ranks))
        batches = iter(range(steps.n_micro)[steps.chosen(0)])
        taken = [[(n, b) for n, b in part] for _, part in steps.steps(0, batches)]
        assert all(number == batch for part in taken for number, batch in part)
        assert next(batches, None) is None
        everyone.append([number for part in taken for number, _ in part])
    assert sorted(n for own in everyone for n in own) == list(range(steps.n_micro))
    images = [steps.n_images_of(step) for step in range(steps.n_steps)]
    used = n_images - (n_images % 8 == 1 and n_images > 1)
    assert sum(images) == used and all(n == 32 for n in images[:-1])


def test_a_batch_that_does_not_divide_names_the_setting():
    with pytest.raises(InputError, match=r"^retrain\.own\.micro_batch_size: 12 does not divide"):
        plan(64, recipe(batch_size=32, micro_batch_size=12), Ranks(), "retrain.own")
    with pytest.raises(InputError, match=r"1 micro-batches per step .* 2 ranks; set it to 16"):
        plan(64, recipe(batch_size=32), Ranks(0, 2))
