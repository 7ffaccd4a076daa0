"""Secrets are masked in every spelling of keys, separators and quotes; other lines stay."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.verbs.redaction import without_secrets

WORDS = ["token", "password", "passwd", "passphrase", "secret", "api key", "api_key", "apikey"]
KEYS = st.builds(
    lambda before, word, after, case: before + case(word) + after,
    st.sampled_from(["", "my_", "X-", "HF_", "client.", "--db"]),
    st.sampled_from([*WORDS, "access-key", "credential", "authorization", "private_key"]),
    st.sampled_from(["", "_2", "_value", "s"]),
    st.sampled_from([str, str.upper, str.title]),
)
# Any printable text between two marks, neither of which may be left.
VALUES = st.text(st.characters(codec="ascii", min_codepoint=32), max_size=12).map(
    lambda text: f"Zq7{text}8Qz"
)
BETWEEN = st.sampled_from(["=", ": ", " = ", " ", "\t", " is ", ' -> "', "', '", " for me: "])


def leaks(line: str) -> bool:
    told = without_secrets(line)
    return "Zq7" in told or "8Qz" in told


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(KEYS, VALUES, BETWEEN)
def test_a_value_is_masked_to_the_end_of_its_line(key: str, value: str, between: str) -> None:
    line = f"2026-01-01 12:00 {key}{between}{value}\nepoch 3"
    assert not leaks(line)
    assert without_secrets(line).endswith("\nepoch 3")


@pytest.mark.parametrize(
    "text",
    [
        "--token Zq7",
        "Authorization: Bearer Zq7",
        "curl -H 'bearer Zq7'",
        "password: two Zq7",
        "password: |\n  Zq7\n  Zq7\nnext: 1",
        "tokens:\n - Zq7\n - Zq7",
        r"{\"token\": \"Zq7\"}",
        "machine host login me password Zq7",
        "postgresql://me:Zq7@host/db",
        "postgresql://me:Zq7/Zq7@host/db",
        "https://Zq7@github.com/x",
        "me:Zq7@host",
        "https://host/?access_token=Zq7&x=1",
        "DB_PASS=Zq7",
        '"pass": "Zq7"',
        "-----BEGIN RSA PRIVATE KEY-----\nZq7\n-----END RSA PRIVATE KEY-----",
        "found ghp_Zq7" + "a1B2" * 9,
        "found hf_Zq7" + "aBcD" * 8,
        "found eyJhbGciOiJI.eyJzdWIiOiIx.Zq7",
    ],
)
def test_other_forms_are_masked(text: str) -> None:
    assert not leaks(text)


def test_values_of_the_environment_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "Zq7Zq7")
    assert not leaks("the word Zq7Zq7 in a log")


@pytest.mark.parametrize(
    "line",
    [
        "epoch 3 of 10: loss 0.5, accuracy 91.2",
        "forward pass: 3 ms",
        "PWD=/work/main",
        "author: Jane Doe",
        "unknown key 'epoch'; did you mean 'epochs'?",
        "http://127.0.0.1:5000/experiments",
        "- commit 9e08e3548c3ba410e18faf8b06fcfff7b7ed10bf, changed files",
        "results/demo/nasbench201/digits/shapley/seed0/search/history.csv",
    ],
)
def test_a_harmless_line_stays(line: str) -> None:
    assert without_secrets(line) == line
