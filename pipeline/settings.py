"""The base of all settings models, and fields that state the source of their default."""
# Tested in tests/config/test_config.py.

from __future__ import annotations

import os
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)

# Sources of many defaults.
PAPER = "paper, section 4.1"
CODE = "the paper's released code"
OURS = "ours"
DARTS = "DARTS (Liu et al., ICLR 2019)"
DARTS_FAMILY = "code of the DARTS family"
ROBUST_DARTS = "RobustDARTS (Zela et al., ICLR 2020)"
NB201 = "NAS-Bench-201 (Dong & Yang, ICLR 2020)"


class Settings(BaseModel):
    """Frozen settings; unknown keys, infinite numbers and NaN are refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False
    )

    @field_validator("*", mode="before")
    @classmethod
    def _truth_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse booleans as numbers, because pydantic would read `yes` (true) as 1."""
        kinds = _kinds(cls.model_fields[str(info.field_name)].annotation)
        values = value if isinstance(value, list | tuple) else [value]
        if (
            kinds & {int, float}
            and bool not in kinds
            and any(v is True or v is False for v in values)
        ):
            raise ValueError("expected a number, which yes, no, on and off are not in YAML")
        return value

    @classmethod
    def over(cls, base: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
        """Merge `given` over `base`; a subclass may drop keys of `base`."""
        return {**base, **given}


def _kinds(annotation: Any) -> set[Any]:
    """The types in an annotation."""
    inner = typing.get_args(annotation)
    return {annotation}.union(*map(_kinds, inner)) if inner else {annotation}


def distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """The values, checked for duplicates."""
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f"{value!r} stands twice; remove one")
    return values


def expanded(path: str) -> str:
    """A path with `~` and `$VARIABLE` replaced, as in a shell."""
    home = str(Path(path).expanduser()) if path.startswith("~") else path
    whole = os.path.expandvars(home)
    if "$" in whole and "$" in path:
        raise ValueError("a variable that is not set here; set it, or write the path out")
    return whole


Distinct = AfterValidator(distinct)
Seeds = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Distinct]
Names = Annotated[tuple[str, ...], Distinct]
ExpandedPath = Annotated[str, AfterValidator(expanded)]


def setting(default: Any, meaning: str, source: str, **limits: Any) -> Any:
    """A field with its `meaning` and the `source` of its default."""
    return Field(default, description=meaning, json_schema_extra={"source": source}, **limits)


def factory(make: Any, meaning: str, source: str, **limits: Any) -> Any:
    """A `setting` whose default is created by calling `make`."""
    return Field(
        default_factory=make, description=meaning, json_schema_extra={"source": source}, **limits
    )
