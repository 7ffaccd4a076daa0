"""Options that several verbs share, and how a verb finds its job, by the workflow or by hand.

The workflow passes `--job` (a JSON slice of the configuration) and paths. By hand a verb builds
the same slice from the configuration and puts its files where the workflow would.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click
import yaml

from pipeline import files, paths
from pipeline.config import load
from pipeline.config.model import Config
from pipeline.errors import InputError

Job = TypeVar("Job")


def _stack(*options: Callable[..., Any]) -> Callable[..., Any]:
    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


config_options = _stack(
    click.option("--preset", help="demo, cpu or paper; else what config/config.yaml says"),
    click.option("--configfile", type=Path, multiple=True, help="YAML over config/config.yaml"),
    click.option(
        "--set", "assignments", multiple=True, metavar="KEY.SUB=VALUE", help="one setting"
    ),
)
job_option = click.option(
    "--job", metavar="JSON|FILE", help="slice of the configuration; else built from it"
)
where_options = _stack(
    click.option("--device", envvar="SHAPLEY_NAS_DEVICE", default="auto", show_default=True),
    click.option("--threads", type=int, default=os.cpu_count(), help="CPU threads [all]"),
    click.option("--deterministic", envvar="SHAPLEY_NAS_DETERMINISTIC", type=bool, default=True),
)
spread_options = _stack(
    click.option("--processes", type=int, default=1, show_default=True, help="ranks a machine"),
    click.option("--nodes", type=int, default=1, show_default=True, help="machines (SLURM)"),
)
data_root_option = click.option(
    "--data-root", envvar="SHAPLEY_NAS_DATA", type=Path, help="folder of the data sets"
)
out_option = click.option("--out", type=Path, help="folder of the results; else as the workflow")


def configuration(
    preset: str | None, configfile: tuple[Path, ...], assignments: tuple[str, ...]
) -> Config:
    """The configuration with the labels of all experiments."""
    overrides: dict[str, Any] = {"preset": preset} if preset else {}
    for assignment in assignments:
        key, sign, value = assignment.partition("=")
        if not sign:
            raise InputError(f"--set {assignment}: expected KEY=VALUE")
        nested: Any = yaml.safe_load(value)
        for part in reversed(key.split(".")):
            nested = {part: nested}
        overrides = load.merge(overrides, nested)
    config = load.load(configfile, overrides)
    return load.with_labels(config, load.experiments(config))


def job_from(text: str | None, model: type[Job], build: Callable[[], Job]) -> Job:
    """The job given as JSON text or file, else built from the configuration."""
    if text is None:
        return build()
    source = "--job" if text.lstrip().startswith("{") else text
    if source == text:
        values = files.read_json(text)
    else:
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise InputError(f"--job: not valid JSON ({error})") from None
    return load.validate(model, values, source, values)


def required(**options: Any) -> None:
    """Options that are needed where no `--job` and paths are given."""
    for name, value in options.items():
        if value is None:
            raise InputError(f"--{name.replace('_', '-')}: missing; see --help")


def manifest_of(path: Path | None, config: Config, dataset: str | None) -> Path:
    """The manifest given, or where `prepare` puts that of a data set."""
    if path is None:
        required(dataset=dataset)
        path = paths.data(config.preset, str(dataset)) / "manifest.json"
    if not path.exists():
        raise InputError(f"{path}: no such file; run `python -m pipeline prepare` for it first")
    return path


def data_root_of(path: Path | None, config: Config) -> Path:
    """The data root of the command line or environment, else the configured one."""
    return path or Path(config.data_root)


def near(manifest: Mapping[str, Any], data_root: Path) -> tuple[Mapping[str, Any], Path]:
    """Manifest and data root, on the node's own disk if `cluster.local_disk` says so."""
    from pipeline import staging

    disk = os.environ.get("SHAPLEY_NAS_LOCAL_DISK")
    return (
        staging.stage_in(manifest, data_root, staging.folder(disk))
        if disk
        else (manifest, data_root)
    )


def configuration_of(options: dict[str, Any]) -> Config:
    """The configuration that the options of `config_options` describe."""
    config = configuration(options["preset"], options["configfile"], options["assignments"])
    # By hand as in the workflow: checkpoints and journals lie in the preset's `state` folder.
    os.environ.setdefault("SHAPLEY_NAS_RESULTS", str(paths.results(config.preset)))
    return config


def configure(options: dict[str, Any]) -> str:
    """Set torch up once, before anything else uses it; the device's name."""
    from pipeline import devices, machine

    if machine.has_gpu(options["device"]):
        machine.take_gpus()
    devices.configure(options["threads"], options["deterministic"])
    return options["device"]


def need(**option: Any) -> Any:
    """The value of one option that is needed here: `need(seed=seed)`."""
    required(**option)
    return next(iter(option.values()))


def folder_of(
    config: Config, stage: str, space: str, dataset: Any, strategy: Any, seed: int
) -> Path:
    """Where the workflow puts a stage of a search."""
    required(dataset=dataset, strategy=strategy)
    return paths.results(config.preset) / paths.Place(stage, space, dataset, strategy, seed).folder
