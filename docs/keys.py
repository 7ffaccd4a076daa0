"""The reference of all configuration keys as Markdown; `conf.py` puts it into configuration.md."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pipeline import registry
from pipeline.config.claims import Claim, Condition
from pipeline.config.experiments import Experiment, Printed, Row, StrategyLabel
from pipeline.config.folders import FolderSettings
from pipeline.config.generate import estimators, flow
from pipeline.config.model import SEARCH_RECIPES, Config
from pipeline.config.recipes import SearchSettings

FIRST = "darts"  # its table has all keys; those of other spaces have only what differs


def markdown() -> str:
    """The generated part of the page; headings start at the second level."""
    sections = [*_config(), *_strategies(), *_estimators(), *_entries()]
    return "\n".join(sections)


def _config() -> Iterator[str]:
    """Keys of `config.yaml`: the top-level keys, then each group."""
    yield from _section("Top level", "", Config)
    for name, field in Config.model_fields.items():
        if not (model := _model_of(field)):
            continue
        if name != "search":
            yield from _tree(name, model)
            continue
        yield f"## `search`\n\n{_text(field)}.\n"
        yield from _tree(f"search.{FIRST}", SearchSettings, level=3)
        for space in registry.names("spaces"):
            recipe = SEARCH_RECIPES.get(space, SearchSettings)
            if space != FIRST:
                rows = _flat(recipe(), "", but=dict(_values(SearchSettings(), "")))
                said = _table(rows) if rows else ""
                yield f"### `search.{space}`\n\nAs `search.{FIRST}`{', but:' if rows else '.'}\n"
                yield said


def _strategies() -> Iterator[str]:
    """The settings of each algorithm."""
    yield "## Settings of the strategies\n"
    yield "Below `strategies.<label>.settings`; see [strategies](strategies.md).\n"
    for name in registry.names("strategies"):
        entry = registry.entry("strategies", name)
        rows = _flat(entry.settings_model()(), "")
        yield f"### `{name}`\n\n{entry.title}{'.' if rows else ': no settings.'}\n"
        if rows:
            yield _table(rows)


def _estimators() -> Iterator[str]:
    """The options of each estimator."""
    yield "## Options of the estimators\n"
    yield "Next to `estimator` in the settings of a strategy; see [Shapley values](shapley.md).\n"
    for name, model in estimators():
        rows = _flat(model(), "")
        yield f"### `{name}`\n\n{'' if rows else 'No options.'}\n"
        if rows:
            yield _table(rows)


def _entries() -> Iterator[str]:
    """Entries that users write: data sets, labels, experiments."""
    yield from _section("An entry of `datasets`", "A folder of images.", FolderSettings)
    yield from _section("An entry of `strategies`", "A strategy label.", StrategyLabel)
    yield "## An experiment\n"
    yield "A file of `config/experiments/`; see [how to write one](experiments.md).\n"
    yield _table(_fields(Experiment))
    for title, model in (
        ("A row of `rows`", Row),
        ("A printed number in `paper`", Printed),
        ("A claim of `claims`", Claim),
        ("A condition of a claim", Condition),
    ):
        yield f"### {title}\n"
        yield _table(_fields(model))


def _section(title: str, said: str, model: type[BaseModel]) -> Iterator[str]:
    yield f"## {title}\n"
    if said:
        yield f"{said}\n"
    yield _table(_fields(model))


def _tree(name: str, model: type[BaseModel], level: int = 2) -> Iterator[str]:
    """A heading for each model with its plain keys, then its nested models."""
    yield f"{'#' * level} `{name}`\n"
    rows = [] if any(_model_of(f) for f in model.model_fields.values()) else _flat(model(), "")
    if rows:
        yield _table(rows)
        return
    plain = _fields(model)
    if plain:
        yield _table(plain)
    for key, field in model.model_fields.items():
        if nested := _model_of(field):
            yield f"{'#' * (level + 1)} `{name}.{key}`\n\n{_text(field)}.\n"
            value = field.get_default(call_default_factory=True)
            yield _table(_flat(value if isinstance(value, BaseModel) else nested(), ""))


def _fields(model: type[BaseModel]) -> list[tuple[str, ...]]:
    """Table rows of a model's plain keys."""
    return [
        (f"`{name}`", _type(field), _default(field), *_meaning(field))
        for name, field in model.model_fields.items()
        if not _model_of(field)
    ]


def _flat(
    model: BaseModel, prefix: str, but: dict[str, Any] | None = None
) -> list[tuple[str, ...]]:
    """Table rows of all keys, also nested ones, except those with the same default in `but`."""
    rows = []
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            rows += _flat(value, f"{prefix}{name}.", but)
        elif but is None or but.get(f"{prefix}{name}", ...) != value:
            default = f"`{flow(value)}`"
            rows.append((f"`{prefix}{name}`", _type(field), default, *_meaning(field)))
    return rows


def _values(model: BaseModel, prefix: str) -> Iterator[tuple[str, Any]]:
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from _values(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    cells = [tuple(text.replace("|", "\\|") for text in row) for row in rows]
    head = ["| key | default | meaning, and where the default comes from |", "| --- | --- | --- |"]
    lines = [
        f"| {key} | {default} ({kind}) | {meaning}{f' [{source}]' if source else ''} |"
        for key, kind, default, meaning, source in cells
    ]
    return "\n".join([*head, *lines]) + "\n"


def _meaning(field: FieldInfo) -> tuple[str, str]:
    extra = field.json_schema_extra
    source = extra.get("source", "") if isinstance(extra, dict) else ""
    return _text(field), str(source)


def _text(field: FieldInfo) -> str:
    """A field's description, with `<` and `>` escaped outside code."""
    parts = (field.description or "").split("`")
    parts[::2] = [part.replace("<", "&lt;").replace(">", "&gt;") for part in parts[::2]]
    return "`".join(parts)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    return f"`{flow(field.get_default(call_default_factory=True))}`"


def _type(field: FieldInfo) -> str:
    """The type in words, with the limits that are checked."""
    limits = [
        f"{sign} {getattr(item, name)}"
        for item in field.metadata
        for name, sign in (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<"))
        if getattr(item, name, None) is not None
    ]
    return ", ".join([_name(field.annotation), *limits])


def _name(annotation: Any) -> str:
    arguments = typing.get_args(annotation)
    origin = typing.get_origin(annotation)
    if origin is typing.Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if origin in (types.UnionType, typing.Union):
        return " or ".join("none" if a is type(None) else _name(a) for a in arguments)
    if origin is tuple:
        return f"list of {_name(arguments[0])}"
    if origin is dict:
        return f"mapping to {_name(arguments[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "entries (below)"
    names = {str: "text", bool: "true or false", int: "integer", float: "number", Any: "any"}
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _model_of(field: FieldInfo) -> type[BaseModel] | None:
    """The settings model of a key's value."""
    annotation = field.annotation
    is_model = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return annotation if is_model else None  # type: ignore[return-value]
