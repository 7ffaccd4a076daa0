"""A short form of `make fuzz`: every kind of input, a few changed examples of each."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_no_kind_of_input_breaks_a_promise():
    command = [sys.executable, "tests/fuzz.py", "--seconds", "8", "--seed", "0"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={**os.environ})
    assert done.returncode == 0, done.stdout + done.stderr
