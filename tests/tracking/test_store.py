"""The store's client, the bound on what it may take, and what an error says."""

import os
import signal
import time

import pytest

from pipeline.tracking import store


def test_a_block_is_bounded_also_where_a_library_would_try_again():
    began = time.monotonic()
    with pytest.raises(TimeoutError), store.time_limit(0.2):
        for _ in range(3):
            try:
                time.sleep(60)
            except Exception:
                continue
    assert time.monotonic() - began < 30
    with pytest.raises(KeyError), store.time_limit(60):
        {}["missing"]
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL


def test_errors_of_the_run_are_told_from_those_of_the_moment():
    from mlflow.exceptions import MlflowException
    from mlflow.protos import databricks_pb2 as codes

    for_good = (codes.INVALID_PARAMETER_VALUE, codes.RESOURCE_DOES_NOT_EXIST)
    for_now = (codes.INTERNAL_ERROR, codes.TEMPORARILY_UNAVAILABLE, codes.PERMISSION_DENIED)
    assert all(store.refusal(MlflowException("no", code)) for code in for_good)
    assert not any(store.refusal(MlflowException("no", code)) for code in for_now)
    assert store.refusal(ConnectionError("gone")) is None
    assert store.refusal(store.RefusedError("restore it")) == "restore it"


def test_secrets_of_an_address_are_not_told(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t0ken")
    error = ConnectionError("https://anna:geheim@mlflow.example/api refused Bearer t0ken\nmore")
    line = store.first_line(error)
    assert "geheim" not in line and "anna" not in line and "t0ken" not in line
    assert "https://***@mlflow.example/api" in line and "more" not in line


def test_telemetry_is_off_whatever_the_environment_says(tree, monkeypatch):
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "false")
    monkeypatch.delenv("DO_NOT_TRACK", raising=False)
    store.connect()
    assert os.environ["DO_NOT_TRACK"] == os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
