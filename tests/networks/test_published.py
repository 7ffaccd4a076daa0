"""Names and forms of genotypes."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.networks import resolve

ARCH = "|nor_conv_3x3~0|+|nor_conv_3x3~0|none~1|+|skip_connect~0|avg_pool_3x3~1|nor_conv_1x1~2|"
# As printed in the repository of DARTS.
DARTS_V1 = (
    "Genotype(normal=[('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('skip_connect', 0), "
    "('sep_conv_3x3', 1), ('skip_connect', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), "
    "('skip_connect', 2)], normal_concat=[2, 3, 4, 5], reduce=[('max_pool_3x3', 0), "
    "('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 0), ('max_pool_3x3', 0), "
    "('skip_connect', 2), ('skip_connect', 2), ('avg_pool_3x3', 0)], "
    "reduce_concat=[2, 3, 4, 5])"
)


def test_names_texts_and_files_are_resolved(tmp_path):
    found = resolve("darts_v1")
    assert resolve(DARTS_V1) == found
    assert resolve(found) is found
    path = tmp_path / "genotype.json"
    found.save(path)
    assert resolve(path) == resolve(str(path)) == found
    assert resolve(ARCH).to_arch_string() == ARCH


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("darts_v3", "did you mean 'darts_v"),
        ("missing.json", "missing.json: no such file"),
        (Path("missing"), "missing: no such file"),
        ("|conv~0", "no architecture string"),
        ("Genotype(normal=[])", "not in the form that DARTS prints"),
    ],
)
def test_what_does_not_resolve_is_one_line(given, message):
    with pytest.raises(InputError, match=r"^[^\n]+$") as caught:
        resolve(given)
    assert message in str(caught.value)


def test_published_genotypes_import_no_torch():
    code = (
        "import sys; from pipeline.networks import resolve; resolve('p_darts');"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_build_is_a_function_whatever_was_imported_before():
    code = (
        "import pipeline.networks.count, pipeline.networks.assembly, pipeline.networks as n;"
        "from pipeline.networks import build;"
        "assert build.__name__ == n.build.__name__ == 'build' and callable(build)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
