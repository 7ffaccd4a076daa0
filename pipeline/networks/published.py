"""The genotypes that papers print, by name, and a function that reads a genotype in any notation.

`published.json` has them in the notation of DARTS.
"""

from __future__ import annotations

from pathlib import Path

from pipeline import files, registry
from pipeline.errors import InputError
from pipeline.spaces.genotype import Genotype

PUBLISHED = Path(__file__).with_name("published.json")

for _name, _row in files.read_json(PUBLISHED).items():
    registry.register("genotypes", _name)(Genotype.from_darts_text(_row["genotype"]))


def resolve(genotype: Genotype | str | Path) -> Genotype:
    """Find a genotype by a published name, or read it from a string or a JSON file.

    A string is written as in NAS-Bench-201, `|nor_conv_3x3~0|+...`, or as in the code of DARTS,
    `Genotype(normal=[...], ...)`.

    Raises:
        InputError: the name is unknown, the file is missing, or the text does not parse.
    """
    if isinstance(genotype, Genotype):
        return genotype
    text = str(genotype).strip()
    if text.startswith("|"):
        return Genotype.from_arch_string(text)
    if "Genotype(" in text:
        return Genotype.from_darts_text(text)
    if isinstance(genotype, Path) or text.endswith(".json") or "/" in text:
        return Genotype.load(Path(text))
    if text not in registry.names("genotypes"):
        known = registry.nearest(text[:200], registry.names("genotypes"))
        raise InputError(
            f"genotype {text!r:.200}: no published name ({known}), "
            "no .json file, no NAS-Bench-201 string, no DARTS text"
        )
    entry: Genotype = registry.get("genotypes", text)
    return entry
