"""Files that are whole or absent: every write goes to a temporary name and is renamed."""
# Tested in tests/test_damage.py.

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.errors import InputError

# What numpy and its zip reader say of bytes that are not what was written.
DAMAGED = (
    *(OSError, EOFError, ValueError, TypeError, KeyError, SyntaxError, OverflowError),
    *(NotImplementedError, RuntimeError, struct.error, zlib.error, zipfile.BadZipFile),
)


@contextlib.contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` if the block succeeds.

    The temporary file keeps the suffix of `path`, since some writers choose a format by it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield temporary
        # On disk before the name is: a machine that loses power keeps the old file or the new.
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path | str, text: str) -> None:
    """Write UTF-8 text atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path | str, value: Any) -> None:
    """Write indented JSON atomically; NaN is refused, since JSON has none."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path | str) -> Any:
    """Read JSON; a missing or broken file is an `InputError` that names it."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid JSON ({error})") from None


def read_arrays(path: Path | str) -> dict[str, Any]:
    """The arrays of an .npz file by name; all are read, so that a changed byte is found.

    Raises:
        InputError: the file is missing, cut, changed or of another kind.
    """
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as content:
            return dict(content)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run the stage that makes it") from None
    except DAMAGED:
        raise InputError(
            f"{path}: damaged or no file of arrays; delete it and run its stage again"
        ) from None


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as CSV; the header is the union of keys in order of appearance."""
    stream = io.StringIO()
    columns = list(dict.fromkeys(key for row in rows for key in row))
    writer = csv.DictWriter(stream, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def write_csv(path: Path | str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as CSV atomically."""
    write_text(path, csv_text(rows))


def read_csv(path: Path | str) -> list[dict[str, str]]:
    """The rows of a CSV file, as text."""
    with Path(path).open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def digest(path: Path | str, algorithm: str = "sha256") -> str:
    """Hexadecimal digest of a file's bytes."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()
