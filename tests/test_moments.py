"""A workflow's moments: what is called when, and what the terminal says."""

from __future__ import annotations

import atexit
import logging
from types import SimpleNamespace

import pytest

from pipeline.moments import LOGGER, STREAM, Moments, span


class Workflow:
    """What `Moments` asks of Snakemake's workflow, and the events that it logs."""

    def __init__(self, dryrun: bool = False, **output: object) -> None:
        self.dryrun = dryrun
        self.execution_settings = SimpleNamespace(no_hooks=False)
        settings = {"quiet": None, "verbose": False, "printshellcmds": False, **output}
        self.output_settings = SimpleNamespace(**settings)

    def log(self, event: str, **fields: object) -> None:
        """Log an event as Snakemake does."""
        logging.getLogger(LOGGER).info("", extra={"event": event, **fields})

    def run(self, job: int, rule: str, log: list[str]) -> None:
        """Start and finish a job."""
        self.log("job_info", jobid=job, rule_name=rule, log=log)
        self.log("job_finished", job_id=job)


@pytest.fixture
def moments(monkeypatch):
    """A function that listens to a workflow; what is called, also at the end of the process."""
    logger, calls = logging.getLogger(LOGGER), []
    monkeypatch.setattr(logger, "handlers", [logging.StreamHandler()])
    logger.handlers[0].name = STREAM
    monkeypatch.setattr(logger, "level", logging.INFO)
    ends: list = []
    monkeypatch.setattr(atexit, "register", ends.append)

    def listen(workflow: Workflow, before=lambda: calls.append("before")):
        Moments(workflow, before, calls.append)
        return calls, ends

    return listen


def test_each_job_is_a_line(moments, capsys):
    workflow = Workflow()
    calls, ends = moments(workflow)
    workflow.log("run_info", stats={"search": 2, "all": 1, "total": 3})
    assert calls == ["before"]
    for seed in (0, 1):
        workflow.run(seed, "search", [f"results/demo/logs/search/digits/seed{seed}.log"])
    workflow.run(2, "all", [])
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "[  1/3] search/digits/seed0  0 s; about 0 s left",
        "[  2/3] search/digits/seed1  0 s; about 0 s left",
    ]
    (end,) = ends
    end()
    assert calls == ["before", "FINISHED"]


def test_a_job_that_is_left_is_a_failure(moments):
    workflow = Workflow()
    calls, ends = moments(workflow)
    workflow.log("run_info", stats={"search": 2, "total": 2})
    workflow.run(0, "search", [])
    ends[0]()
    assert calls == ["before", "FAILED"]


def test_what_stops_the_start_stops_the_workflow(moments):
    def fail() -> None:
        raise SystemExit(2)

    workflow = Workflow()
    _, ends = moments(workflow, before=fail)
    with pytest.raises(SystemExit):
        workflow.log("run_info", stats={"search": 1, "total": 1})
    assert not ends


@pytest.mark.parametrize("quiet", ["ALL", "PROGRESS"])
def test_a_quiet_workflow_says_nothing(moments, capsys, quiet):
    workflow = Workflow(quiet=[SimpleNamespace(name=quiet)])
    calls, _ = moments(workflow)
    workflow.log("run_info", stats={"search": 1, "total": 1})
    workflow.run(0, "search", ["logs/search.log"])
    assert calls == ["before"]
    assert "search" not in capsys.readouterr().err


def test_a_dry_run_has_no_moments(moments):
    workflow = Workflow(dryrun=True)
    calls, ends = moments(workflow)
    workflow.log("run_info", stats={"search": 1, "total": 1})
    assert not calls and not ends


def test_snakemake_is_silent_but_for_warnings_unless_asked(moments):
    for printed in (False, True):
        workflow = Workflow(printshellcmds=printed)
        moments(workflow)
        workflow.log("run_info", stats={"search": 1, "total": 1})
        stream = logging.getLogger(LOGGER).handlers[0]
        assert stream.level == (logging.NOTSET if printed else logging.WARNING)
        stream.setLevel(logging.NOTSET)
        del logging.getLogger(LOGGER).handlers[1:]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (119, "119 s"), (150, "2 min"), (7300, "2 h")]
)
def test_span(seconds, text):
    assert span(seconds) == text
