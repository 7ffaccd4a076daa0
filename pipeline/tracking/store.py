"""Connects to MLflow's store, and defines errors for runs that the store rejects."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient

SQLITE = "sqlite:///"
MAGIC = b"SQLite format 3\0"  # the first bytes of every SQLite database
# HTTP status codes of a permanent refusal. 401 and 403 concern the whole store; 408 and 429 are
# temporary.
REFUSALS = {400, 404, 405, 409, 410, 413, 422}


class RefusedError(Exception):
    """The store refuses a run until the user changes something; the message names the remedy."""


class UnsentError(Exception):
    """The store answers, but some runs could not be sent; the message names the first of them."""


class StoreError(Exception):
    """The store accepts no run at all; the message names the remedy."""


class NoAnswer(BaseException):
    """The time limit has passed. Not an `Exception`, because libraries catch those and retry."""


def enabled() -> bool:
    """Whether journals are mirrored to MLflow at all."""
    return os.environ.get("SHAPLEY_NAS_TRACKING", "true").lower() not in ("false", "0", "off", "no")


def store_uri() -> str:
    """The address of MLflow's store."""
    # A question mark ends the path of an SQLite database, so such a path is written relative.
    own = Path("mlflow.db").absolute()
    return (
        os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{own.name if '?' in str(own) else own}"
    )


def database() -> Path | None:
    """The database file of the store; None if the store is a server."""
    uri = store_uri()
    return Path(uri.removeprefix(SQLITE).partition("?")[0]) if uri.startswith(SQLITE) else None


def exists() -> bool:
    """Whether there is a store; a server may still not answer."""
    file = database()
    return file is None or file.exists()


def artifact_location() -> str | None:
    """URI of the folder for a new experiment's files; None if a server chooses it.

    MLflow's default is a plain path, in which it reads `%20` as a space.
    """
    if store_uri().startswith("http"):
        return None
    return Path("mlruns", uuid.uuid4().hex).absolute().as_uri()


def fault() -> str | None:
    """Why the database file is unusable, and the remedy; None if it can be written."""
    file = database()
    if file is None or not file.parent.is_dir():
        return None
    away = "move it away, or let MLFLOW_TRACKING_URI name another store"
    if file.exists() and not file.is_file():
        return f"{file}: not a file; {away}"
    try:
        head = b""
        if file.exists():
            with file.open("rb") as stream:
                head = stream.read(len(MAGIC))
    except OSError as error:
        return f"{file}: {error.strerror}; make it readable, or {away}"
    if head not in (b"", MAGIC):
        return f"{file}: not a database of SQLite; {away}"
    for path in (file.parent, *([file] if file.exists() else [])):
        if not os.access(path, os.W_OK):
            return f"{path}: cannot be written; make it writable, or {away}"
    return None


def patience() -> float:
    """Seconds in which the store must accept the new events of a run."""
    return float(os.environ.get("SHAPLEY_NAS_TRACKING_SECONDS", "60"))


def connect() -> MlflowClient:
    """A client with short timeouts and without telemetry; the first call imports mlflow."""
    os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true")
    os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"  # stdout is JSON
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=store_uri())


def prepared() -> MlflowClient:
    """Connect to the store; if necessary, create or migrate its SQLite file first.

    Concurrent calls break the database.

    Raises:
        StoreError: the file cannot be used; the message names the remedy.
    """
    if found := fault():
        raise StoreError(found)
    try:
        return connect()
    except Exception as error:
        if not store_uri().startswith("sqlite"):
            raise  # a server, which its owner migrates
        command = [sys.executable, "-m", "mlflow", "db", "upgrade", store_uri()]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            why = (done.stderr.strip().splitlines() or [str(error)])[-1]
            raise StoreError(
                f"{database()}: made by a newer MLflow than {version('mlflow')} here, or damaged "
                f"({why[:120]}); install the newer one, move the file away, or let "
                "MLFLOW_TRACKING_URI name another store"
            ) from error
        return connect()


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Interrupt a `with` block by an alarm after `seconds`; this works only in the main thread.

    MLflow's timeouts limit single requests, not a whole call. A block that does not end in time
    raises `TimeoutError`.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def give_up(number: int, frame: FrameType | None) -> None:
        raise NoAnswer

    previous = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except NoAnswer:
        raise TimeoutError(f"no answer in {seconds:g} s") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def refusal(error: Exception) -> str | None:
    """Why the store will never accept a run, in one line; None if a later attempt may succeed."""
    if isinstance(error, RefusedError):
        return str(error)
    code = getattr(error, "get_http_status_code", lambda: 500)()
    return first_line(error) if code in REFUSALS else None


def first_line(error: Exception) -> str:
    """An error as one line, without the secrets that an address may contain."""
    if isinstance(error, StoreError | UnsentError):
        return str(error)
    line = str(error).splitlines()[0] if str(error) else ""
    line = re.sub(r"(?<=://)[^/@\s]+@", "***@", line)
    for name in ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_PASSWORD"):
        if secret := os.environ.get(name):
            line = line.replace(secret, "***")
    return f"{type(error).__name__}: {line[:160]}"


if __name__ == "__main__":
    print(store_uri())  # for the Makefile
