"""Hostile strings in configs, names and paths: nothing of them is run, nothing leaves results/."""

import io
import os
import shlex
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import torchvision
import yaml

from pipeline.config.load import resolve
from pipeline.data.download import torchvision_archive
from pipeline.errors import InputError
from tests.nasbench.toys import toy_frame, write_toy_table

ROOT = Path(__file__).parents[1]
QUERY = "results/demo/nasbench201/cifar10/random/seed0/query/metrics.json"


def plan(folder, configfile, *targets, data_root="nowhere"):
    """A dry run that prints the commands, writing its caches below `folder`."""
    path = folder / "hostile.yaml"
    path.write_text(yaml.safe_dump(configfile))
    command = [sys.executable, "-m", "snakemake", "-n", "-p", "--configfile", str(path)]
    return subprocess.run(
        [*command, "--", *targets],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "SHAPLEY_NAS_DATA": str(data_root)},
    )


def words_of(output, verb):
    """The command of a verb as the shell would split it."""
    lines = [line for line in output.splitlines() if f"python -m pipeline {verb}" in line]
    assert lines, output
    return [shlex.split(line) for line in lines]


def test_a_data_root_that_looks_like_a_command_is_one_word(tmp_path):
    root = tmp_path / "a b; touch PWNED; $(touch PWNED) 'c"
    write_toy_table(root / "nas_bench_201" / "nas_bench_201.csv.gz", toy_frame())
    done = plan(tmp_path, {}, QUERY, data_root=root)
    assert done.returncode == 0, done.stdout + done.stderr
    (words,) = words_of(done.stdout + done.stderr, "convert")
    assert str(root / "nas_bench_201" / "nas_bench_201.csv.gz") in words


def test_texts_of_the_configuration_are_one_word(tmp_path):
    hostile = "x'; touch PWNED; echo '$(touch PWNED)`touch PWNED`"
    configfile = {
        "datasets": {"pets": {"path": hostile, "image_size": 32}},
        "mlflow_experiment": hostile,
    }
    target = "results/demo/data/pets/manifest.json"
    done = plan(tmp_path, configfile, target)
    assert done.returncode == 0, done.stdout + done.stderr
    (words,) = words_of(done.stdout + done.stderr, "prepare")
    assert any(hostile in word for word in words)
    assert "touch" not in words


@pytest.mark.parametrize("name", ["../../escape", "a;touch PWNED", "$(touch PWNED)", "a/b"])
def test_a_name_is_no_path_and_no_command(name, tmp_path):
    configfile = {"strategies": {name: {"algorithm": "random"}}}
    target = f"results/demo/nasbench201/digits/{name}/seed0/search/metrics.json"
    done = plan(tmp_path, configfile, target)
    assert done.returncode == 2
    assert f"hostile.yaml: strategies: {name!r}" in done.stderr


@pytest.mark.parametrize("kind", ["strategies", "datasets", "genotypes"])
def test_no_kind_of_name_leaves_the_results(kind):
    entry = {"strategies": {"algorithm": "random"}, "datasets": {"path": "x"}, "genotypes": "x"}
    for name in ("../x", "a b", "", "x\n", "-x"):
        given = {kind: {name: entry[kind]}}
        with pytest.raises(InputError, match=f"^--set: {kind}"):
            resolve(given, ROOT / "config", {"--set": given})


@pytest.mark.parametrize("kind", ["path", "link"])
def test_an_archive_writes_nothing_outside_its_folder(kind, tmp_path, monkeypatch):
    """Unpacked by torchvision, as its downloads are."""
    member = tarfile.TarInfo("../outside.txt" if kind == "path" else "link")
    if kind == "link":
        member.type, member.linkname = tarfile.SYMTYPE, "/etc"
    else:
        member.size = 3
    with tarfile.open(tmp_path / "data.tar.gz", "w:gz") as archive:
        archive.addfile(member, io.BytesIO(b"out"))

    def unpack(root, download, **options):
        torchvision.datasets.utils.extract_archive(tmp_path / "data.tar.gz", root)

    monkeypatch.setattr(torchvision.datasets, "CIFAR10", unpack)
    with pytest.raises(InputError, match="CIFAR10: download"):
        torchvision_archive("CIFAR10")(tmp_path / "root")
    assert not (tmp_path / "outside.txt").exists() and not any((tmp_path / "root").iterdir())


def test_servers_listen_to_this_machine_only():
    """There is one way to start a server, and `make ui` takes it."""
    text = (ROOT / "scripts" / "tracking-server").read_text()
    assert "HOST=127.0.0.1" in text and '--host "$HOST"' in text
    starts = [line for line in (ROOT / "Makefile").read_text().splitlines() if "server" in line]
    assert any("scripts/tracking-server --store" in line for line in starts)
    assert not any("mlflow server" in line or "--host" in line for line in starts)
