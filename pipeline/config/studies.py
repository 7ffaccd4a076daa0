"""A study: measurements of supernets, the NAS-Bench-201 table, known games or trainings.

Each YAML file in `config/studies/` defines a study of the same name. On supernets, a study
evaluates whole permutations (walks) and estimates Shapley values. The key `sizes` changes the study
for a preset.
"""
# Tested in tests/studies/test_studies.py.

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from pipeline import paths, registry
from pipeline.config.experiments import LABEL, StrategyLabel
from pipeline.config.folders import FolderSettings, WrittenFolder
from pipeline.config.jobs import PrepareJob, SearchJob, TransferJob, TrialJob
from pipeline.config.layers import FOLDER, merge, named_files
from pipeline.config.own_images import OwnTrain
from pipeline.config.recipes import ImageNetTrain, NasBench201Search, TrialTrain
from pipeline.config.trainings import layout_for
from pipeline.config.validation import validate
from pipeline.config.yaml_text import read_yaml
from pipeline.errors import InputError
from pipeline.registry.strategies.shapley import ValueSettings
from pipeline.settings import OURS, Settings, factory, setting


class Words(Settings):
    """One measurement: its rows and the texts around them."""

    rows: str = Field(description="a function of `pipeline/studies` (`summary.ROWS`)")
    title: str
    question: str
    columns: dict[str, str] = Field(description="key of a row -> title of its column")
    notes: tuple[str, ...] = ()
    does_not_show: tuple[str, ...] = ()


class WalkSettings(Settings):
    """Whole permutations that are evaluated on each supernet."""

    stream: tuple[str | int, ...] = Field(description="names that derive its random numbers")
    part: tuple[int, int] = setting((1, 1), "k, n: use part k of n parts of the value images", OURS)
    permutations: int = Field(ge=1)
    settings: dict[str, Any] = factory(dict, "changes to the study's value function", OURS)


class Variant(Settings):
    """An estimator with its settings."""

    title: str = setting("", "name in tables; empty: its key", OURS)
    share: float = setting(0.0, "budget as a share of `whole`; 0: from the settings", OURS)
    settings: dict[str, Any] = factory(dict, "settings of value function and estimator", OURS)


class Estimates(Settings):
    """Variants that run on each supernet, once for each stream of random numbers."""

    streams: tuple[tuple[str | int, ...], ...] = ()
    part: tuple[int, int] = setting((1, 1), "k, n: use part k of n parts of the value images", OURS)
    whole: int = setting(0, "evaluations that a `share` of 1 means", OURS)
    settings: dict[str, Any] = factory(dict, "settings of all variants", OURS)
    variants: dict[str, Variant] = factory(dict, "variants by name", OURS)


class Form(Settings):
    """One way to train the network of a study of trainings."""

    title: str
    train: dict[str, Any] = factory(dict, "changes to the recipe of all forms", OURS)


class Trials(Settings):
    """Short trainings of one cell in several forms, of which the first is the baseline."""

    genotype: str
    layout: str = "cifar10"
    seeds: int = Field(ge=1)
    train: dict[str, Any] = factory(dict, "the recipe of all forms", OURS)
    forms: dict[str, Form]


class Games(Settings):
    """Estimates on games with known Shapley values."""

    per_player: tuple[int, ...] = Field(description="evaluations per player")
    seeds: int = Field(ge=1)
    noise: float = Field(description="standard deviation, as a share of the largest Shapley value")


class Photographs(Settings):
    """A folder of images on which networks are trained."""

    title: str
    folder: WrittenFolder | FolderSettings


class NetworkForm(Settings):
    """A network and its recipe."""

    title: str
    recipe: Literal["own", "folder"] = setting("own", "a key of `retrain`, for its defaults", OURS)
    layout: str = setting("", "of the network; empty: by the size of the images", OURS)
    train: dict[str, Any] = factory(dict, "changes to the recipe", OURS)
    by_folder: dict[str, dict[str, Any]] = factory(dict, "further changes, by folder", OURS)


class Transfers(Settings):
    """Trainings of each network on each folder of images; each network is tested once."""

    genotype: str
    seeds: int = Field(ge=1)
    folders: dict[str, Photographs]
    networks: dict[str, NetworkForm]
    train: dict[str, Any] = factory(dict, "changes to all recipes", OURS)

    @model_validator(mode="after")
    def _folders_exist(self) -> Transfers:
        for name, form in self.networks.items():
            for folder in form.by_folder.keys() - self.folders.keys():
                nearest = registry.nearest(folder, [*self.folders])
                raise ValueError(f"networks.{name}.by_folder: no folder {folder!r}; {nearest}")
        return self


class Study(Settings):
    """The content of one file."""

    name: str = Field(pattern=LABEL, description="set from the file's name")
    dataset: str = "cifar10"
    seed: int = 0
    trainings: dict[str, StrategyLabel] = factory(dict, "ways to train a supernet", OURS)
    ages: tuple[int, ...] = setting((), "numbers of epochs of the supernets", OURS)
    search: dict[str, Any] = factory(dict, "the recipe of all supernets", OURS)
    value: dict[str, Any] = factory(dict, "settings of the value function", OURS)
    walks: dict[str, WalkSettings] = factory(dict, "walks by name", OURS)
    estimates: Estimates = Estimates()
    trials: Trials | None = None
    games: Games | None = None
    transfers: Transfers | None = None
    measurements: dict[str, Words]

    def supernets(self) -> dict[str, tuple[str, int]]:
        """Name of each supernet -> how it was trained, and for how many epochs."""
        return {f"{way}_{age}": (way, age) for way in self.trainings for age in self.ages}

    def supernet(self, name: str) -> tuple[str, int]:
        """How this supernet was trained, and for how many epochs."""
        return _known(self, "supernet", name, self.supernets())

    def draws(self) -> dict[str, tuple[str | int, ...]]:
        """Repeats of the estimates: name -> stream of random numbers."""
        return {"_".join(map(str, stream)): stream for stream in self.estimates.streams}

    def folder(self, pattern: str, **names: str | int) -> str:
        """The folder of a run below `results/{preset}`; `pattern` is one of `pipeline.paths`."""
        return pattern.format(study=self.name, **names)

    def folders(self) -> Iterator[str]:
        """Folders of the runs from which the measurements are made, below `results/{preset}`."""
        for name in self.supernets():
            yield self.folder(paths.SUPERNET, supernet=name)
            yield from (self.folder(paths.WALK, supernet=name, walk=walk) for walk in self.walks)
            yield from (self.folder(paths.DRAW, supernet=name, draw=draw) for draw in self.draws())
        if self.trials:
            for form, seed in itertools.product(self.trials.forms, range(self.trials.seeds)):
                yield self.folder(paths.FORM, form=form, rseed=seed)
        if self.transfers:
            axes = (self.transfers.folders, self.transfers.networks, range(self.transfers.seeds))
            for folder, network, seed in itertools.product(*axes):
                yield self.folder(paths.NETWORK, folder=folder, network=network, rseed=seed)


class WalkJob(Settings):
    """Slice of the verb `walk`."""

    seed: int
    stream: tuple[str | int, ...]
    part: tuple[int, int]
    permutations: int
    value: dict[str, Any] = Field(description="all settings of the value function")


class EstimateJob(Settings):
    """Slice of the verb `estimate`: all settings of each variant."""

    seed: int
    stream: tuple[str | int, ...]
    part: tuple[int, int]
    variants: dict[str, dict[str, Any]]


class SummaryJob(Settings):
    """Slice of the verb `summarise`."""

    preset: str
    study: Study


def load(name: str, size: str = "", folder: Path = FOLDER) -> Study:
    """Load a study from `config/studies/<name>.yaml`; `size` is a preset.

    Raises:
        InputError: there is no such file, or it has a wrong key or value.
    """
    known = named_files("studies", folder)
    if name not in known:
        raise InputError(f"config/studies: no {name!r}; {registry.nearest(name, [*known])}")
    path = known[name]
    values = read_yaml(path)
    changes = values.pop("sizes", {}).get(size) or {}
    values = _without_nulls(merge({"name": name}, values, changes), changes)
    study: Study = validate(Study, values, {str(path): values})
    return study


def _without_nulls(values: Any, changes: Any) -> Any:
    """The values without the keys that `changes` sets to null."""
    if not (isinstance(values, dict) and isinstance(changes, dict)):
        return values
    return {
        key: _without_nulls(value, changes.get(key, {}))
        for key, value in values.items()
        if changes.get(key, {}) is not None
    }


def load_all(size: str, folder: Path = FOLDER) -> dict[str, Study]:
    """All studies by name."""
    return {name: load(name, size, folder) for name in named_files("studies", folder)}


def supernet_job(study: Study, name: str) -> SearchJob:
    """The slice of `search` that trains a supernet; presets do not change it."""
    way, age = study.supernet(name)
    label, where = study.trainings[way], f"config/studies/{study.name}.yaml: trainings.{way}"
    settings = registry.entry("strategies", label.algorithm).settings_model()
    recipe = merge(study.search, label.search, {"stop_epoch": age})
    return SearchJob(
        space="nasbench201",
        algorithm=label.algorithm,
        settings=validate(settings, label.settings, {where: label.settings}).model_dump(
            mode="json"
        ),
        search=validate(NasBench201Search, recipe, {where: recipe}),
    )


def walk_job(study: Study, name: str) -> WalkJob:
    """The slice for one of the study's walks."""
    walk: WalkSettings = _known(study, "walk", name, study.walks)
    return WalkJob(
        seed=study.seed,
        stream=walk.stream,
        part=walk.part,
        permutations=walk.permutations,
        value=_value(study, f"walks.{name}", walk.settings),
    )


def estimate_job(study: Study, supernet: str, draw: str) -> EstimateJob:
    """The slice for one repeat of the estimates on a supernet.

    Raises:
        InputError: the study has no such supernet or repeat.
    """
    study.supernet(supernet)
    estimates = study.estimates
    settings = {}
    for name, variant in estimates.variants.items():
        budget = round(variant.share * estimates.whole)
        # An estimate also ends after M permutations, so M is too large to be reached.
        shared = {"budget": budget, "permutations": budget} if budget else {}
        given = merge(estimates.settings, shared, variant.settings)
        settings[name] = _value(study, f"estimates.variants.{name}", given)
    return EstimateJob(
        seed=study.seed,
        stream=_known(study, "draw", draw, study.draws()),
        part=estimates.part,
        variants=settings,
    )


def form_job(study: Study, form: str) -> TrialJob:
    """The slice of `trial` that trains the study's cell in one form."""
    trials = study.trials
    forms = trials.forms if trials else {}
    chosen: Form = _known(study, "form", form, forms)
    recipe = merge(trials.train, chosen.train)  # type: ignore[union-attr]
    where = f"config/studies/{study.name}.yaml: trials.forms.{form}"
    return TrialJob(layout=trials.layout, train=validate(TrialTrain, recipe, {where: recipe}))  # type: ignore[union-attr]


def folder_job(study: Study, folder: str) -> PrepareJob:
    """The slice of `prepare` for one of the study's folders of images."""
    folders = study.transfers.folders if study.transfers else {}
    chosen: Photographs = _known(study, "folder", folder, folders)
    return PrepareJob(
        dataset=folder,
        split_seed=study.seed,
        weights_fraction=None,
        value_fraction=None,
        folders={folder: chosen.folder},
    )


def network_job(study: Study, folder: str, network: str) -> TransferJob:
    """The slice of `transfer` that trains one of the study's networks on a folder of images."""
    image_size = folder_job(study, folder).folders[folder].image_size
    transfers: Transfers = study.transfers  # type: ignore[assignment]
    form: NetworkForm = _known(study, "network", network, transfers.networks)
    recipe = merge(transfers.train, form.train, form.by_folder.get(folder, {}))
    where = f"config/studies/{study.name}.yaml: transfers.networks.{network}"
    model = OwnTrain if form.recipe == "own" else ImageNetTrain
    return TransferJob(
        layout=form.layout or layout_for(image_size),
        train=validate(model, recipe, {where: recipe}),
    )


def summary_job(study: Study, preset: str) -> SummaryJob:
    """The slice for the study's measurements."""
    return SummaryJob(preset=preset, study=study)


def _value(study: Study, key: str, settings: dict[str, Any]) -> dict[str, Any]:
    given = merge(study.value, settings)
    where = f"config/studies/{study.name}.yaml: {key}"
    value: ValueSettings = validate(ValueSettings, given, {where: given})
    return value.model_dump(mode="json")


def _known(study: Study, kind: str, name: str, known: dict[str, Any]) -> Any:
    if name not in known:
        nearest = registry.nearest(name, [*known])
        raise InputError(f"config/studies/{study.name}.yaml: no {kind} {name!r}; {nearest}")
    return known[name]
