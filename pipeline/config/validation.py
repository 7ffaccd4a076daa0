"""Validates values against a model of settings and reports all errors together.

A message names the file or option, the key, what was expected and what was given.
"""

from __future__ import annotations

import json
import re
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from pipeline import registry
from pipeline.errors import InputError

# pydantic's expectation -> the same in plain words.
EXPECTED = {
    "int_type": "a whole number such as 3",
    "int_parsing": "a whole number such as 3",
    "int_from_float": "a whole number such as 3",
    "float_type": "a number such as 0.1",
    "float_parsing": "a number such as 0.1",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text; put it in quotes",
    "tuple_type": "a list such as [0, 1]",
    "list_type": "a list such as [0, 1]",
    "dict_type": "`key: value` lines",
    "model_type": "`key: value` lines",
    "too_short": "at least one entry",
    "invalid_key": "names as keys; put them in quotes",
    "string_pattern_mismatch": "letters, digits and underscore only",
}


def validate(
    model: type[Any], values: Mapping[str, Any], layers: Mapping[str, Mapping[str, Any]]
) -> Any:
    """Validate `values`, and return them as an instance of `model`, a `Settings` class.

    `layers` maps the name of each file or option to the values that it sets. Later layers override
    earlier layers.

    Raises:
        InputError: some values are invalid; the message has one line for each of them.
    """
    try:
        return model.model_validate(values)
    except InputError as error:  # a model that uses the registry
        raise InputError(f"{[*layers][-1]}: {error}") from None
    except ValidationError as error:
        errors = error.errors(include_url=False)
    faults: dict[tuple[str, ...], list[str]] = {}
    inside = {fault["loc"][:-1] for fault in errors}
    for fault in errors:
        if fault["type"] == "too_short" and fault["loc"] in inside:
            continue  # reported only because pydantic dropped invalid entries
        # pydantic adds the branches of a union to the location; they are not keys.
        location = [str(part) for part in fault["loc"]]
        while fault["type"] not in ("missing", "extra_forbidden") and not _contains(
            values, location
        ):
            location.pop()
        faults.setdefault(tuple(location), []).append(_words(model, location, fault))
    raise InputError(*(_fault(values, layers, *fault) for fault in faults.items()))


def _fault(
    values: Any, layers: Mapping[str, Mapping[str, Any]], location: Iterable[str], words: list[str]
) -> str:
    """The message of one fault."""
    keys, given = [*location], ""
    if words[0].startswith("unknown key") or not keys:
        return f"{source_of(layers, keys)}: {words[0]}"
    if _contains(values, keys):
        for part in keys:
            values = values[part] if isinstance(values, Mapping) else values[int(part)]
        given = "" if isinstance(values, Mapping) else f" (given: {yaml_of(values)})"
    several = ", or ".join(dict.fromkeys(words)).replace(", or expected ", ", or ")
    return f"{source_of(layers, keys)}: {'.'.join(keys)}: {several}{given}"


def _words(model: Any, location: list[str], fault: Any) -> str:
    """The fault in plain words."""
    kind, message = fault["type"], fault["msg"]
    if kind == "extra_forbidden":
        known = registry.nearest(location[-1], _fields_at(model, location[:-1]))
        return f"unknown key {'.'.join(location)!r}; {known}"
    if kind == "missing":
        return "missing; add it"
    if kind in ("value_error", "assertion_error"):
        return str(message).partition(", ")[2]
    if kind == "literal_error":
        expected = fault["ctx"]["expected"]
        names = re.findall(r"'(\w+)'", expected)
        hint = f"; {registry.nearest(str(fault['input']), names)}" if len(names) > 1 else ""
        return f"expected {expected}{hint if 'did you mean' in hint else ''}"
    return f"expected {EXPECTED.get(kind) or message.removeprefix('Input should be ')}"


def yaml_of(value: Any) -> str:
    """A value as one line of YAML, cut to 80 characters."""
    is_text = isinstance(value, str)
    text = repr(value) if is_text else json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}..."


def source_of(layers: Mapping[str, Mapping[str, Any]], location: list[str]) -> str:
    """The last file or option that sets a key, or else the last one that sets the parent key."""
    while location:
        for name in reversed([*layers]):
            if _contains(layers[name], location):
                return name
        location = location[:-1]
    return [*layers][-1] if layers else "configuration"


def _contains(values: Any, location: list[str]) -> bool:
    for part in location:
        if isinstance(values, Mapping) and part in values:
            values = values[part]
        elif isinstance(values, list) and part.isdigit() and int(part) < len(values):
            values = values[int(part)]
        else:
            return False
    return True


def _fields_at(annotation: Any, location: list[str]) -> list[str]:
    """Names of the fields of the model at a location inside another model."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if not location:
            return sorted(annotation.model_fields)
        field = annotation.model_fields.get(location[0])
        return _fields_at(field.annotation, location[1:]) if field else []
    arguments = typing.get_args(annotation)
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        return [name for argument in arguments for name in _fields_at(argument, location)]
    is_mapping = typing.get_origin(annotation) is dict
    inner = arguments[1] if is_mapping else arguments[0] if arguments else None
    return _fields_at(inner, location[1:]) if inner and location else []
