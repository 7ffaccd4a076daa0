"""Runs code before the first job of a workflow, as each job ends, and after the last job.

Snakemake's hooks, such as `onstart`, do not run if another workflow imports this workflow as a
module. Therefore this code is a log handler.
"""

from __future__ import annotations

import atexit
import logging
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import PurePath
from statistics import fmean
from typing import Any

LOGGER = "snakemake.logging"
QUIET = {"ALL", "PROGRESS"}  # values of `--quiet` that turn off the lines per job
NO_TARGET = re.compile(r"No rule to produce (\w+) ")  # Snakemake's error
STREAM = "DefaultStreamHandler"  # Snakemake's handler for the terminal


class Moments(logging.Handler):
    """A log handler that calls `before` and `after` and prints a line for each finished job.

    Args:
        workflow: Snakemake's workflow object.
        before: called before the first job; an exception ends the workflow.
        after: called with "FINISHED" or "FAILED" when the workflow's process ends.
    """

    def __init__(
        self, workflow: Any, before: Callable[[], None], after: Callable[[str], None]
    ) -> None:
        super().__init__()
        self._workflow, self._before, self._after = workflow, before, after
        self._left: Counter[str] = Counter()  # jobs by rule
        self._jobs: dict[int, tuple[str, str, float]] = {}  # running jobs: rule, name, start
        self._seconds: defaultdict[str, list[float]] = defaultdict(list)  # by rule
        self._began, self._quiet = 0.0, False
        logging.getLogger(LOGGER).addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Handle one log event of Snakemake."""
        event = str(getattr(record, "event", None))
        if event == "run_info" and not self._began and not self._workflow.dryrun:
            self._begin(record.stats)  # type: ignore[attr-defined]
        elif event == "job_info" and self._began:
            job: Any = record
            self._jobs[job.jobid] = (job.rule_name, _name(job), time.monotonic())
        elif event == "job_finished":
            self._finish(record.job_id)  # type: ignore[attr-defined]
        elif missing := NO_TARGET.search(record.getMessage()):
            near = get_close_matches(missing[1], [rule.name for rule in self._workflow.rules], 1)
            hint = f"did you mean {near[0]!r}?" if near else "snakemake --list names all"
            print(f"error: no target {missing[1]!r}; {hint}", file=sys.stderr)

    def _begin(self, n_jobs: dict[str, int]) -> None:
        self._left.update({rule: n for rule, n in n_jobs.items() if rule != "total"})
        self._began = time.monotonic()
        if not self._workflow.execution_settings.no_hooks:
            self._before()
            atexit.register(lambda: self._after("FAILED" if self._left.total() else "FINISHED"))
        output = self._workflow.output_settings
        self._quiet = bool({value.name for value in output.quiet or ()} & QUIET)
        for handler in logging.getLogger(LOGGER).handlers:
            if handler.name == STREAM and not (output.verbose or output.printshellcmds):
                handler.setLevel(logging.WARNING)

    def _finish(self, job: int) -> None:
        if job not in self._jobs:
            return
        rule, name, started = self._jobs.pop(job)
        took = time.monotonic() - started
        self._seconds[rule].append(took)
        self._left[rule] -= 1
        if self._quiet or rule == name:  # a target such as `all` runs nothing
            return
        n_done, n_left = sum(map(len, self._seconds.values())), self._left.total()
        line = f"[{n_done:>3}/{n_done + n_left}] {name}  {span(took)}"
        if n_left:
            line += f"; about {span(self._time_left())} left"
        print(line, file=sys.stderr, flush=True)

    def _time_left(self) -> float:
        """Seconds left, from the mean time of each rule and the mean number of parallel jobs."""
        took = [seconds for jobs in self._seconds.values() for seconds in jobs]
        at_work = sum(time.monotonic() - started for _, _, started in self._jobs.values())
        at_once = (sum(took) + at_work) / (time.monotonic() - self._began)
        means = {rule: fmean(self._seconds.get(rule) or took) for rule in self._left}
        work = sum(n * means[rule] for rule, n in self._left.items())
        return max(work - at_work, 0.0) / max(at_once, 0.1)


def span(seconds: float) -> str:
    """A time as text: one number with its unit."""
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _name(job: Any) -> str:
    """Stage and run of a job, from the path of its log; the name of the rule if there is no log."""
    parts = PurePath(job.log[0]).with_suffix("").parts if job.log else ()
    return "/".join(parts[parts.index("logs") + 1 :]) if "logs" in parts else str(job.rule_name)
