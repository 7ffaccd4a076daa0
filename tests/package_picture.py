"""Draws the packages and their imports: `python -m tests.package_picture`.

The arrows are the imports that grimp finds in the code, and all lead downwards. An arrow that
follows from others is left out: if A imports B and B imports C, there is no arrow from A to C.
"""

from __future__ import annotations

import tomllib
from html import escape
from itertools import pairwise
from pathlib import Path
from statistics import fmean

import grimp

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "images" / "packages.svg"
COMMAND = "python -m tests.package_picture"
LOWEST = "files, paths, journal, ..."  # one box for the modules that are no packages
BY_NAME = ("cli", "verbs")  # the command line imports the module of the called verb by its name
WIDTH, ROW, BOX, GAP = 520, 54, 26, 36  # pixels
LINE = 16  # room of an arrow that passes a row

Edge = tuple[str, str]
Point = tuple[float, float]
# A box, or (importer, imported, row) where an arrow passes a row.
Item = str | tuple[str, str, int]


def lowest_modules() -> set[str]:
    """The modules of the lowest layer of import-linter in pyproject.toml."""
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (contract,) = (c for c in linter["contracts"] if c["name"] == "Layers")
    return {name.strip() for name in contract["layers"][-1].split(":")}


def imports() -> set[Edge]:
    """(importer, imported) for all boxes, without imports that only serve types."""
    graph = grimp.build_graph("pipeline", cache_dir=None, exclude_type_checking_imports=True)
    box = dict.fromkeys(lowest_modules(), LOWEST) | {"__main__": "cli"}
    pairs = set()
    for module in graph.modules - {"pipeline"}:
        for target in graph.find_modules_directly_imported_by(module) - {"pipeline"}:
            names = [name.split(".")[1] for name in (module, target)]
            pairs.add((box.get(names[0], names[0]), box.get(names[1], names[1])))
    return {(importer, imported) for importer, imported in pairs if importer != imported}


def arrows(pairs: set[Edge]) -> list[Edge]:
    """The pairs that do not follow from other pairs, sorted."""
    targets: dict[str, set[str]] = {}
    for importer, imported in pairs:
        targets.setdefault(importer, set()).add(imported)

    def reached(box: str) -> set[str]:
        direct = targets.get(box, set())
        return direct.union(*map(reached, direct))

    return sorted(
        (importer, imported)
        for importer, imported in pairs
        if not any(imported in reached(other) for other in targets[importer] - {imported})
    )


def levels(edges: list[Edge]) -> dict[str, int]:
    """The row of each box: one below the lowest of the boxes that import it."""

    def level(box: str) -> int:
        return max((level(start) + 1 for start, end in edges if end == box), default=0)

    return {box: level(box) for edge in edges for box in edge}


def places(ways: list[list[Item]], level: dict[str, int]) -> dict[Item, Point]:
    """The middle of each box, and of each place where an arrow passes a row.

    Each item moves to the mean of its neighbours, several times, so that arrows cross rarely.
    """
    neighbours: dict[Item, list[Item]] = {}
    for way in ways:
        for upper, lower in pairwise(way):
            neighbours.setdefault(upper, []).append(lower)
            neighbours.setdefault(lower, []).append(upper)
    row = {item: level[item] if isinstance(item, str) else item[2] for item in neighbours}
    lines = [[item for item in row if row[item] == n] for n in range(max(row.values()) + 1)]
    x: dict[Item, float] = {}
    for line in lines:
        x |= spread({item: WIDTH * (i + 1) / (len(line) + 1) for i, item in enumerate(line)})
    for _ in range(100):
        for line in [*lines, *reversed(lines)]:
            x |= spread({item: fmean(x[other] for other in neighbours[item]) for item in line})
    left = min(x[item] - room(item) / 2 for item in x)
    right = max(x[item] + room(item) / 2 for item in x)
    shift = (WIDTH - left - right) / 2
    return {item: (x[item] + shift, ROW * row[item] + BOX) for item in x}


def room(item: Item) -> float:
    """The width of an item."""
    return LINE if not isinstance(item, str) else 7.5 * len(item) + 20


def spread(wanted: dict[Item, float]) -> dict[Item, float]:
    """Places near the wanted ones at which the items of a row do not overlap."""
    x, right = {}, 0.0
    for item in sorted(wanted, key=lambda item: (wanted[item], str(item))):
        x[item] = max(wanted[item], right + room(item) / 2)
        right = x[item] + room(item) / 2 + GAP
    left = float(WIDTH)
    for item in reversed(x):
        x[item] = min(x[item], left - room(item) / 2)
        left = x[item] - room(item) / 2 - GAP
    return x


def svg() -> str:
    """The picture; its colours are readable on white and on black."""
    edges = [*arrows(imports()), BY_NAME]
    level = levels(edges)
    ways: list[list[Item]] = [
        [start, *((start, end, row) for row in range(level[start] + 1, level[end])), end]
        for start, end in edges
    ]
    place = places(ways, level)
    height = ROW * max(level.values()) + 2 * BOX
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}"'
        f' viewBox="0 0 {WIDTH} {height}"'
        ' font-family="sans-serif" font-size="13" text-anchor="middle">',
        "<title>Packages of the pipeline. An arrow leads from a package to one it imports.</title>",
        '<marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7"'
        ' orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="#7d8590"/></marker>',
    ]
    parts += [arrow([place[item] for item in way], (way[0], way[-1]) == BY_NAME) for way in ways]
    parts += [box(name, *place[name]) for name in level]
    return "\n".join([*parts, "</svg>", ""])


def arrow(points: list[Point], dashed: bool) -> str:
    """A curve from the lower edge of a box to the upper edge of another."""
    (x, y), *middle, (end, last) = points
    y, last = y + BOX / 2, last - BOX / 2
    path = f"M{x:.0f},{y:.0f}"
    for to_x, to_y in [*middle, (end, last)]:
        half = (y + to_y) / 2
        path += f" C{x:.0f},{half:.0f} {to_x:.0f},{half:.0f} {to_x:.0f},{to_y:.0f}"
        x, y = to_x, to_y
    dashes = ' stroke-dasharray="4 3"' if dashed else ""
    line = 'fill="none" stroke="#7d8590" stroke-width="1.5" marker-end="url(#head)"'
    return f'<path d="{path}" {line}{dashes}/>'


def box(name: str, x: float, y: float) -> str:
    """A package."""
    width = room(name)
    return (
        f'<rect x="{x - width / 2:.0f}" y="{y - BOX / 2:.0f}" width="{width:.0f}" height="{BOX}"'
        f' rx="5" fill="#0067a3"/>'
        f'<text x="{x:.0f}" y="{y + 4.5:.0f}" fill="#ffffff">{escape(name)}</text>'
    )


if __name__ == "__main__":
    PICTURE.write_text(svg(), encoding="utf-8")
