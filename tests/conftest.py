"""A skipped test is a test that does not run: in CI each needs a reason that stands here.

No test speaks to MLflow unless it asks for it (`tests/tracking/conftest.py`).
"""

import contextlib
import os
import subprocess

import pytest

os.environ["SHAPLEY_NAS_TRACKING"] = "false"  # a verb that runs by hand would mirror its journal

# A part of the reason -> why it may be missing in CI.
ALLOWED = {
    "SLURM does not start here": "containers that forbid device files or daemons",
    "SLURM is not installed": "installed by `make test-cluster`; elsewhere it need not be",
    "PostgreSQL is not installed": "as SLURM",
    "Chromium is not installed": "as SLURM",
    "no right to mount": "containers without CAP_SYS_ADMIN",
    "real data": "data sets that no one may put into the repository",
    "SHAPLEY_NAS_DATA": "as real data",
    "nas_201_api": "an optional package that the table is compared with",
    "GPU": "CI has none",
    "cuda": "CI has none",
}


def may_mount():
    if os.geteuid() != 0:
        return False
    probe = subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"])
    return probe.returncode == 0


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 3 MB."""
    if not may_mount():
        pytest.skip("no right to mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "none", str(disk)], check=True)
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk):
    """Leave no byte."""
    with (disk / "rest").open("wb", buffering=0) as rest, contextlib.suppress(OSError):
        while rest.write(bytes(4096)):
            pass


@pytest.fixture(autouse=True)
def environment():
    """Each test leaves the environment as it was; `mlflow.set_tracking_uri` sets a variable."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def warned(capsys):
    """The warnings since it was last called: a function that gives their lines."""
    return lambda: [line for line in capsys.readouterr().err.split("\n") if "warning: " in line]


def pytest_sessionfinish(session):
    """With SKIPS_FAIL=1 a skip that nobody has allowed fails the run."""
    if os.environ.get("SKIPS_FAIL") != "1" or session.exitstatus != pytest.ExitCode.OK:
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:  # a worker of xdist, whose reports the session that started it has
        return
    reasons = [str(report.longrepr[-1]) for report in reporter.stats.get("skipped", [])]
    unknown = [reason for reason in reasons if not any(part in reason for part in ALLOWED)]
    for reason in unknown:
        reporter.write_line(f"skipped for a reason that tests/conftest.py does not allow: {reason}")
    if unknown:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
