"""Oracle experiments: what the NAS-Bench-201 table says of itself, and what supernets say of it.

    python -m pipeline.experiments.oracle --out FOLDER --form small

First the table's own Shapley values and main effects (`oracle_table.py`; seconds). Then a grid:
supernets of several ages, trained in three ways (`bench/supernets.py`), are read by several values,
batch-norm policies, coalition sizes and estimators, one changed at a time; each reading is compared
with the table's Shapley values and ranked and chosen by as Figure 5 and Table 5 do. All that has
been done is kept in FOLDER; the same command goes on from there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from pipeline import seeds
from pipeline.bench.supernets import WAYS, Loop, Trained, recipe, train
from pipeline.config.recipes import NasBench201Search
from pipeline.errors import InputError
from pipeline.experiments import oracle_summary, oracle_table
from pipeline.experiments.walks import Walks, walk
from pipeline.files import read_json, write_json
from pipeline.registry.strategies.shapley import ShapleySettings, ValueSettings
from pipeline.strategies.value_function import ValueFunction, shapley_values

if TYPE_CHECKING:
    from pipeline.data import Images

SEED = 0
POLICIES = ("batch", "running", "recalibrated")
# What is not read off whole walks but estimated anew, each with as many evaluations.
ESTIMATORS: dict[str, dict[str, Any]] = {
    "truncated": {"estimator": "truncated"},
    "released_code": {"estimator": "released_code"},
    "antithetic": {"estimator": "antithetic"},
    "banzhaf": {"estimator": "banzhaf"},
    "beta(16, 1), small coalitions": {"estimator": "beta", "alpha": 16.0, "beta": 1.0},
    "beta(4, 1)": {"estimator": "beta", "alpha": 4.0, "beta": 1.0},
    "beta(1, 4)": {"estimator": "beta", "alpha": 1.0, "beta": 4.0},
    "beta(1, 16), large coalitions": {"estimator": "beta", "alpha": 1.0, "beta": 16.0},
    "gradient of soft accuracy": {"estimator": "gradient", "value": "soft_accuracy"},
}


@dataclass(frozen=True)
class Form:
    """How large the grid is.

    Attributes:
        epochs: passes of the training, over `train_images` images.
        warmup: of them in which the loop's α is frozen.
        train_images: of the half for the weights.
        ages: passes after which a supernet is looked at.
        images: of a draw of V, one batch.
        permutations: whole walks, under each policy, and behind the budget of an estimate.
        loop: M of the loop's own updates, on `images` images.
        compile: torch.compile the training.
        channels: of the supernet's first stage.
        image_size: that the supernet sees; 0: the data's own.
    """

    epochs: int
    warmup: int
    train_images: int
    ages: tuple[int, ...]
    images: int
    permutations: int
    loop: int
    compile: bool = True
    channels: int = 16
    image_size: int = 0

    @property
    def search(self) -> NasBench201Search:
        """The recipe of the weights."""
        return recipe(self.epochs, self.warmup, self.channels, self.compile, self.image_size)

    def value(self, **changes: Any) -> ValueSettings:
        """The value function and estimator of a reading."""
        budget = self.permutations * 25  # 24 players, and the empty coalition
        sizes = {"value_images": self.images, "value_batch_size": self.images}
        recalibration = {"recalibration_images": self.images}
        bounds = {"budget": budget, "permutations": self.permutations}
        return ValueSettings(**{**sizes, **recalibration, **bounds, **changes})


FORMS = {
    "full": Form(30, 8, 25_000, (5, 10, 15, 20, 30), images=512, permutations=100, loop=6),
    # Half an hour of one core.
    "small": Form(
        *(12, 4, 12_500, (4, 8, 12)),
        images=128,
        permutations=40,
        loop=6,
        compile=False,
        channels=8,
        image_size=16,
    ),
    "tiny": Form(2, 1, 64, (1, 2), images=8, permutations=2, loop=1, compile=False, channels=4),
}


@dataclass(frozen=True)
class Grid:
    """The grid of one form in one folder."""

    form: Form
    out: Path
    train: Images
    valid: Images

    def supernets(self, way: str) -> Iterator[Trained]:
        """Supernets of one way by age; every pass is checkpointed."""
        form, folder = self.form, self.out / "checkpoints"
        sizes = {"value_images": form.images, "value_batch_size": form.images}
        loop = Loop(ShapleySettings(permutations=form.loop, **sizes), self.valid)
        yield from train(form.search, way, form.ages, self.train, folder, SEED, loop)

    def walked(self, trained: Trained, policy: str) -> Walks:
        """Whole walks under a batch-norm policy, from which values and sizes are read."""
        return walk(
            trained.supernet,
            self.valid,
            self.form.value(batch_norm=policy),
            self.form.permutations,
            seeds.derive(SEED, "walks"),
            oracle_summary.walks_of(self.out, trained.name, policy),
            trained.alpha,
        )

    def estimated(self, trained: Trained, name: str) -> None:
        """One estimate, kept as JSON."""
        import torch

        path = self.out / "runs" / f"{trained.name}_{[*ESTIMATORS].index(name)}.json"
        if path.exists():
            return
        settings = self.form.value(**ESTIMATORS[name])
        seed = seeds.derive(SEED, "estimate")
        V = ValueFunction(
            trained.supernet, torch.from_numpy(trained.alpha), self.valid, settings, seed
        )
        found = shapley_values(V, settings, seed)
        write_json(
            path,
            {
                "supernet": trained.name,
                "estimator": name,
                "phi": [None if np.isnan(x) else x for x in found.phi[V.players]],
                "evaluations": found.evaluations,
            },
        )


def measure(grid: Grid, ways: tuple[str, ...] = WAYS) -> None:
    """Do what is still to be done of some ways."""
    for way in ways:
        for trained in grid.supernets(way):
            for policy in POLICIES:
                grid.walked(trained, policy)
            for name in ESTIMATORS:
                grid.estimated(trained, name)
            supernet = {"way": way, "age": trained.age, "alpha": trained.alpha.tolist()}
            write_json(grid.out / "supernets" / f"{trained.name}.json", supernet)


def open_grid(form: Form, data_root: Path, out: Path, dataset: str = "cifar10") -> Grid:
    """Prepare the data; the value half is what all readings are of."""
    from pipeline.data import find, open_images, prepare

    manifest = prepare(find(dataset, {}), data_root, out / "data", split_seed=0)
    weights, value = (
        open_images(manifest, data_root, part, out / "data" / "split.npz")
        for part in ("weights", "value")
    )
    return Grid(form, out, weights.take(form.train_images), value)


@click.command()
@click.option("--out", type=Path, required=True, help="folder that keeps what has been done")
@click.option("--form", type=click.Choice([*FORMS]), default="small", show_default=True)
@click.option("--data-root", envvar="SHAPLEY_NAS_DATA", type=Path, required=True)
@click.option("--way", "ways", type=click.Choice(WAYS), multiple=True, help="[all]")
@click.option("--table-only", is_flag=True, help="no supernet: the table against itself")
@click.option("--threads", type=int, default=1, show_default=True)
@click.option("--measurements", type=Path, help="folder for the JSON; else FOLDER")
def main(
    out: Path,
    form: str,
    data_root: Path,
    ways: tuple[str, ...],
    table_only: bool,
    threads: int,
    measurements: Path | None,
) -> None:
    """Compare the table with itself and with supernets; goes on from what FOLDER holds."""
    from pipeline.devices import configure
    from pipeline.nasbench import Table, find_table

    path = find_table(data_root)
    if path is None:
        raise InputError(f"{data_root}: no nas_bench_201/nas_bench_201.csv.gz there")
    table, folder = Table.load(path), measurements or out
    command = "python -m pipeline.experiments.oracle --out FOLDER"
    written = [oracle_table.write(table, f"{command} --table-only", folder)]
    if not table_only:
        configure(threads)
        grid = open_grid(FORMS[form], data_root, out)
        measure(grid, ways or WAYS)
        written.append(
            oracle_summary.write(table, grid.form, out, f"{command} --form {form}", folder)
        )
    for one in written:
        print(json.dumps({"measurement": str(one), "rows": len(read_json(one)["rows"])}))


if __name__ == "__main__":
    main()
