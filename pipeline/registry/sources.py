"""Digests of the source code of registered things: strategies, spaces, estimators, data sets.

Snakemake rules have them as `params`, so after an edit of a strategy only its searches run again.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import sys
from importlib.util import find_spec
from pathlib import Path

from pipeline import provenance, registry

LENGTH = 12  # hexadecimal digits of a digest
OURS = provenance.PACKAGE.name
# Packages whose code computes results.
COMPUTING = (
    *("compilation", "data", "devices", "nasbench", "networks", "seeds", "shapley", "spaces"),
    *("stages", "strategies", "studies", "supernet", "training"),
)
Things = tuple[tuple[str, str], ...]  # (kind, name) of registered things


def module_of(kind: str, name: str) -> str:
    """The module that defines a registered thing."""
    target = registry.entry(kind, name).target
    if isinstance(target, str):
        return target.partition(":")[0]
    return str(getattr(target, "function", target).__module__)


def modules_of(kind: str, name: str) -> list[str]:
    """Module of a registered thing, and recursively the modules of its `kind` that it imports."""
    siblings = {module_of(kind, other) for other in registry.names(kind)}
    modules = [module_of(kind, name)]
    for module in modules:  # grows in the loop
        modules += sorted((_imported_by(module) & siblings) - {*modules})
    return modules


def digests(things: Things) -> dict[str, str]:
    """Module -> digest, for the modules of `things`."""
    modules = {module for thing in things for module in modules_of(*thing)}
    return {module: digest(module) for module in sorted(modules)}


@functools.cache
def digest(module: str) -> str:
    """Digest of a module of this package, or of the whole package of any other module.

    It is empty if no file is found. The first call reads all modules of this package, because
    later edits of the files do not change the running code.
    """
    path = _path_of(module)
    if path is None:
        return ""
    if path.is_relative_to(provenance.PACKAGE):
        return _ours()[path.relative_to(provenance.PACKAGE).as_posix()][:LENGTH]
    if path.is_dir():
        return provenance.source_digest(path)[:LENGTH]
    return hashlib.sha256(path.read_bytes()).hexdigest()[:LENGTH]


_ours = functools.cache(provenance.file_digests)


def in_use(things: Things) -> dict[str, str]:
    """Module -> digest, for the modules of `things` and all imported modules that compute results.

    Modules of other estimators are left out, because all estimators are always imported.
    """
    loaded = {
        name
        for name, module in sys.modules.items()
        if name.startswith(tuple(f"{OURS}.{part}" for part in COMPUTING))
        and not hasattr(module, "__path__")  # a package's own file only collects names
    }
    behind = {module for thing in things for module in modules_of(*thing)}
    others = {module_of("estimators", name) for name in registry.names("estimators")} - behind
    return {module: digest(module) for module in sorted((loaded - others) | behind)}


def changed(record: dict[str, str]) -> list[str]:
    """Modules whose source has changed since `in_use` returned `record`."""
    return [module for module, before in record.items() if digest(module) != before]


def plugins(things: Things) -> list[dict[str, str]]:
    """Kind, name, distribution, version and digest of the things from other packages."""
    return [
        {"kind": kind, "name": name, **brought, "digest": digest(module)}
        for kind, name in things
        if not (module := module_of(kind, name)).startswith(f"{OURS}.")
        and (brought := registry.brought_by(kind, name))
    ]


def _path_of(module: str) -> Path | None:
    """The file of a module of this package; else the folder or file of the module's package."""
    top, *inner = module.split(".")
    if top == OURS:
        path = provenance.PACKAGE.joinpath(*inner)
        files = (path.with_suffix(".py"), path / "__init__.py")
        return next((file for file in files if file.is_file()), None)
    try:
        spec = find_spec(top)
    except ValueError:  # `__main__`, and modules without a spec
        return None
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations)))
    return Path(spec.origin) if spec.origin and Path(spec.origin).is_file() else None


@functools.cache
def _imported_by(module: str) -> set[str]:
    """The modules from which a module imports names (`from MODULE import ...`)."""
    path = _path_of(module)
    if path is None or path.is_dir():
        return set()
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
