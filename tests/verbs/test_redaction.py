"""Secrets are replaced in every spelling of keys, separators and quotes; other lines stay."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.verbs.redaction import without_secrets

WORDS = (
    "token|password|passwd|passphrase|secret|api key|api_key|apikey|access-key|credential|"
    "authorization|private_key|account_key|signing key|cookie"
).split("|")
KEYS = st.builds(
    lambda before, word, after, case: before + case(word) + after,
    st.sampled_from(["", "my_", "X-", "HF_", "client.", "db"]),
    st.sampled_from(WORDS),
    st.sampled_from(["", "_2", "_value", "s"]),
    st.sampled_from([str, str.upper, str.title]),
)
# Any printable text between two marks, neither of which may be left.
VALUES = st.text(st.characters(codec="ascii", min_codepoint=32), max_size=12).map(
    lambda text: f"Zq7{text}8Qz"
)
WHOLE = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def leaks(line: str) -> bool:
    told = without_secrets(line)
    return "Zq7" in told or "8Qz" in told


@WHOLE
@given(
    KEYS, VALUES, st.sampled_from(["=", ":", ": ", " = ", " ", "\t", " is ", " -> ", " for me: "])
)
def test_a_value_is_masked_to_the_end_of_its_line(key: str, value: str, between: str) -> None:
    value = value.replace('"', "").replace("'", "")
    assert not leaks(f"2026-01-01 12:00 {key}{between}{value}\nepoch 3")
    assert without_secrets(f"{key}{between}{value}\nepoch 3").endswith("\nepoch 3")


@WHOLE
@given(KEYS, VALUES, st.sampled_from([json.dumps, repr]))
def test_a_quoted_value_is_masked_and_the_rest_is_kept(key: str, value: str, quoted) -> None:
    name = key.replace(" ", "_")
    for line in (
        quoted({name: value, "epochs": 3}),
        quoted(["--" + name, value, "epochs", 3]),
        f"--{name} {quoted(value)} --epochs 3",
        f"--{name}={quoted(value)} --epochs 3",
        f"login({name}={quoted(value)}, epochs=3)",
    ):
        assert not leaks(line), line
        assert "epochs" in without_secrets(line) and "3" in without_secrets(line)


@pytest.mark.parametrize(
    "text",
    [
        "--token Zq7",
        "Authorization: Bearer Zq7",
        "Proxy-Authorization: Basic Zq7",
        "curl -H 'bearer Zq7'",
        "basic Zq7kZXI6cHc=",
        "password: two Zq7",
        "password: |\n  Zq7\n\n  Zq7\nnext: 1",
        "password:\n  Zq7",
        "tokens:\n- Zq7\n- Zq7",
        '"tokens": [\n  "Zq7"\n]',
        r"{\"token\": \"Zq7\"}",
        'os.environ["HF_TOKEN"] = "Zq7"',
        "machine host login me password Zq7",
        "postgresql://me:Zq7@host/db",
        "postgresql://me:Zq7/@Zq7@host/db",
        "https://Zq7@github.com/x",
        "me:Zq7@host",
        "https://host/?access_token=Zq7&x=1",
        "https://host/?sig=Zq7&x=1",
        "token%3DZq7",
        "<password>Zq7</password>",
        "DB_PASS=Zq7",
        "pw: Zq7",
        '"pass": "Zq7"',
        "password=SecretStr('Zq7')",
        "-----BEGIN RSA PRIVATE KEY-----\nZq7\n-----END RSA PRIVATE KEY-----",
        "found ghp_Zq7" + "a1B2" * 9,
        "found github_pat_Zq7" + "a1B2" * 9,
        "found hf_Zq7" + "aBcD" * 8,
        "found wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEZq7",
        "found eyJhbGciOiJI.eyJzdWIiOiIx.Zq7",
    ],
)
def test_other_forms_are_masked(text: str) -> None:
    assert not leaks(text)


def test_a_key_of_aws_is_masked() -> None:
    assert without_secrets("found AKIAIOSFODNN7EXAMPLE here") == "found *** here"


def test_values_of_the_environment_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "Zq7Zq7")
    assert not leaks("the word Zq7Zq7 in a log")


def test_the_home_folder_is_shortened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert without_secrets(f"{Path.home()}/data /home/means") == "~/data /home/means"


@pytest.mark.parametrize(
    "line",
    [
        "epoch 3 of 10: loss 0.5, accuracy 91.2",
        "forward pass: 3 ms",
        'File "/opt/lib/secrets.py", line 12, in f',
        "/opt/lib/secrets.py:12: UserWarning: x",
        "- tokenizers 0.21.0",
        "unknown key 'epoch'; did you mean 'epochs'?",
        "PWD=/work/main",
        "author: Jane Doe",
        "Basic settings of the search",
        "the token has expired",
        "pip install git+https://github.com/x/y@main",
        "http://127.0.0.1:5000/a@b",
        "- commit 9e08e3548c3ba410e18faf8b06fcfff7b7ed10bf, changed files",
        "image python@sha256:abc for user@host.example",
        "results/demo/nasbench201/digits/shapley/seed0/search/history.csv",
        "    epochs: 7",
    ],
)
def test_a_harmless_line_stays(line: str) -> None:
    assert without_secrets(line) == line
