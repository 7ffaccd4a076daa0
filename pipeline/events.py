"""The events of a journal (`journal.py`), as its reader validates them."""
# Tested in tests/tracking/test_mirror.py.

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, TypeAdapter


class _Event(BaseModel):
    time: int = Field(ge=0, lt=2**53)


class _Opening(_Event):
    workflow: str | None
    tags: dict[str, str]


class _Resume(_Opening):
    event: Literal["resume"]


class _Start(_Opening):
    event: Literal["start"]
    key: str = Field(pattern=r"^\w{1,64}$")  # it becomes part of file names
    stage: str
    name: str
    experiment: str = Field(min_length=1)
    params: dict[str, str]


class _Metrics(_Event):
    event: Literal["metrics", "result"]
    step: int = Field(ge=-(2**53), lt=2**53)
    values: dict[str, float]


class _Artifact(_Event):
    event: Literal["artifact"]
    path: str
    form: str = "file"  # absent in journals of earlier versions


class _End(_Event):
    event: Literal["end"]
    status: Literal["FINISHED", "FAILED"]
    note: str = ""


EVENT: TypeAdapter[_Start | _Resume | _Metrics | _Artifact | _End] = TypeAdapter(
    Annotated[_Start | _Resume | _Metrics | _Artifact | _End, Field(discriminator="event")]
)
