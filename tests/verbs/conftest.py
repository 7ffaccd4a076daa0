import sys

import pytest

from pipeline import cli as program


@pytest.fixture
def call(monkeypatch, capsys):
    """Run a verb in this process: exit code, stdout, stderr."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["pipeline", *map(str, arguments)])
        # `main` takes SIGTERM over for its process; here that is pytest's.
        monkeypatch.setattr(program.signal, "signal", lambda *_: None)
        monkeypatch.setenv("SHAPLEY_NAS_RESULTS", "results/demo")
        try:
            program.main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        said = capsys.readouterr()
        return code, said.out, said.err

    return call
