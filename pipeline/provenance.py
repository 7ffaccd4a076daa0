"""Records the origin of a result: code, settings, versions, machine, data.

Every stage writes this record next to its result as `provenance.json`. Because a commit id does not
cover uncommitted changes, it also has a digest of the package's source. Durations are in seconds;
times are UTC in ISO 8601.
"""

from __future__ import annotations

import datetime
import functools
import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import BaseModel

PACKAGE = Path(__file__).parent
DISTRIBUTIONS = (
    "torch",
    "torchvision",
    "numpy",
    "scipy",
    "pandas",
    "pillow",
    "pydantic",
    "snakemake",
    "mlflow",
    "nas-bench-201",
)


def collect(
    settings: BaseModel | Mapping[str, Any],
    seed: int | None,
    device: str,
    seconds: float,
    data: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The provenance record of a stage that ends now.

    Args:
        settings: all settings of the stage.
        seed: the run's seed; None if nothing is random.
        device: "cpu" or "cuda".
        seconds: duration of the stage, including the time before it was resumed.
        data: manifest of the data set.
    """
    finished = datetime.datetime.now(datetime.UTC)
    return {
        **code(),
        "settings": plain(settings),
        "settings_digest": settings_digest(settings),
        "seed": seed,
        "data": {key: data.get(key) for key in ("name", "fingerprint")} if data else None,
        "device": device,
        "gpu": _gpu(device),
        "threads": _threads(),
        "cpu": _cpu(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "versions": versions(),
        "seconds": round(seconds, 3),
        "started": (finished - datetime.timedelta(seconds=seconds)).isoformat(timespec="seconds"),
        "finished": finished.isoformat(timespec="seconds"),
    }


@functools.cache
def code() -> dict[str, Any]:
    """The git commit, the dirty flag and the source digest of this package.

    They are read once per process, because later edits do not change the running code. Outside a
    git checkout, commit and flag are None.
    """
    tracked = _git("ls-files", "--error-unmatch", "__init__.py") is not None
    return {
        "git_commit": _git("rev-parse", "HEAD") if tracked else None,
        "git_dirty": bool(_git("status", "--porcelain")) if tracked else None,
        "source_digest": source_digest(),
    }


def source_digest(package: Path = PACKAGE) -> str:
    """SHA-256 over the names and bytes of the package's Python files."""
    total = hashlib.sha256()
    for name, digest in file_digests(package).items():
        total.update(f"{name}\0{digest}\n".encode())
    return total.hexdigest()


def file_digests(package: Path = PACKAGE) -> dict[str, str]:
    """Path of each Python file of the package -> SHA-256 of its bytes."""
    return {
        path.relative_to(package).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(package.rglob("*.py"))
    }


def settings_digest(settings: BaseModel | Mapping[str, Any]) -> str:
    """SHA-256 of the settings as JSON with sorted keys."""
    text = json.dumps(plain(settings), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def plain(settings: BaseModel | Mapping[str, Any]) -> dict[str, Any]:
    """Settings as JSON values."""
    if isinstance(settings, BaseModel):
        return settings.model_dump(mode="json")
    return json.loads(json.dumps(dict(settings), default=str))


def versions() -> dict[str, str]:
    """Installed versions of packages on which a result may depend."""
    installed = {}
    for name in DISTRIBUTIONS:
        try:
            installed[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return installed


def tags(others: Mapping[str, Any]) -> dict[str, str]:
    """`code`, package versions and `others` as flat text."""
    numbers = {f"version.{name}": version for name, version in versions().items()}
    every = {**code(), **numbers, **others}
    return {name: str(value) for name, value in every.items() if value is not None}


def flatten(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested settings as flat parameters: dotted names, values as JSON or text."""
    flat: dict[str, str] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            text = value if isinstance(value, str) else json.dumps(value, default=str)
            flat[f"{prefix}{key}"] = text
    return flat


def _git(*arguments: str) -> str | None:
    """Output of a git command in the package's folder; None if it fails."""
    try:
        done = subprocess.run(
            ["git", "-C", str(PACKAGE), *arguments],
            capture_output=True,
            text=True,
            timeout=30,
            # Otherwise parallel stages would compete for the lock of git's index.
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _threads() -> int | None:
    """Threads of torch; None in a stage that has not imported it."""
    torch = sys.modules.get("torch")
    return torch.get_num_threads() if torch else None


def _gpu(device: str) -> str | None:
    """The name of the GPU."""
    torch = sys.modules.get("torch")
    if torch is None or not str(device).startswith("cuda") or not torch.cuda.is_available():
        return None
    return torch.cuda.get_device_name(device)


def _cpu() -> str:
    """The processor's model name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
