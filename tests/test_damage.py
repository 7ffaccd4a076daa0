"""One changed bit, or a cut, in any file that is read again: refused in one line, or harmless."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from pipeline import files, networks
from pipeline.errors import InputError
from pipeline.nasbench import Table, sources
from pipeline.spaces.genotype import Genotype
from tests.nasbench.toys import toy_frame

N_FLIPS = 60


def arrays(path: Path) -> list[bytes]:
    return [array.tobytes() for array in files.read_arrays(path).values()]


def table(path: Path) -> bytes:
    return sources.read(path).tobytes()


def write_arrays(path: Path) -> None:
    np.savez_compressed(path, strength=np.linspace(0, 1, 30), alpha_history=np.ones((4, 30)))


def write_genotype(path: Path) -> None:
    networks.resolve("shapley_nas_cifar10").save(path)


def write_table(path: Path) -> None:
    toy_frame().to_csv(path, index=False)


def write_compact(path: Path) -> None:
    source = path.with_suffix(".csv")
    toy_frame().to_csv(source, index=False)
    Table.load(source).save(path)


def compact(path: Path) -> bytes:
    return Table.load(path).rows.tobytes()


KINDS = [
    ("table.npy", write_compact, compact),
    ("strength.npz", write_arrays, arrays),
    ("genotype.json", write_genotype, Genotype.load),
    ("table.csv.gz", write_table, table),
]


@pytest.mark.parametrize(("name", "write", "read"), KINDS, ids=[kind[0] for kind in KINDS])
def test_a_changed_bit_is_refused_or_changes_nothing(name, write, read, tmp_path):
    path = tmp_path / name
    write(path)
    expected, whole = read(path), path.read_bytes()
    draws, refused = random.Random(0), 0
    for _ in range(N_FLIPS if "csv" not in name else 8):
        flipped = bytearray(whole)
        flipped[draws.randrange(len(whole))] ^= 1 << draws.randrange(8)
        path.write_bytes(flipped)
        try:
            assert read(path) == expected
        except InputError as error:
            assert str(path) in str(error) and "\n" not in str(error)
            refused += 1
    assert refused


@pytest.mark.parametrize(("name", "write", "read"), KINDS, ids=[kind[0] for kind in KINDS])
def test_a_cut_file_is_refused(name, write, read, tmp_path):
    path = tmp_path / name
    write(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError, match=name):
        read(path)
