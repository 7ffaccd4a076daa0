"""A headless Chromium, driven over the pipe of its DevTools protocol; no package is needed."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
SWITCHES = (
    "--headless=new",
    "--no-sandbox",  # containers run as root, where Chromium has none
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-first-run",
    # Nothing outside this machine, not even Chromium's own errands.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--remote-debugging-pipe",
)
SECONDS = 120  # two shared cores


class Page:
    """One tab.

    Attributes:
        requests: addresses that it asked for.
        complaints: errors and warnings of its console, exceptions, refused requests.
    """

    def __init__(self, read: int, write: int):
        self._read, self._write, self._rest, self._number = read, write, b"", 0
        self._loaded = False
        self.requests: list[str] = []
        self.complaints: list[str] = []
        target = self.ask("Target.createTarget", {"url": "about:blank"}, session=None)["targetId"]
        attached = {"targetId": target, "flatten": True}
        self._session = self.ask("Target.attachToTarget", attached, session=None)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.ask(f"{domain}.enable")

    def look(self, width: int, height: int = 900, dark: bool = False) -> None:
        """Choose the size of the window and the colour scheme."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.ask("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", {"features": [scheme]})

    def open(self, url: str) -> None:
        """Load an address and wait for it."""
        for address in ("about:blank", url):  # another `#part` of the same page is not loaded anew
            self._loaded, deadline = False, time.monotonic() + SECONDS
            self.ask("Page.navigate", {"url": address})
            while not self._loaded:
                assert time.monotonic() < deadline, f"{address} is not loaded"
                self._hear(self._message())

    def run(self, script: str) -> Any:
        """The value of an expression in the page."""
        asked = {"expression": script, "returnByValue": True, "awaitPromise": True}
        answer = self.ask("Runtime.evaluate", asked)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait_for(self, *texts: str) -> None:
        """Wait until the page shows some texts, as one that is drawn by scripts does late."""
        deadline = time.monotonic() + SECONDS
        while lacking := [
            text for text in texts if text not in self.run("document.body.innerText")
        ]:
            assert time.monotonic() < deadline, f"the page does not show {lacking}"
            time.sleep(0.2)

    def press(self, key: str) -> None:
        """One key, down and up."""
        for kind in ("keyDown", "keyUp"):
            self.ask("Input.dispatchKeyEvent", {"type": kind, "key": key, "code": key})

    def screenshot(self, path: Path, whole: bool = False) -> None:
        """The window, or the whole page, as PNG."""
        answer = self.ask("Page.captureScreenshot", {"captureBeyondViewport": whole})
        path.write_bytes(base64.b64decode(answer["data"]))

    def ask(self, method: str, parameters: dict | None = None, session: str | None = "") -> dict:
        """The answer to a command; what happens meanwhile is noted."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters or {}}
        if session is not None:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._message()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]
            self._hear(answer)

    def _message(self) -> dict:
        deadline = time.monotonic() + SECONDS
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._read], [], [], deadline - time.monotonic())
            assert ready, "Chromium does not answer"
            more = os.read(self._read, 1 << 20)
            assert more, "Chromium has ended"
            self._rest += more
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def _hear(self, event: dict) -> None:
        said = event.get("params", {})
        match event.get("method"):
            case "Page.loadEventFired":
                self._loaded = True
            case "Network.requestWillBeSent":
                self.requests.append(said["request"]["url"])
            case "Runtime.exceptionThrown":
                self.complaints.append(str(said["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if said["type"] in ("error", "warning"):
                self.complaints.append(str(said["args"]))
            case "Log.entryAdded" if said["entry"]["level"] in ("error", "warning"):
                self.complaints.append(str(said["entry"]))


@contextmanager
def chromium(profile: Path) -> Iterator[Page]:
    """A page of a Chromium of its own; skips where none is installed."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("Chromium is not installed")
    (their_read, write), (read, their_write) = os.pipe(), os.pipe()

    def as_3_and_4() -> None:
        """Chromium reads commands from descriptor 3 and answers on 4."""
        aside = os.dup(their_write)
        while aside in (3, 4):
            aside = os.dup(aside)
        os.dup2(their_read, 3)
        os.dup2(aside, 4)
        for descriptor in (3, 4):
            os.set_inheritable(descriptor, True)

    process = subprocess.Popen(
        [found, *SWITCHES, f"--user-data-dir={profile}"],
        preexec_fn=as_3_and_4,
        close_fds=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(their_read)
    os.close(their_write)
    try:
        page = Page(read, write)
        yield page
        page.ask("Browser.close", session=None)
    finally:
        os.close(write)
        os.close(read)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
