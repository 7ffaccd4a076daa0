"""The stage `query`: a genotype's row, or a plain word that there is no table."""

import hashlib
import json
import subprocess
import sys

import pytest

from pipeline.errors import InputError
from pipeline.files import read_json
from pipeline.nasbench import EMBEDDED
from pipeline.spaces.genotype import Genotype
from pipeline.stages import query
from tests.nasbench.toys import toy_frame, write_toy_table

ARCH = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|nor_conv_1x1~0|avg_pool_3x3~1|none~2|"


@pytest.fixture
def genotype(tmp_path):
    path = tmp_path / "genotype.json"
    Genotype.from_arch_string(ARCH).save(path)
    return path


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return write_toy_table(tmp_path_factory.mktemp("table") / "table.csv.gz")


def expected_index():
    frame = toy_frame()
    return int(frame.index[frame["arch"] == ARCH][0])


def test_the_three_names_of_an_architecture_give_one_row(table, genotype):
    index = expected_index()
    by_index = query.look_up(table, index=index)
    assert by_index["arch"] == ARCH and by_index["cifar10_valid"] == index / 200
    assert query.look_up(table, arch=ARCH) == by_index
    assert query.look_up(table, genotype=genotype) == by_index


def test_stage_writes_row_and_record(tmp_path, table, genotype):
    out = tmp_path / "results" / "query"
    query.run(genotype, table, out)
    metrics = read_json(out / "metrics.json")
    assert metrics["index"] == expected_index()
    assert metrics["rank_cifar10_valid"] == 15_625 - expected_index()
    record = read_json(out / "provenance.json")
    assert record["settings"] == {"arch": ARCH, "table": str(table)}
    assert record["data"]["name"] == "nas_bench_201"
    assert len(record["data"]["fingerprint"]) == 64


def test_the_record_names_the_table_that_was_asked(tmp_path, genotype):
    out = tmp_path / "results" / "query"
    query.run(genotype, EMBEDDED, out)
    record = read_json(out / "provenance.json")["data"]
    assert record["name"] == "nasbench_digits"
    assert record["fingerprint"] == hashlib.sha256(EMBEDDED.read_bytes()).hexdigest()


def test_without_a_table_the_stage_says_so(tmp_path, genotype, capsys):
    out = tmp_path / "results" / "query"
    query.run(genotype, None, out)
    assert read_json(out / "metrics.json") == {"arch": ARCH}
    assert "no NAS-Bench-201 table" in capsys.readouterr().err


def test_a_genotype_of_another_space_is_refused(tmp_path, table):
    darts = (
        "Genotype(normal=[{0}], normal_concat=range(2, 6), reduce=[{0}], reduce_concat=range(2, 6))"
    ).format(", ".join(["('sep_conv_3x3', 0), ('skip_connect', 1)"] * 4))
    Genotype.from_darts_text(darts).save(tmp_path / "darts.json")
    with pytest.raises(InputError, match="darts"):
        query.run(tmp_path / "darts.json", table, tmp_path / "query")
    assert not (tmp_path / "query").exists()


def test_verb_prints_json_and_complains_in_one_line(tmp_path, table):
    def verb(path):
        command = [sys.executable, "-m", "pipeline", "query", "--index", "5", "--table", str(path)]
        return subprocess.run(command, capture_output=True, text=True)

    assert json.loads(verb(table).stdout)["cifar10_valid"] == 0.025
    broken = write_toy_table(tmp_path / "broken.csv", toy_frame().drop(columns="cifar10_test"))
    done = verb(broken)
    assert done.returncode == 2 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and "cifar10_test" in done.stderr
