"""Measures the latency of a network on this machine, with torch and with ONNX Runtime.

Each time is the median of several forward passes after a warm-up pass, in milliseconds per batch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import torch

from pipeline.errors import InputError
from pipeline.networks.assembly import build
from pipeline.networks.budget import FEWEST_CHANNELS, widest
from pipeline.networks.exported import program_of, save_onnx
from pipeline.networks.network import Network
from pipeline.spaces.genotype import Genotype

BATCHES, REPEATS = (1, 32), 9


def latencies(network: Network, image_size: int, device: torch.device) -> Iterator[dict[str, Any]]:
    """A row per batch size for torch and, if installed, for ONNX Runtime on the CPU."""
    network = network.eval().to(device)
    for batch in BATCHES:
        images = torch.randn(batch, 3, image_size, image_size, device=device)
        yield _row("torch", batch, str(device), _time_torch(network, images))
    if not all(map(find_spec, ("onnx", "onnxscript", "onnxruntime"))):
        return
    import onnxruntime  # an optional package

    with TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        save_onnx(program_of(network.cpu(), image_size), path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        session = onnxruntime.InferenceSession(path.read_bytes(), options)
        for batch in BATCHES:
            given = {"images": torch.randn(batch, 3, image_size, image_size).numpy()}
            yield _row("onnxruntime", batch, "cpu", _median_ms(lambda: session.run(None, given)))  # noqa: B023


def fit_latency(
    genotype: Genotype,
    layout: str,
    classes: int,
    cells: int,
    image_size: int,
    max_ms: float,
    device: torch.device,
) -> tuple[int, float]:
    """The largest width at which torch classifies one image in at most `max_ms` milliseconds.

    Returns:
        channels (a multiple of 4), and milliseconds per image.

    Raises:
        InputError: even the narrowest network takes longer.
    """
    image = torch.randn(1, 3, image_size, image_size, device=device)

    def takes(channels: int) -> float:
        network = build(genotype, layout, classes, channels, cells).eval().to(device)
        return _time_torch(network, image)

    least = takes(FEWEST_CHANNELS)
    if least > max_ms:
        raise InputError(
            f"--max-ms {max_ms}: {FEWEST_CHANNELS} channels and {cells} cells take {least:.3g} ms "
            "here; raise it, or lower --cells or --image-size"
        )
    channels = widest(lambda width: takes(width) <= max_ms, FEWEST_CHANNELS)
    return channels, takes(channels)


@torch.inference_mode()
def _time_torch(network: Network, images: torch.Tensor) -> float:
    def answer() -> None:
        network(images)
        if images.device.type == "cuda":
            torch.cuda.synchronize()

    return _median_ms(answer)


def _median_ms(run: Callable[[], Any]) -> float:
    run()
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        run()
        times.append(1000 * (time.perf_counter() - started))
    return median(times)


def _row(runtime: str, batch: int, device: str, ms: float) -> dict[str, Any]:
    return {
        "runtime": runtime,
        "device": device,
        "threads": torch.get_num_threads(),
        "batch": batch,
        "ms": round(ms, 4),
        "images_per_second": round(1000 * batch / ms, 1),
    }
