"""NAS-Bench-201's table: opened and asked, against plain pandas on the same file.

Without the real table a made-up one of the same shape takes its place; the row says which.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.bench.timing import compare
from pipeline.nasbench.table import ACCURACIES, Table, architectures, find_table

ARCH = "|none~0|+|none~0|none~1|+|skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|"
N_LOOK_UPS = 1_000


def rows(repeats: int = 7) -> list[dict[str, Any]]:
    """Opening with a first query, and many look-ups by architecture string."""
    with tempfile.TemporaryDirectory() as folder:
        real = find_table(os.environ.get("SHAPLEY_NAS_DATA", "data"))
        path = real or _made_up(Path(folder, "table.csv.gz"))
        frame, table = pd.read_csv(path), Table.load(path)
        asked = frame["arch"].sample(N_LOOK_UPS, random_state=0).tolist()
        found = [
            compare(
                "open and first query",
                lambda: pd.read_csv(path).query("arch == @ARCH"),
                lambda: Table.load(path).query(table.index_of(ARCH)),
                repeats,
            ),
            compare(
                f"{N_LOOK_UPS} look-ups by string",
                lambda: [frame[frame["arch"] == arch]["cifar10_test"].item() for arch in asked],
                lambda: [table.row(table.index_of(arch))["cifar10_test"] for arch in asked],
                repeats,
            ),
        ]
    return [{**row, "table": "real" if real else "made up"} for row in found]


def _made_up(path: Path) -> Path:
    """A table of the right shape without meaning."""
    numbers = np.random.default_rng(0).uniform(10, 95, (len(list(architectures())), 6))
    frame = pd.DataFrame(numbers.round(4), columns=[*ACCURACIES])
    frame.insert(0, "arch", [*architectures()])
    frame.insert(0, "index", range(len(frame)))
    frame.to_csv(path, index=False)
    return path
