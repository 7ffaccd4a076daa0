"""Writes a trained model in formats that other programs read.

- `network.pt2`: a `torch.export` program for batches of any size; it runs without this package.
- `network.onnx`: the same graph for ONNX runtimes.
- `weights.safetensors`: only the weights; the metadata holds the network's size and genotype.
- `network.int8.onnx`: the ONNX network, quantised to 8 bits. `int8.json` describes it.
- `labels.json`: names of the classes and the preprocessing.
- `README.md`: the model card (`card.py`).

All networks map images float32 [batch, 3, h, h] to logits [batch, classes]. The auxiliary head is
left out, because only training uses it. ONNX and safetensors need optional packages:
`pip install '.[export]'`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from pipeline.data.preprocessing import Preprocessing
from pipeline.errors import InputError
from pipeline.files import read_object, replacing, write_json, write_text
from pipeline.networks.card import card
from pipeline.networks.model_file import check_prepares, load_model
from pipeline.networks.network import Network
from pipeline.networks.prediction import class_names_of
from pipeline.networks.quantised import compare, quantise

# Largest difference of a runtime's float32 logits from torch's; the order of sums differs.
TOLERANCE = 1e-3


def export(
    model: Path,
    out: Path,
    forms: tuple[str, ...],
    images: Path | None = None,
    test: Path | None = None,
) -> list[Path]:
    """Convert a model (`model.pt`) to the formats `forms`, with a model card; return all paths.

    The card uses `metrics.json` and `provenance.json` from the model's folder. The format `int8`
    needs `images`, a folder of class folders, to calibrate the ranges of activations. With `test`,
    a second folder of this kind, the accuracy lost by the quantisation is measured.

    Raises:
        InputError: the model, its preprocessing, a package or `images` is missing, or an image is
            damaged. Then no file is written.
    """
    if "int8" in forms and images is None:
        raise InputError("--form int8: give images of training, folder/<class>/*, by --images")
    network, meta = load_model(model)
    network.auxiliary = None
    check_prepares(model, meta)
    metrics = _beside(model, "metrics")
    with TemporaryDirectory() as folder:
        made = Path(folder)
        files = [FORMS[form](network, meta, made) for form in forms if form != "int8"]
        if images is not None and "int8" in forms:
            files += _write_int8(network, meta, made, images, test, files)
            metrics |= read_object(made / "int8.json")
        write_json(made / "labels.json", labels_of(meta))
        text = card(meta, metrics, _beside(model, "provenance"), forms)
        write_text(made / "README.md", text)
        return [_copied(file, out) for file in (*files, made / "labels.json", made / "README.md")]


def _copied(file: Path, out: Path) -> Path:
    """Copy a file into the folder `out`, atomically."""
    with replacing(out / file.name) as temporary:
        shutil.copyfile(file, temporary)
    return out / file.name


def labels_of(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Class names in logit order, and preprocessing."""
    return {"class_names": class_names_of(meta), "preprocessing": meta["preprocessing"]}


def program_of(network: Network, image_size: int) -> torch.export.ExportedProgram:
    """The network in evaluation mode as a graph for batches of any size."""
    images = torch.zeros(2, 3, image_size, image_size)
    batch = torch.export.Dim("batch", min=1)
    return torch.export.export(network.eval(), (images,), dynamic_shapes=({0: batch},))


def write_program(network: Network, meta: Mapping[str, Any], out: Path) -> Path:
    """Write `network.pt2`."""
    with replacing(out / "network.pt2") as temporary:
        torch.export.save(program_of(network, meta["image_size"]), temporary)
    return out / "network.pt2"


def write_onnx(network: Network, meta: Mapping[str, Any], out: Path) -> Path:
    """Write `network.onnx`, and compare its logits in onnxruntime with the network's.

    Raises:
        InputError: a package is missing, or the logits differ.
    """
    for package in ("onnx", "onnxscript", "onnxruntime"):
        _package(package)
    size = meta["image_size"]
    with replacing(out / "network.onnx") as temporary:
        save_onnx(program_of(network, size), temporary)
        _describe(temporary, meta)
        _compare(network, temporary, size)
    return out / "network.onnx"


def save_onnx(program: torch.export.ExportedProgram, path: Path) -> None:
    """Write a program as ONNX; this needs the ONNX packages."""
    torch.onnx.export(
        program,
        (),
        path,
        input_names=["images"],
        output_names=["logits"],
        external_data=False,
        verbose=False,
    )


def _describe(path: Path, meta: Mapping[str, Any]) -> None:
    """Name the first axis `batch`, and put class names and preprocessing into the metadata."""
    onnx = _package("onnx")
    program = onnx.load(path)
    for value in (*program.graph.input, *program.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    described = {key: json.dumps(value) for key, value in labels_of(meta).items()}
    onnx.helper.set_model_props(program, described)
    onnx.save(program, path)


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
        content = _package("safetensors.torch").save(
            weights, {key: json.dumps(value) for key, value in described.items()}
        )
        temporary.write_bytes(content)  # `save_file` makes files that only their owner can read
    return out / "weights.safetensors"


def _write_int8(
    network: Network,
    meta: Mapping[str, Any],
    out: Path,
    images: Path,
    test: Path | None,
    written: list[Path],
) -> list[Path]:
    """Write `network.int8.onnx`, and `int8.json`, with both accuracies if `test` is given."""
    source = out / "network.onnx"
    files = [] if source in written else [write_onnx(network, meta, out)]
    target = out / "network.int8.onnx"
    preprocessing = Preprocessing.from_json(meta["preprocessing"])
    cost: dict[str, Any] = {"int8_calibrated_on": quantise(source, target, images, preprocessing)}
    if test is not None:
        both = {"float32": source, "int8": target}
        accuracies = compare(both, test, preprocessing, class_names_of(meta))
        cost |= {f"int8_{key}": value for key, value in accuracies.items()}
    write_json(out / "int8.json", cost)
    return [*files, target, out / "int8.json"]


FORMS: dict[str, Callable[[Network, Mapping[str, Any], Path], Path]] = {
    "program": write_program,
    "onnx": write_onnx,
    "safetensors": write_weights,
}


def _beside(model: Path, name: str) -> dict[str, Any]:
    path = model.with_name(f"{name}.json")
    return read_object(path) if path.exists() else {}


def _package(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError:
        raise InputError(
            f"export: the package {name.partition('.')[0]} is not installed; "
            "pip install '.[export]', or choose another --form"
        ) from None
