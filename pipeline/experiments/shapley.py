"""Estimators of Shapley values on real supernets: how well they agree with long runs, at what cost.

    python -m pipeline.experiments.shapley --out FOLDER --form reduced

trains NAS-Bench-201 supernets on CIFAR-10 in up to three ways to several ages, walks long
references on images that no estimate sees, runs every estimator several times, and writes its
measurements. All that has been done is kept in FOLDER; the same command goes on from there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from pipeline import provenance, seeds
from pipeline.bench.supernets import WAYS, Loop, Trained, thirds, train
from pipeline.experiments.forms import FORMS, Form
from pipeline.experiments.remembering import Remembering
from pipeline.experiments.variants import VARIANTS, Variant
from pipeline.experiments.walks import Walks, load, path_of, walk
from pipeline.files import read_json, write_json
from pipeline.registry.strategies.shapley import ShapleySettings
from pipeline.strategies.value_function import shapley_values

if TYPE_CHECKING:
    from pipeline.data import Images

SEED = 0
REFERENCES = ("first", "second")


@dataclass(frozen=True)
class Study:
    """The study of one form in one folder."""

    form: Form
    out: Path
    weights_images: Images
    parts: tuple[Images, Images, Images]
    commit: str

    def supernets(self, way: str) -> Iterator[Trained]:
        """Supernets of one way by age."""
        form, everything = self.form, self.weights_images
        images = everything.take(form.train_images)
        # No image of the references moves α; where the weights leave none, those of the estimates.
        rest = everything.only(np.arange(images.n, everything.n))
        valid = rest if rest.n >= form.images else self.parts[2]
        sizes = {"value_images": 4 * form.images, "value_batch_size": form.images}
        warmup = form.epochs // 3
        loop = Loop(ShapleySettings(permutations=6, warmup_epochs=warmup, **sizes), valid)
        return train(form.search, way, form.ages, images, self.out / "checkpoints", SEED, loop)

    def reference(self, trained: Trained, which: str, policy: str = "") -> Walks:
        """Long walks on images of their own; under another batch-norm policy shorter ones."""
        form, key = self.form, (trained.way, trained.age)
        count = form.permutations if key in form.main else form.other_permutations
        if policy:
            count = form.policy_permutations
        policy = policy or form.batch_norm
        return walk(
            trained.supernet,
            self.parts[REFERENCES.index(which)],
            form.value(
                value_images=form.reference_draws * form.images,
                batch_norm=policy,
                recalibration_images=form.images,
            ),
            count,
            seeds.derive(SEED, "reference", which),
            path_of(self.out, trained.way, trained.age, which, policy),
            trained.alpha,
        )

    def estimate(self, trained: Trained, names: Sequence[str], repeat: int) -> None:
        """An estimate by each variant, kept as JSON; what two of them ask for is evaluated once."""
        import torch

        seed = seeds.derive(SEED, "repeat", repeat)
        shared: dict[tuple[int, str], Remembering] = {}
        for variant in VARIANTS:
            path = self.out / "runs" / f"{trained.name}_{variant.name}_{repeat}.json"
            wanted = variant.name in names and self.form.tells_apart(variant, trained.age)
            if path.exists() or not wanted:
                continue
            settings = self.form.value(**variant.settings(self.form.images, self.form.plain_draws))
            key = settings.value_images, settings.value
            if key not in shared:
                alpha = torch.from_numpy(trained.alpha)
                images = self.parts[2]
                shared[key] = Remembering(trained.supernet, alpha, images, settings, seed)
            V = shared[key]
            with V.alone() as clock:
                found = shapley_values(V, settings, seed, self.previous(trained, variant))
            phi = found.phi[V.players]
            write_json(
                path,
                {
                    "way": trained.way,
                    "age": trained.age,
                    "variant": variant.name,
                    "repeat": repeat,
                    "phi": [None if np.isnan(x) else x for x in phi],
                    "evaluations": found.evaluations,
                    "image_forwards": found.evaluations * settings.value_images,
                    "seconds": clock.seconds,
                    "commit": self.commit,
                },
            )

    def previous(self, trained: Trained, variant: Variant) -> np.ndarray | None:
        """Values at the age before, where the variant uses them; none before the first age."""
        place = self.form.ages.index(trained.age)
        if not variant.previous or not place:
            return None
        before = self.form.ages[place - 1]
        phi = np.zeros(trained.supernet.space.n_players)
        selectable = trained.supernet.space.selectable().ravel()
        phi[selectable] = load(self.out, trained.way, before, "first", self.form.batch_norm).phi()
        return phi


def open_study(form: Form, data_root: Path, out: Path, dataset: str = "cifar10") -> Study:
    """Prepare the data and cut the value half into two references and the estimates."""
    from pipeline.data import find, open_images, prepare

    manifest = prepare(find(dataset, {}), data_root, out / "data", split_seed=0)
    weights, value = (
        open_images(manifest, data_root, part, out / "data" / "split.npz")
        for part in ("weights", "value")
    )
    commit = provenance.collect({}, SEED, "cpu", 0.0)["git_commit"]
    return Study(form, out, weights, thirds(value), commit)


def measure(
    study: Study,
    steps: tuple[str, ...],
    ways: tuple[str, ...] = WAYS,
    variants: tuple[str, ...] = (),
) -> None:
    """Do what is still to be done of some steps: references, estimators, policies.

    Args:
        study: the study.
        steps: of `STEPS`.
        ways: of training.
        variants: names of estimators; empty: those of the form.
    """
    form = study.form
    chosen = variants or form.variants or tuple(variant.name for variant in VARIANTS)
    for way in ways:
        for trained in study.supernets(way):
            is_main = (way, trained.age) in form.main
            runs = "estimators" in steps and is_main
            # A first reference is also what the next age has as its previous values.
            place = form.ages.index(trained.age)
            before_main = "estimators" in steps and any(
                (way, age) in form.main for age in form.ages[place + 1 : place + 2]
            )
            if "references" in steps or runs or before_main:
                study.reference(trained, "first")
            if "references" in steps or runs:
                study.reference(trained, "second")
            if runs:
                for repeat in range(form.repeats):
                    study.estimate(trained, chosen, repeat)
            looks = form.policy_permutations and trained.age == form.ages[-1]
            if "policies" in steps and looks:
                for policy in ("running", "recalibrated"):
                    study.reference(trained, "first", policy)
            write_json(
                study.out / "trained" / f"{way}_{trained.age}.json",
                {"way": way, "age": trained.age, "train_accuracy": trained.train_accuracy},
            )


STEPS = ("references", "estimators", "policies", "summary")


@click.command()
@click.option("--out", type=Path, required=True, help="folder that keeps what has been done")
@click.option("--form", type=click.Choice([*FORMS]), default="reduced", show_default=True)
@click.option("--data-root", envvar="SHAPLEY_NAS_DATA", type=Path, required=True)
@click.option("--step", "steps", type=click.Choice(STEPS), multiple=True, help="[all]")
@click.option("--way", "ways", type=click.Choice(WAYS), multiple=True, help="[all]")
@click.option(
    "--variant",
    "variants",
    type=click.Choice([variant.name for variant in VARIANTS]),
    multiple=True,
    help="[all]",
)
@click.option("--threads", type=int, default=1, show_default=True)
@click.option("--measurements", type=Path, help="folder for the JSON; else FOLDER")
def main(
    out: Path,
    form: str,
    data_root: Path,
    steps: tuple[str, ...],
    ways: tuple[str, ...],
    variants: tuple[str, ...],
    threads: int,
    measurements: Path | None,
) -> None:
    """Measure estimators and supernets; goes on from what FOLDER holds."""
    from pipeline.devices import configure
    from pipeline.experiments.summary import write

    configure(threads)
    study = open_study(FORMS[form], data_root, out)
    if steps != ("summary",):
        measure(study, steps or STEPS, ways or WAYS, variants)
    if not steps or "summary" in steps:
        for path in write(study, form, data_root, measurements or out):
            print(json.dumps({"measurement": str(path), "rows": len(read_json(path)["rows"])}))


if __name__ == "__main__":
    main()
