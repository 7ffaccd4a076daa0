"""The values of a verb's shared options, and the values that verbs derive from them.

The workflow calls a verb with the paths of inputs and outputs, and with the settings of the stage
(`--job`). The verb then does not read the configuration, which may have changed since the workflow
started. A verb that you call by hand reads it. Its results lie at the workflow's paths, or below
`by_hand` if its settings differ from the workflow's.
"""
# Tested in tests/verbs/test_slices.py.

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pipeline import files, machine, paths, registry, staging
from pipeline.config import jobs
from pipeline.config.experiments import Experiment, is_searched
from pipeline.config.folders import FolderSettings
from pipeline.config.layers import layers_of, merge
from pipeline.config.model import Config
from pipeline.config.validation import validate
from pipeline.config.yaml_text import parse
from pipeline.data.spec import read_manifest
from pipeline.errors import InputError

Job = TypeVar("Job")


class Given(dict[str, Any]):
    """The values of a verb's shared options by name, and further values computed from them.

    Attributes:
        departs: whether `--set` or `--configfile` make the job or the prepared data differ from
            the workflow's; set by `job` and `data_folder`.
    """

    departs = False

    def need(self, name: str) -> Any:
        """The value of a required option.

        Raises:
            InputError: it was not given.
        """
        if self[name] is None:
            raise InputError(f"--{name.replace('_', '-')}: missing; see --help")
        return self[name]

    def known(self, option: str) -> str:
        """The value of an option, which must name a known space, strategy or data set.

        Raises:
            InputError: the option was not given, or the name is unknown.
        """
        name = str(self.need(option))
        known = {"space": registry.names("spaces"), "strategy": [*self.config.strategies]}.get(
            option, [*registry.names("datasets"), *self.config.datasets]
        )
        if name not in known and not (option == "strategy" and not is_searched(name)):
            raise InputError(f"--{option}: unknown {name!r:.80}; {registry.nearest(name, known)}")
        return name

    @property
    def config(self) -> Config:
        """The configuration and the labels that experiments define; not used with `--job`."""
        return self._configured[0]

    @property
    def experiments(self) -> dict[str, Experiment]:
        """All experiments by name."""
        return self._configured[1]

    @cached_property
    def _configured(self) -> tuple[Config, dict[str, Experiment]]:
        config, experiments = self._read(self["configfile"], self["assignments"])
        # As in the workflow, checkpoints and journals lie in the preset's `state` folder.
        os.environ.setdefault("SHAPLEY_NAS_RESULTS", str(paths.results(config.preset)))
        os.environ.setdefault("SHAPLEY_NAS_TRACKING", str(config.tracking).lower())
        os.environ.setdefault("SHAPLEY_NAS_EXPERIMENT", config.mlflow_experiment)
        return self._with_prepared(config), experiments

    @cached_property
    def _plain(self) -> Config:
        """The workflow's configuration, without `--configfile` and `--set`."""
        return self._read((), ())[0]

    def _read(
        self, configfiles: Sequence[Path], assignments: Sequence[str]
    ) -> tuple[Config, dict[str, Experiment]]:
        from pipeline.config import load  # not imported with `--job`

        layers = layers_of(configfiles)
        if self["preset"]:
            layers["--preset"] = {"preset": self["preset"]}
        for assignment in assignments:
            layers[f"--set {assignment}"] = _assigned(assignment)
        config = load.resolve(merge(*layers.values()), layers=layers)
        experiments = load.experiments(config)
        return load.with_labels(config, experiments), experiments

    def _with_prepared(self, config: Config) -> Config:
        """Add the prepared image folder of `--target` or `--dataset`, if `config` lacks it."""
        name = self.get("target") or self.get("dataset")
        if not name or name in config.datasets or name in registry.names("datasets"):
            return config
        path = self.get("manifest") or paths.data(config.preset, name) / "manifest.json"
        about = read_manifest(path) if path.exists() else {}
        if about.get("kind") != "folder" or about.get("name") != name:
            return config
        keys = ("path", "image_size", "resize_size")
        folder = FolderSettings(**{key: about[key] for key in keys})
        return config.model_copy(update={"datasets": {**config.datasets, name: folder}})

    def job(self, model: type[Job], build: Callable[[Config], Job]) -> Job:
        """The job, read from `--job` (JSON text or a file) or else built from the configuration."""
        text = self["job"]
        if text is None:
            self.departs = self._departs(build)
            return build(self.config)
        if not text.lstrip().startswith("{"):
            return validate(model, files.read_object(text), {text: {}})
        try:
            values = files.parse_json(text)
        except ValueError as error:
            raise InputError(f"--job: not valid JSON ({error})") from None
        return validate(model, values, {"--job": values})

    def _departs(self, build: Callable[[Config], Any]) -> bool:
        """Whether a job differs, or cannot be built, without `--configfile` and `--set`."""
        if not (self["configfile"] or self["assignments"]):
            return False
        try:
            return bool(build(self.config) != build(self._plain))
        except InputError:
            return True

    @property
    def in_workflow(self) -> bool:
        """Whether `--job` was given. If so, paths are required and no configuration is read."""
        return self.get("job") is not None

    @property
    def data_root(self) -> Path:
        """The data root of the command line or environment, else the configured one."""
        return self["data_root"] or Path("data" if self.in_workflow else self.config.data_root)

    def manifest(self, dataset: str) -> Path:
        """The given manifest, or else the one of the data set that the option `dataset` names.

        Raises:
            InputError: there is no such file, or no data set was given.
        """
        path = self.need("manifest") if self.in_workflow else self["manifest"]
        path = path or self.data_folder(self.known(dataset)) / "manifest.json"
        if not path.exists():
            name = f" --dataset {self[dataset]}" if self.get(dataset) else ""
            raise InputError(f"{path}: no such file; first run `python -m pipeline prepare{name}`")
        return Path(path)

    def data_folder(self, dataset: str) -> Path:
        """The folder of a prepared data set, below `by_hand` if options change its preparation."""
        folder = paths.data(self.config.preset, dataset)
        if not self._departs(lambda config: jobs.prepare_job(config, dataset)):
            return folder
        self.departs = True
        root = paths.results(self.config.preset)
        return root / paths.BY_HAND / folder.relative_to(root)

    def images(self, manifest: Path) -> tuple[Mapping[str, Any], Path, Path]:
        """The arguments with which a stage opens images.

        Returns:
            the manifest's content, the file of the split, and the data root. With
            `cluster.local_disk`, content and data root are those of the copy on the node.
        """
        content: Mapping[str, Any] = read_manifest(manifest)
        root = self.data_root
        if disk := os.environ.get("SHAPLEY_NAS_LOCAL_DISK"):
            content, root = staging.stage_in(content, root, staging.folder(disk))
        return content, manifest.with_name("split.npz"), root

    @property
    def out(self) -> Path:
        """The folder given by `--out`.

        Raises:
            InputError: it was not given, or the workflow writes to it with other settings.
        """
        out = Path(self.need("out"))
        if self.departs and paths.is_of_workflow(out):
            raise InputError(
                f"--out {out}: a folder of the workflow, which has other settings there; "
                "give another folder, or write the settings into config/config.yaml"
            )
        return out

    def folder(self, stage: str, space: str) -> Path:
        """The output folder of a stage: `--out`, or else the folder to which the workflow writes.

        If the settings differ from the workflow's, it is a folder below `by_hand` instead.
        """
        if self["out"] or self.in_workflow:
            return self.out
        dataset, strategy = self.known("dataset"), self.known("strategy")
        place = paths.Place(stage, space, dataset, strategy, self["seed"])
        root = paths.results(self.config.preset)
        if not self.departs:
            return root / place.folder
        out = root / paths.BY_HAND / place.folder
        print(f"other settings than the workflow's: the results go to {out}", file=sys.stderr)
        return out

    def suggest(self, out: Path, *following: str) -> None:
        """Print the result's folder and the next command, with the same settings, by hand only."""
        if not self.in_workflow and os.environ.get("RANK", "0") == "0":
            names = ("manifest", "data_root", "preset")
            given = [f"--{n.replace('_', '-')}={self[n]}" for n in names if self[n] is not None]
            files = [f"--configfile={file}" for file in self["configfile"]]
            changes = [f"--set={assignment}" for assignment in self["assignments"]]
            command = shlex.join([*following, *given, *files, *changes])
            print(f"result: {out}\nnext:   python -m pipeline {command}", file=sys.stderr)

    def configure_device(self) -> str:
        """Configure torch once, before anything else uses it; return the device's name."""
        from pipeline import devices  # imports torch, which most verbs do not need

        if machine.has_gpu(self["device"]):
            machine.take_gpus()
        devices.configure(self["threads"], self["deterministic"])
        return str(self["device"])


def _assigned(assignment: str) -> dict[str, Any]:
    """Parse `a.b=1` into nested mappings."""
    key, sign, value = assignment.partition("=")
    if not sign:
        raise InputError(f"--set {assignment}: expected KEY=VALUE")
    nested = parse(value, f"--set {assignment}")
    for part in reversed(key.split(".")):
        nested = {part: nested}
    return dict(nested)
