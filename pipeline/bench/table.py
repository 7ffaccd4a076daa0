"""Times opening and querying NAS-Bench-201's table, with our reader and with pandas on a CSV file.

If the real table is missing, both read random numbers of the same shape (`table: made up`).
"""
# Tested in tests/test_bench.py.

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.bench.timing import compare
from pipeline.nasbench import ACCURACIES, Table, cells, find_table

ARCH = "|none~0|+|none~0|none~1|+|skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|"
N_LOOK_UPS = 1_000_000
# Prints by how much our imports and the first query raise the peak memory of a process, in KiB.
MEMORY = r"""
import re, sys
from pathlib import Path
peak = lambda: int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])
before = peak()
from pipeline.nasbench import Table
table = Table.load(sys.argv[1])
table.query(table.index_of(sys.argv[2]))
print(peak() - before)
"""


def rows(repeats: int = 7) -> list[dict[str, Any]]:
    """Two rows: opening the table with a first query, and a million look-ups."""
    with tempfile.TemporaryDirectory() as folder:
        real = find_table(os.environ.get("SHAPLEY_NAS_DATA", "data"))
        source = real or _made_up(Path(folder, "table.csv.gz"))
        compact = Path(folder, "table.npy")
        Table.load(source).save(compact)
        command = [sys.executable, "-c", MEMORY, str(compact), ARCH]
        memory = int(subprocess.run(command, capture_output=True, check=True).stdout)
        opened = compare(
            "open and first query",
            lambda: pd.read_csv(source).query("arch == @ARCH"),
            lambda: _ask(Table.load(compact)),
            repeats,
        )
        frame, table = pd.read_csv(source).set_index("arch"), Table.load(compact)
        rng = np.random.default_rng(0)
        asked = rng.choice(np.array([*cells.architectures()]), N_LOOK_UPS).tolist()
        many = compare(
            f"{N_LOOK_UPS:,} look-ups by text",
            lambda: frame["cifar10_test"].loc[asked].to_numpy(),
            lambda: table.column("cifar10_test")[table.indices(asked)],
            repeats,
        )
    kind = {"table": "real" if real else "made up"}
    return [{**opened, "ours_memory_mb": memory / 1024, **kind}, {**many, **kind}]


def _ask(table: Table) -> dict[str, Any]:
    return table.query(table.index_of(ARCH))


def _made_up(path: Path) -> Path:
    """A table of random numbers."""
    numbers = np.random.default_rng(0).uniform(10, 95, (cells.N_ARCHITECTURES, 6))
    frame = pd.DataFrame(numbers.round(4), columns=[*ACCURACIES])
    frame.insert(0, "arch", [*cells.architectures()])
    frame.insert(0, "index", range(len(frame)))
    frame.to_csv(path, index=False)
    return path
