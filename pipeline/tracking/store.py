"""Where MLflow keeps its runs, and a client of it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient

UI = "http://127.0.0.1:5000"  # where `make ui` serves a store that is a file


def enabled() -> bool:
    """Whether stages speak to MLflow at all."""
    return os.environ.get("SHAPLEY_NAS_TRACKING", "true").lower() not in ("false", "0", "off", "no")


def store_uri() -> str:
    """Where MLflow keeps its runs."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{Path('mlflow.db').absolute()}"


def exists() -> bool:
    """Whether there is a store to ask; a server may still not answer."""
    uri = store_uri()
    return not uri.startswith("sqlite:///") or Path(uri.removeprefix("sqlite:///")).exists()


def web_address() -> str:
    """Where a browser finds the runs: the store if it is a server, else what `make ui` starts."""
    return store_uri().rstrip("/") if store_uri().startswith("http") else UI


def connect() -> MlflowClient:
    """A client of the store, impatient and without telemetry; the first call imports mlflow."""
    os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true")
    os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"  # stdout is JSON
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
    # Retries are not news: what comes of them is said once.
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=store_uri())


def prepared() -> MlflowClient:
    """`connect`, with a missing sqlite file made and one of an older MLflow migrated.

    Processes that do this together break the database: call it in one.
    """
    try:
        return connect()
    except Exception:
        if not store_uri().startswith("sqlite"):
            raise  # somebody's server: its owner migrates it
        command = [sys.executable, "-m", "mlflow", "db", "upgrade", store_uri()]
        subprocess.run(command, check=True, capture_output=True)
        return connect()
