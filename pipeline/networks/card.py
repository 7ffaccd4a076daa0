"""The model card of an exported network: description, accuracy, origin and use."""
# Tested in tests/networks/test_exported.py.

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.networks.prediction import class_names_of
from pipeline.spaces.genotype import Genotype

# From a file to a class name in ten statements, without this package; see `Preprocessing`.
BEFORE = """
from PIL import Image, ImageOps

about = json.load(open("labels.json", encoding="utf-8"))
steps, size = about["preprocessing"], about["preprocessing"]["image_size"]
image = ImageOps.exif_transpose(Image.open("photo.jpg")).convert("RGBA")
image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
sides = [int(steps["resize_size"] * side / min(image.size)) for side in image.size]
left, top = (round((side - size) / 2) for side in sides)
image = image.resize(sides, Image.Resampling.BILINEAR).crop((left, top, left + size, top + size))
image = np.float32((np.asarray(image) / 255 - steps["mean"]) / steps["std"]).transpose(2, 0, 1)
"""
AFTER = """
print(about["class_names"][logits.argmax()], 1 / np.exp(logits - logits.max()).sum())
"""
PROGRAM = f"""\
import json
import numpy as np
import torch{BEFORE}\
logits = torch.export.load("network.pt2").module()(torch.from_numpy(image[None])).detach().numpy()\
{AFTER}"""
ONNX = f"""\
import json
import numpy as np
import onnxruntime{BEFORE}\
logits = onnxruntime.InferenceSession("network.onnx").run(None, {{"images": image[None]}})[0]\
{AFTER}"""
WEIGHTS = """\
import json
from pipeline.networks import build
from pipeline.spaces.genotype import Genotype
from safetensors import safe_open

with safe_open("weights.safetensors", framework="pt") as file:
    about = {key: json.loads(text) for key, text in file.metadata().items()}
    weights = {name: file.get_tensor(name) for name in file.keys()}
size = {key: about[key] for key in ("layout", "classes", "channels", "cells")}
network = build(Genotype.from_json(about["genotype"]), **size)
network.load_state_dict(weights)
network.eval()
"""
INT8 = ONNX.replace("network.onnx", "network.int8.onnx")
CODE = {
    "program": ("With PyTorch (`torch.export`)", PROGRAM),
    "onnx": ("With ONNX Runtime", ONNX),
    "int8": ("With ONNX Runtime, in 8-bit numbers", INT8),
    "safetensors": ("The weights alone, with this package", WEIGHTS),
}


def card(
    meta: Mapping[str, Any],
    metrics: Mapping[str, Any],
    provenance: Mapping[str, Any],
    forms: Sequence[str],
) -> str:
    """The model card in Markdown.

    `meta` is as `load_model` returns it. `metrics` and `provenance` are the contents of the JSON
    files beside the model. `forms` are the exported formats (of `exported.FORMS`).
    """
    facts = _facts(meta, metrics, provenance)
    rows = "\n".join(f"| {key} | {_safe(v)} |" for key, v in facts.items() if v is not None)
    names = "\n".join(f"{i}. {_safe(name)}" for i, name in enumerate(class_names_of(meta)))
    size = meta["preprocessing"]["image_size"]
    code = "\n".join(f"## {CODE[f][0]}\n\n```python\n{CODE[f][1]}```\n" for f in forms if f in CODE)
    return f"""# A network of Shapley-NAS

| | |
| --- | --- |
{rows}

Errors are fractions. Input: float32 [batch, 3, {size}, {size}], prepared as the table and the code
below say; a grey image of 16 bits is first divided by 257. Output: logits
[batch, {meta["classes"]}], one per class. `labels.json` has the same, for programs.

{code}
## Classes, from the first logit on

{names}

## Genotype

```
{json.dumps(Genotype.from_json(meta["genotype"]).to_json(), indent=1)}
```
"""


def _facts(
    meta: Mapping[str, Any], metrics: Mapping[str, Any], provenance: Mapping[str, Any]
) -> dict[str, Any]:
    """The rows of the card's table; None: unknown."""
    data, majority = provenance.get("data") or {}, metrics.get("majority_accuracy")
    return {
        "test error (top-1)": metrics.get("test_error"),
        "test error (top-5)": metrics.get("top5_error"),
        "error of naming the most frequent class": None if majority is None else 1 - majority,
        "accuracy by 8-bit numbers": metrics.get("int8_accuracy_int8"),
        "on the same images without": metrics.get("int8_accuracy_float32"),
        "parameters": metrics.get("params"),
        "multiply-adds per image": metrics.get("macs"),
        "data set": data.get("name"),
        "its fingerprint": data.get("fingerprint"),
        "commit": provenance.get("git_commit"),
        "seed": provenance.get("seed"),
        "run": provenance.get("run_key"),
        "layout": f"{meta['layout']}, {meta['channels']} channels, {meta['cells']} cells",
        **{f"input: {key}": value for key, value in meta["preprocessing"].items()},
    }


def _safe(value: Any) -> str:
    """Text that is safe in a Markdown table."""
    text = html.escape(str(value), quote=False)
    return " ".join(text.replace("|", "\\|").replace("`", "&#96;").split())
