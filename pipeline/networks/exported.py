"""A ready model in the forms that other programs take.

- `network.pt2`: a `torch.export` program, batch of any size; runs without this package.
- `network.onnx`: the same graph for ONNX runtimes.
- `weights.safetensors`: the weights alone, for `build(...).load_state_dict(...)`; the network's
  size and genotype stand in the file's metadata.
- `README.md`: the model card.

All take images float32 [b, 3, h, h], normalised as the card says, and give logits [b, classes].
The auxiliary head, which only training uses, is left out. ONNX and safetensors need the optional
packages of `pip install 'shapley-nas[export]'`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from pipeline.errors import InputError
from pipeline.files import read_object, replacing, write_text
from pipeline.networks.model_file import load_model
from pipeline.networks.network import Network
from pipeline.spaces.genotype import Genotype

# How far a runtime's float32 logits may lie from torch's: sums are taken in another order.
TOLERANCE = 1e-3


def export(model: Path, out: Path, forms: tuple[str, ...]) -> list[Path]:
    """Write a ready model (`model.pt`) in some of `FORMS`, with its card; returns the files.

    The card reads `metrics.json` and `provenance.json` beside the model.

    Raises:
        InputError: no such model, or a package that a form needs is not installed.
    """
    network, meta = load_model(model)
    network.auxiliary = None
    files = [FORMS[form](network, meta, out) for form in forms]
    write_text(
        out / "README.md", card(meta, _beside(model, "metrics"), _beside(model, "provenance"))
    )
    return [*files, out / "README.md"]


def program_of(network: Network, image_size: int) -> torch.export.ExportedProgram:
    """The network's evaluation as a graph for batches of any size."""
    images = torch.zeros(2, 3, image_size, image_size)
    batch = torch.export.Dim("batch", min=1)
    return torch.export.export(network.eval(), (images,), dynamic_shapes=({0: batch},))


def write_program(network: Network, meta: Mapping[str, Any], out: Path) -> Path:
    """Write `network.pt2`."""
    with replacing(out / "network.pt2") as temporary:
        torch.export.save(program_of(network, meta["image_size"]), temporary)
    return out / "network.pt2"


def write_onnx(network: Network, meta: Mapping[str, Any], out: Path) -> Path:
    """Write `network.onnx`, run it by onnxruntime and compare it with the network.

    Raises:
        InputError: a package is missing; the runtime's logits are not the network's.
    """
    for package in ("onnx", "onnxscript", "onnxruntime"):
        _package(package)
    size = meta["image_size"]
    with replacing(out / "network.onnx") as temporary:
        torch.onnx.export(
            program_of(network, size),
            (),
            temporary,
            input_names=["images"],
            output_names=["logits"],
            external_data=False,
            verbose=False,
        )
        _compare(network, temporary, size)
    return out / "network.onnx"


def _compare(network: Network, path: Path, size: int) -> None:
    images = torch.randn(3, 3, size, size, generator=torch.Generator().manual_seed(0))
    session = _package("onnxruntime").InferenceSession(path.read_bytes())
    (logits,) = session.run(None, {session.get_inputs()[0].name: images.numpy()})
    with torch.no_grad():
        expected = network(images)
    error = (torch.from_numpy(logits) - expected).abs().max().item()
    if not error <= TOLERANCE * max(1.0, expected.abs().max().item()):
        raise InputError(f"{path.name}: logits differ from the network's by {error:.2g}; not kept")


def write_weights(network: Network, meta: Mapping[str, Any], out: Path) -> Path:
    """Write `weights.safetensors`."""
    described = {key: value for key, value in meta.items() if key != "auxiliary"}
    weights = {name: value.contiguous() for name, value in network.state_dict().items()}
    with replacing(out / "weights.safetensors") as temporary:
        _package("safetensors.torch").save_file(
            weights, temporary, {key: json.dumps(value) for key, value in described.items()}
        )
    return out / "weights.safetensors"


FORMS: dict[str, Callable[[Network, Mapping[str, Any], Path], Path]] = {
    "program": write_program,
    "onnx": write_onnx,
    "safetensors": write_weights,
}


def card(meta: Mapping[str, Any], metrics: Mapping[str, Any], provenance: Mapping[str, Any]) -> str:
    """The model card: what the network is, how good, how it was made, how to use it."""
    genotype = Genotype.from_json(meta["genotype"])
    data = provenance.get("data") or {}
    numbers = {
        "test error (top-1)": metrics.get("test_error"),
        "test error (top-5)": metrics.get("top5_error"),
        "parameters": metrics.get("params"),
        "multiply-adds per image": metrics.get("macs"),
    }
    facts = {
        "data set": data.get("name"),
        "its fingerprint": data.get("fingerprint"),
        "commit": provenance.get("git_commit"),
        "seed": provenance.get("seed"),
        "run": provenance.get("run_key"),
    }
    table = "\n".join(
        f"| {name} | {value} |" for name, value in {**numbers, **facts}.items() if value is not None
    )
    names = meta.get("class_names") or []
    return f"""# A network of Shapley-NAS

| | |
| --- | --- |
{table}
| layout | {meta["layout"]}, {meta["channels"]} channels, {meta["cells"]} cells |

Errors are fractions. Input: float32 [b, 3, {meta["image_size"]}, {meta["image_size"]}], RGB in
[0, 1], minus the mean {meta["mean"]}, over the deviation {meta["std"]}. Output: logits
[b, {meta["classes"]}]{", in the order " + ", ".join(names) if names else ""}.

```
{json.dumps(genotype.to_json(), indent=1)}
```

```python
import torch

network = torch.export.load("network.pt2").module()
logits = network(torch.zeros(1, 3, {meta["image_size"]}, {meta["image_size"]}))
```
"""


def _beside(model: Path, name: str) -> dict[str, Any]:
    path = model.with_name(f"{name}.json")
    return read_object(path) if path.exists() else {}


def _package(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError:
        raise InputError(
            f"export: the package {name.partition('.')[0]} is not installed; "
            "pip install 'shapley-nas[export]', or choose another --form"
        ) from None
