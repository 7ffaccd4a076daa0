"""Files of tensors that are whole but hostile or of another shape: refused in a line, cheaply."""

from __future__ import annotations

import io
import resource
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import torch

from pipeline import networks, registry
from pipeline.config.recipes import SupernetSettings
from pipeline.errors import InputError
from pipeline.networks.model_file import load_model, save_model
from pipeline.supernet import build_supernet, saved
from pipeline.tensors import DamagedError, read_tensors
from pipeline.training import checkpoint

ARCH = "|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|"


def packed(path):
    """The same archive, its members packed."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def test_what_training_saves_is_read(tmp_path):
    layer = torch.nn.Linear(2, 3)
    optimiser = torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9)
    layer(torch.ones(1, 2)).sum().backward()
    optimiser.step()
    content = {"a": layer.state_dict(), "b": optimiser.state_dict(), "c": OrderedDict(x=b"1")}
    content |= {"d": torch.zeros(2, 3).t(), "e": [1, 2.5, None, (True, "x")]}
    torch.save(content, tmp_path / "a.pt")
    found = read_tensors(tmp_path / "a.pt")
    assert torch.equal(found["a"]["weight"], layer.weight) and found["e"] == content["e"]


class Buffer:
    def __reduce__(self):
        return bytearray, (8_000_000_000,)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"a": torch.zeros(1).expand(10**6, 10**6)}, "larger than its numbers"),
        ({"a": Buffer()}, "it asks for"),
        ({"a": np.zeros(3)}, "it asks for"),
        ([1], "expected a dictionary, found list"),
        (torch.zeros(3), "expected a dictionary, found Tensor"),
    ],
)
def test_more_than_tensors_and_containers_is_refused(content, words, tmp_path):
    torch.save(content, tmp_path / "a.pt")
    with pytest.raises(DamagedError, match=words) as caught:
        read_tensors(tmp_path / "a.pt")
    assert "weights_only" not in str(caught.value), "torch's advice to switch safeguards off"


def test_a_packed_archive_is_refused(tmp_path):
    torch.save({"a": torch.zeros(50_000_000)}, tmp_path / "a.pt")
    packed(tmp_path / "a.pt")
    assert (tmp_path / "a.pt").stat().st_size < 10**6
    with pytest.raises(DamagedError, match=r"is packed, which `torch\.save` never does"):
        read_tensors(tmp_path / "a.pt")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A supernet and a model as their stages write them."""
    folder = tmp_path_factory.mktemp("whole")
    shape = SupernetSettings(channels=2, cells=1, partial_channels=1, include_none=True)
    space = registry.get("spaces", "nasbench201")(shape)
    saved.save(folder / "supernet.pt", build_supernet(space, shape, 3, seed=0), np.zeros(30))
    images = {"image_size": 8, "mean": [0.5] * 3, "std": [0.5] * 3, "class_names": ["a", "b"]}
    network = networks.build(ARCH, "nasbench201", 2, channels=2, cells=1)
    save_model(folder / "model.pt", network, networks.resolve(ARCH), "nasbench201", images)
    return {
        name: torch.load(folder / f"{name}.pt", weights_only=True) for name in ("supernet", "model")
    }


READ = {"supernet": saved.load, "model": load_model}
NAN = float("nan")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("supernet", lambda c: c["shape"].update(channels=4096)),
        ("supernet", lambda c: c["shape"].update(cells=10**6)),
        ("supernet", lambda c: c["shape"].update(precision=[1])),
        ("supernet", lambda c: c.update(classes=10**8)),
        ("supernet", lambda c: c.update(classes="3")),
        ("supernet", lambda c: c.update(alpha=torch.zeros(7))),
        ("supernet", lambda c: c.update(alpha=torch.full((30,), NAN))),
        ("supernet", lambda c: c.update(alpha=[0.0] * 30)),
        ("supernet", lambda c: c.update(weights=[])),
        ("supernet", lambda c: c.update(shape=None)),
        ("supernet", lambda c: c.update(space="../x")),
        ("supernet", lambda c: c["weights"].popitem()),
        ("model", lambda c: c.update(channels=10**7)),
        ("model", lambda c: c.update(cells=10**6)),
        ("model", lambda c: c.update(classes=10**8)),
        ("model", lambda c: c.update(classes=True)),
        ("model", lambda c: c.update(layout="cifar11")),
        ("model", lambda c: c.update(genotype={"format": 1})),
        ("model", lambda c: c.update(genotype=None)),
        ("model", lambda c: c.update(mean=[NAN, 0.5, 0.5])),
        ("model", lambda c: c.update(std=0.5)),
        ("model", lambda c: c.update(class_names=[1, 2])),
        ("model", lambda c: c.update(image_size=0)),
        ("model", lambda c: c.update(state_dict=None)),
        ("model", lambda c: c["state_dict"].popitem()),
        ("model", lambda c: c["state_dict"].update(x=torch.zeros(2))),
        ("model", lambda c: c.pop("cells")),
    ],
)
def test_a_readable_file_of_another_shape_is_one_line_and_takes_no_memory(
    name, change, whole, tmp_path
):
    stream = io.BytesIO()
    torch.save(whole[name], stream)
    content = torch.load(io.BytesIO(stream.getvalue()), weights_only=True)
    path = tmp_path / f"{name}.pt"
    torch.save(content, path)
    READ[name](path)
    change(content)
    torch.save(content, path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match=rf"^{path}: ") as caught:
        READ[name](path)
    assert "\n" not in str(caught.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB


@pytest.mark.parametrize(
    "content",
    [
        {"settings": "{}"},
        {"settings": "{}", "state": [1]},
        {"settings": "[1]", "state": {}},
        {"settings": 3, "state": {}},
        {"settings": "{}", "state": {}, "summed_by": 4},
    ],
)
def test_a_checkpoint_of_another_make_is_set_aside(content, tmp_path, warned):
    torch.save(content, tmp_path / "a.pt")
    assert checkpoint.load(tmp_path / "a.pt", {}) is None
    assert len(warned()) == 1 and (tmp_path / "a.pt.damaged").exists()


def test_a_state_that_does_not_fit_is_one_line_with_the_remedy(tmp_path):
    path = tmp_path / "state" / "a.pt"
    for state in ({}, {"x": torch.zeros(3)}, {"weight": torch.zeros(9, 9)}, None):
        with (
            pytest.raises(InputError, match=f"^{path}: .*delete the folder {path.parent}"),
            checkpoint.restoring(path),
        ):
            torch.nn.Linear(2, 3, bias=False).load_state_dict(state)
