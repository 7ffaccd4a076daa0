"""Take the pictures of README and guide of a finished study: `make images`.

The report on a screen and on a phone, light and dark, and MLflow's list of the same runs. Chromium
must be installed; the study keeps as it is.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from pipeline import mirrored  # noqa: E402
from pipeline.tracking import lookup, store  # noqa: E402
from tests.browser import Page, chromium  # noqa: E402

SCREEN, PHONE = (1440, 1150), (390, 844)
VIEWS = {
    "report": (SCREEN, False),
    "report_dark": (SCREEN, True),
    "report_phone": (PHONE, False),
}


def take(results: Path, out: Path) -> None:
    """Write `report.png`, `report_dark.png`, `report_phone.png`, `mlflow.png`."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as profile, chromium(Path(profile)) as page:
        for name, ((width, height), dark) in VIEWS.items():
            page.look(width, height, dark)
            page.open((results / "report" / "index.html").absolute().as_uri())
            if name == "report_phone":
                page.run("document.querySelector('#best table.heat')?.scrollIntoView()")
            page.screenshot(out / f"{name}.png")
        take_mlflow(page, results, out / "mlflow.png")
    for name in (*VIEWS, "mlflow"):  # a third of the bytes, and no difference that one sees
        picture = out / f"{name}.png"
        Image.open(picture).convert("RGB").quantize(256).save(picture, optimize=True)


def take_mlflow(page: Page, results: Path, out: Path) -> None:
    """MLflow's list of the study's runs, its first workflow opened."""
    command = [sys.executable, "-m", "mlflow", "server", "--port", "5000", "--workers", "1"]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    server = subprocess.Popen(
        [*command, "--backend-store-uri", store.store_uri()],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        page.look(*SCREEN)
        deadline = time.monotonic() + 120
        while "shapley-nas" not in page.run("document.body.innerText"):
            assert time.monotonic() < deadline, f"{mirrored.UI} does not answer"
            page.open(lookup.runs_address(results))
            time.sleep(5)
        page.wait_for("matching runs")
        page.run("document.querySelector('[aria-label=\"Close\"]')?.click()")
        time.sleep(5)  # the rows come after their number
        page.run("document.querySelector('.ag-row button')?.click()")
        time.sleep(5)
        page.screenshot(out)
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=Path("results/demo"))
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    take(**vars(parser.parse_args()))
