"""What the paper's runs cost on a GPU: counted work, published rates, a measured utilisation.

    hours = images x 3 x 2 x MACs / (peak x utilisation)

A training step is a forward pass and a backward pass of twice its work; a multiply-add is two
operations. `docs/cost.md` is rendered from this, never typed.
"""

from __future__ import annotations

from dataclasses import dataclass

PASSES = 3  # forward, and backward with respect to images and to weights


@dataclass(frozen=True)
class Gpu:
    """A device and what it costs.

    Attributes:
        name: as sold.
        peak: dense bfloat16 tensor operations a second.
        price: US dollars an hour on demand, lowest and highest.
    """

    name: str
    peak: float
    price: tuple[float, float]


# Peaks: NVIDIA's data sheets. Prices: cloud surveys of May 2026 (mercatus-ai.com).
GPUS = (
    Gpu("A100 80 GB", 312e12, (1.1, 3.0)),
    Gpu("H100 SXM", 989e12, (2.5, 5.0)),
)
# An assumption: depthwise convolutions, batch norms and pooling move memory, multiply little, and
# a network of many small kernels waits for their launches.
UTILISATION = (0.005, 0.04)


@dataclass(frozen=True)
class Training:
    """One training of the paper."""

    name: str
    genotype: str
    layout: str
    n_images: int
    epochs: int

    @property
    def operations(self) -> float:
        """Floating-point operations of the whole training, without the auxiliary tower."""
        # Here, so that the plan of a dry run reads the GPUs without importing torch.
        from pipeline.networks import profile_genotype

        macs = profile_genotype(self.genotype, self.layout)["macs"]
        return float(PASSES * 2 * macs * self.n_images * self.epochs)


TRAININGS = (
    Training("CIFAR-10, 600 epochs", "shapley_nas_cifar10", "cifar10", 50_000, 600),
    Training("ImageNet, 250 epochs", "shapley_nas_imagenet", "imagenet", 1_281_167, 250),
)
HEAD = """\
# What the paper's trainings cost

<!-- Rendered by `python -m pipeline cost`; change pipeline/analysis/cost.py. -->

Work is counted from the networks; peaks are NVIDIA's (dense bfloat16), prices those of cloud
surveys of May 2026. Between them stands the utilisation, which nothing here has measured: {low:.1%}
to {high:.1%} of the peak is an assumption for networks of small depthwise convolutions. **The
hours are an order of magnitude**, not better. `images_per_second` of the first epoch on your
GPU replaces it: hours = images x epochs / images_per_second / 3600.

| training | operations | GPU | GPU hours | US dollars |
| --- | --- | --- | --- | --- |
"""
TAIL = """
The paper prints 0.3 GPU days for a search on CIFAR-10 and 4.2 for one on ImageNet, and nothing for
its trainings. Table 3 trains one network a row and seed: multiply. Decoding ImageNet's images takes
CPU cores beside the GPU; too few of them make a run dearer than this.
"""


def render() -> str:
    """The page."""
    low, high = UTILISATION
    lines = [_line(training, gpu) for training in TRAININGS for gpu in GPUS]
    return HEAD.format(low=low, high=high) + "\n".join(lines) + "\n" + TAIL


def hours(training: Training, gpu: Gpu) -> tuple[float, float]:
    """Fewest and most hours on one GPU."""
    low, high = UTILISATION
    seconds = training.operations / gpu.peak
    return seconds / high / 3600, seconds / low / 3600


def _line(training: Training, gpu: Gpu) -> str:
    fewest, most = hours(training, gpu)
    dollars = fewest * gpu.price[0], most * gpu.price[1]
    work = f"{training.operations:.1e}"
    return (
        f"| {training.name} | {work} | {gpu.name} | {fewest:.0f} to {most:.0f} | "
        f"{dollars[0]:,.0f} to {dollars[1]:,.0f} |"
    )
