"""The genotypes printed in the papers, by name, and what else a genotype may be given as.

Each cell lists four nodes, each node its two (operation, input state) pairs; states 0 and 1 are
the outputs of the cell before last and of the last cell, state 2 is the first node. A test
compares every network's parameters and multiply-adds to their known counts.
"""

from __future__ import annotations

from pathlib import Path

from pipeline import registry
from pipeline.errors import InputError
from pipeline.spaces.genotype import Cell, Genotype

SEP3, SEP5, DIL3, DIL5 = "sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5"
SKIP, MAX, AVG = "skip_connect", "max_pool_3x3", "avg_pool_3x3"


def _publish(name: str, normal: Cell, reduce: Cell) -> None:
    genotype = Genotype("darts", {"normal": normal, "reduce": reduce}, concat=(2, 3, 4, 5))
    registry.register("genotypes", name)(genotype)


# Shapley-NAS (Xiao et al., CVPR 2022): searched on CIFAR-10 and directly on ImageNet.
_publish(
    "shapley_nas_cifar10",
    normal=(
        ((SEP3, 0), (SEP3, 1)),
        ((SEP3, 1), (DIL3, 0)),
        ((DIL3, 2), (SKIP, 3)),
        ((SEP3, 1), (DIL5, 3)),
    ),
    reduce=(
        ((SEP3, 1), (MAX, 0)),
        ((DIL5, 2), (SEP3, 0)),
        ((SEP3, 2), (MAX, 0)),
        ((DIL3, 3), (SKIP, 2)),
    ),
)
_publish(
    "shapley_nas_imagenet",
    normal=(
        ((SEP3, 1), (SEP5, 0)),
        ((DIL5, 2), (SKIP, 1)),
        ((SEP3, 2), (SEP5, 0)),
        ((SEP3, 1), (SKIP, 2)),
    ),
    reduce=(
        ((SEP3, 1), (DIL3, 0)),
        ((AVG, 2), (SEP5, 1)),
        ((SEP3, 3), (SKIP, 1)),
        ((SEP3, 2), (SEP3, 4)),
    ),
)

# DARTS (Liu et al., ICLR 2019): first and second order.
_publish(
    "darts_v1",
    normal=(
        ((SEP3, 1), (SEP3, 0)),
        ((SKIP, 0), (SEP3, 1)),
        ((SKIP, 0), (SEP3, 1)),
        ((SEP3, 0), (SKIP, 2)),
    ),
    reduce=(
        ((MAX, 0), (MAX, 1)),
        ((SKIP, 2), (MAX, 0)),
        ((MAX, 0), (SKIP, 2)),
        ((SKIP, 2), (AVG, 0)),
    ),
)
_publish(
    "darts_v2",
    normal=(
        ((SEP3, 0), (SEP3, 1)),
        ((SEP3, 0), (SEP3, 1)),
        ((SEP3, 1), (SKIP, 0)),
        ((SKIP, 0), (DIL3, 2)),
    ),
    reduce=(
        ((MAX, 0), (MAX, 1)),
        ((SKIP, 2), (MAX, 1)),
        ((MAX, 0), (SKIP, 2)),
        ((SKIP, 2), (MAX, 1)),
    ),
)

# PC-DARTS (Xu et al., ICLR 2020).
_publish(
    "pc_darts_cifar",
    normal=(
        ((SEP3, 1), (SKIP, 0)),
        ((SEP3, 0), (DIL3, 1)),
        ((SEP5, 0), (SEP3, 1)),
        ((AVG, 0), (DIL3, 1)),
    ),
    reduce=(
        ((SEP5, 1), (MAX, 0)),
        ((SEP5, 1), (SEP5, 2)),
        ((SEP3, 0), (SEP3, 3)),
        ((SEP3, 1), (SEP3, 2)),
    ),
)
_publish(
    "pc_darts_imagenet",
    normal=(
        ((SKIP, 1), (SEP3, 0)),
        ((SEP3, 0), (SKIP, 1)),
        ((SEP3, 1), (SEP3, 3)),
        ((SEP3, 1), (DIL5, 4)),
    ),
    reduce=(
        ((SEP3, 0), (SKIP, 1)),
        ((DIL5, 2), (MAX, 1)),
        ((SEP3, 2), (SEP3, 1)),
        ((SEP5, 0), (SEP3, 3)),
    ),
)

# DrNAS (Chen et al., ICLR 2021).
_publish(
    "drnas_cifar10",
    normal=(
        ((SEP3, 0), (SEP5, 1)),
        ((SEP3, 1), (SEP3, 2)),
        ((SKIP, 0), (SEP3, 1)),
        ((SEP3, 2), (DIL5, 3)),
    ),
    reduce=(
        ((MAX, 0), (SEP5, 1)),
        ((DIL5, 2), (SEP5, 1)),
        ((SEP5, 1), (DIL5, 3)),
        ((SKIP, 4), (SEP5, 1)),
    ),
)
_publish(
    "drnas_imagenet",
    normal=(
        ((SEP3, 1), (SEP3, 0)),
        ((SEP3, 0), (SEP3, 1)),
        ((SEP3, 0), (DIL3, 3)),
        ((SKIP, 0), (SEP3, 1)),
    ),
    reduce=(
        ((MAX, 0), (SEP3, 1)),
        ((SEP3, 0), (SKIP, 2)),
        ((SEP3, 0), (SEP3, 2)),
        ((SEP3, 3), (SEP3, 1)),
    ),
)

# P-DARTS (Chen et al., ICCV 2019).
_publish(
    "p_darts",
    normal=(
        ((SKIP, 0), (DIL3, 1)),
        ((SKIP, 0), (SEP3, 1)),
        ((SEP3, 1), (SEP3, 3)),
        ((SEP3, 0), (DIL5, 4)),
    ),
    reduce=(
        ((AVG, 0), (SEP5, 1)),
        ((SEP3, 0), (DIL5, 2)),
        ((MAX, 0), (DIL3, 1)),
        ((DIL3, 1), (DIL5, 3)),
    ),
)


def resolve(genotype: Genotype | str | Path) -> Genotype:
    """The genotype meant: itself, a text form, a JSON file or a published name, in this order.

    Args:
        genotype: a `Genotype`; a NAS-Bench-201 string `|nor_conv_3x3~0|+...`; a DARTS text
            `Genotype(normal=[...], ...)`; the path of a genotype JSON; or a published name.

    Raises:
        InputError: a text or file that does not parse, a missing file, an unknown name.
    """
    if isinstance(genotype, Genotype):
        return genotype
    text = str(genotype).strip()
    if text.startswith("|"):
        return Genotype.from_arch_string(text)
    if text.startswith("Genotype("):
        return Genotype.from_darts_text(text)
    if isinstance(genotype, Path) or text.endswith(".json") or "/" in text:
        return Genotype.load(Path(text))
    if text not in registry.names("genotypes"):
        known = registry.nearest(text, registry.names("genotypes"))
        raise InputError(
            f"genotype {text!r}: no published name ({known}), "
            "no .json file, no NAS-Bench-201 string, no DARTS text"
        )
    entry: Genotype = registry.get("genotypes", text)
    return entry
