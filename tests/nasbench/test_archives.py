"""The benchmark's archives: a small one in its structure, read as its own package reads it."""

import bz2
import hashlib
import os
import pickle
from collections import OrderedDict

import pytest
import torch

from pipeline.errors import InputError
from pipeline.nasbench import archives, sources
from pipeline.nasbench.cells import architectures

ARCHS = list(architectures())[:3]
TRIALS = {
    "cifar10-valid": (777, 888),
    "cifar10": (777,),
    "cifar100": (777, 999),
    "ImageNet16-120": (777,),
}
IMAGES = {
    "cifar10-valid": ("x-valid", "ori-test"),
    "cifar10": ("ori-test",),
    "cifar100": ("x-valid", "x-test", "ori-test"),
    "ImageNet16-120": ("x-valid", "x-test", "ori-test"),
}  # fmt: skip


def trial(index: int, data: str, seed: int, epochs: int) -> dict:
    """One training as `ResultsCount.state_dict` stores it; every accuracy is another number."""
    accuracies = {
        f"{images}@{epoch}": 10.0 + index + seed / 1000 + epoch / 10 + len(images)
        for images in IMAGES[data]
        for epoch in range(epochs)
    }
    by_epoch = OrderedDict((epoch, 50.0 + epoch) for epoch in range(epochs))
    return {
        "name": "infer.tiny",
        "net_state_dict": None,
        "train_acc1es": by_epoch,
        "train_acc5es": by_epoch,
        "train_losses": by_epoch,
        "train_times": None,
        "arch_config": {"arch_str": ARCHS[index]},
        "params": 1.5 + index,
        "flop": 100.0 + index,
        "seed": seed,
        "epochs": epochs,
        "latency": [0.01, 0.03],
        "eval_names": list(IMAGES[data]),
        "eval_acc1es": accuracies,
        "eval_times": {},
        "eval_losses": dict.fromkeys(accuracies, 1.0),
    }


def results(index: int, epochs: int) -> dict:
    return {
        "arch_index": index,
        "arch_str": ARCHS[index],
        "all_results": {
            (data, seed): trial(index, data, seed, epochs)
            for data, seeds in TRIALS.items()
            for seed in seeds
        },
        "dataset_seed": {data: list(seeds) for data, seeds in TRIALS.items()},
        "clear_net_done": False,
    }


def archive(less: str, full: str) -> dict:
    return {
        "meta_archs": ARCHS,
        "arch2infos": {i: {less: results(i, 12), full: results(i, 20)} for i in range(len(ARCHS))},
        "evaluated_indexes": list(range(len(ARCHS))),
    }


def named_by_md5(path, pattern):
    """Give a file the name that carries the end of its MD5, as the benchmark does."""
    digest = hashlib.md5(path.read_bytes()).hexdigest()
    return path.rename(path.with_name(pattern.format(digest[-6:])))


def write_torch(folder, content):
    path = folder / "archive"
    torch.save(content, path)
    return named_by_md5(path, "NAS-Bench-201-v1_1-{}.pth")


def write_pickle(path, content):
    path.write_bytes(bz2.compress(pickle.dumps(content)))
    return path


@pytest.fixture(scope="module")
def official():
    from nas_201_api import NASBench201API

    return NASBench201API(archive("less", "full"), verbose=False)


def check(frame, official):
    """Against what the benchmark's own package answers."""
    for index, row in frame.set_index("index").iterrows():
        for epochs, suffix in ((12, "_12ep"), (200, "")):

            def ask(data, index=index, epochs=epochs):
                return official.get_more_info(index, data, None, str(epochs), is_random=False)

            assert row[f"cifar10_valid{suffix}"] == ask("cifar10-valid")["valid-accuracy"]
            assert row[f"cifar10_test{suffix}"] == ask("cifar10")["test-accuracy"]
            assert row[f"cifar100_valid{suffix}"] == ask("cifar100")["valid-accuracy"]
            assert row[f"cifar100_test{suffix}"] == ask("cifar100")["test-accuracy"]
            assert row[f"imagenet16_test{suffix}"] == ask("ImageNet16-120")["test-accuracy"]
        trial_ = official.get_more_info(index, "cifar100", None, "200", is_random=999)
        assert row["cifar100_test_seed999"] == trial_["test-accuracy"]
        costs = official.get_cost_info(index, "cifar10", "200")
        assert row["cifar10_flops_m"] == costs["flops"]
        assert row["cifar10_params_m"] == costs["params"]
        assert row["cifar10_latency_ms"] == pytest.approx(1000 * costs["latency"])


def test_the_file_of_the_benchmark(tmp_path, official):
    frame = archives.read(write_torch(tmp_path, archive("less", "full")))
    assert frame["arch"].tolist() == ARCHS
    check(frame, official)


def test_the_file_of_nats_bench(tmp_path, official):
    path = write_pickle(tmp_path / "archive", archive("12", "200"))
    check(archives.read(named_by_md5(path, "NATS-tss-v1_0-{}.pickle.pbz2")), official)


def test_the_folder_of_nats_bench(tmp_path, official):
    folder = tmp_path / "NATS-tss-v1_0-3ffb9-simple"
    folder.mkdir()
    content = archive("12", "200")
    write_pickle(folder / "meta.pickle.pbz2", {"meta_archs": ARCHS})
    for index, info in content["arch2infos"].items():
        write_pickle(folder / f"{index:06d}.pickle.pbz2", info)
    check(archives.read(folder), official)
    (folder / "000002.pickle.pbz2").unlink()
    with pytest.raises(InputError, match=r"lacks 1 files, first 000002"):
        archives.read(folder)


class Malicious:
    """What runs code when a careless reader opens it."""

    def __reduce__(self):
        return os.system, ("touch hacked",)


@pytest.mark.parametrize("kind", ["pth", "pbz2"])
def test_a_malicious_archive_is_refused_and_runs_nothing(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    content = {"meta_archs": [Malicious()], "arch2infos": {}}
    if kind == "pth":
        path = write_torch(tmp_path, content)
    else:
        path = named_by_md5(write_pickle(tmp_path / "a", content), "NATS-tss-v1_0-{}.pickle.pbz2")
    with pytest.raises(InputError, match=r"not an? .* of plain (arrays and )?numbers"):
        archives.read(path)
    assert not (tmp_path / "hacked").exists()


def test_another_file_than_its_name_says_is_refused_unread(tmp_path):
    path = tmp_path / "NAS-Bench-201-v1_1-096897.pth"
    path.write_bytes(pickle.dumps(Malicious()))
    with pytest.raises(InputError, match="MD5"):
        archives.read(path)
    nameless = tmp_path / "benchmark.pth"
    nameless.write_bytes(b"")
    with pytest.raises(InputError, match="published name"):
        archives.read(nameless)


def test_too_little_memory_is_said_before_it_starts(tmp_path, monkeypatch, capsys):
    path = write_torch(tmp_path, archive("less", "full"))
    monkeypatch.setattr(archives, "MEMORY_FACTOR", 10**12)
    with pytest.raises(InputError, match="GB of memory"):
        archives.read(path)
    assert "GB of memory" in capsys.readouterr().err


def test_a_part_of_the_space_is_no_table(tmp_path):
    with pytest.raises(InputError, match="3 rows; the space has 15625"):
        sources.read(write_torch(tmp_path, archive("less", "full")))


def test_another_structure_is_said(tmp_path):
    with pytest.raises(InputError, match="meta_archs"):
        archives.read(write_torch(tmp_path, {"something": 1}))
    broken = archive("less", "full")
    del broken["arch2infos"][1]["full"]["all_results"]["cifar10", 777]
    with pytest.raises(InputError, match="structure"):
        archives.read(write_torch(tmp_path, broken))
