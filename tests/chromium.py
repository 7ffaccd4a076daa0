"""A headless Chromium that reaches nothing outside this machine."""

from __future__ import annotations

import shutil
import subprocess

import pytest

# Each was needed to run as root, without a GPU, without a network (Chromium wants Google's hosts).
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)


def program():
    """Chromium's command; skips the test where there is none."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("Chromium is not installed; `make test-cluster` installs it")
    return found


def document(address, folder, milliseconds=10_000):
    """The page's DOM after its scripts have run for that long (of the browser's own clock)."""
    return _run(folder, f"--virtual-time-budget={milliseconds}", "--dump-dom", address)


def _run(folder, *arguments):
    done = subprocess.run(
        [program(), *FLAGS, f"--user-data-dir={folder / 'chromium'}", *arguments],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout
