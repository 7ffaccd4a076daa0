"""The base of all settings models, and how a default says where it comes from."""
# Tested in tests/config/test_config.py.

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

# Sources that many defaults share.
PAPER = "paper, section 4.1"
CODE = "the paper's released code"
OURS = "ours"
DARTS = "DARTS (Liu et al., ICLR 2019)"
DARTS_FAMILY = "code of the DARTS family"
ROBUST_DARTS = "RobustDARTS (Zela et al., ICLR 2020)"
NB201 = "NAS-Bench-201 (Dong & Yang, ICLR 2020)"


class Settings(BaseModel):
    """Frozen settings; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    @classmethod
    def over(cls, base: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
        """Given values over others, before they are validated; a model may know which go."""
        return {**base, **given}


def setting(default: Any, meaning: str, source: str, **limits: Any) -> Any:
    """A field with its meaning and the source of its default; a test insists on both."""
    return Field(default, description=meaning, json_schema_extra={"source": source}, **limits)


def factory(make: Any, meaning: str, source: str, **limits: Any) -> Any:
    """As `setting`, for a default that is made anew: a nested model, a list, a mapping."""
    return Field(
        default_factory=make, description=meaning, json_schema_extra={"source": source}, **limits
    )
