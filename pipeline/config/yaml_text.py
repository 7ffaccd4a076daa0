"""A strict YAML reader for configuration from files and from the command line.

It creates only plain values. Errors are duplicate keys, and aliases that expand to more than
`MOST_NODES` nodes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from pipeline import files
from pipeline.errors import InputError

MOST_BYTES = 2**18  # the largest file of this program has 60 kB
MOST_NODES = 50_000


class _Loader(yaml.SafeLoader):
    """Checks the tree of nodes before values are made."""

    def get_single_node(self) -> Node | None:
        node: Node | None = super().get_single_node()
        if node is not None and _check(node, {}) > MOST_NODES:
            raise yaml.YAMLError("its aliases unfold to more than a configuration can hold")
        return node


def _check(node: Node, sizes: dict[int, int]) -> int:
    """Size of a node with its aliases expanded; a duplicate key raises."""
    if id(node) in sizes:
        if not (size := sizes[id(node)]):
            raise yaml.YAMLError("an alias within what it stands for")
        return size
    sizes[id(node)] = 0  # in progress
    inner: list[Node] = []
    if isinstance(node, MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            inner += [key, value]
            name, line = str(key.value), key.start_mark.line + 1
            if isinstance(key, ScalarNode) and name in lines:
                raise yaml.YAMLError(f"key {name!r} twice, in lines {lines[name]} and {line}")
            lines[name] = line
    elif isinstance(node, SequenceNode):
        inner = node.value
    sizes[id(node)] = 1 + sum(_check(other, sizes) for other in inner)
    return sizes[id(node)]


def parse(text: str, source: str) -> Any:
    """Parse YAML text into plain values; error messages name `source`.

    Raises:
        InputError: the text is not valid.
    """
    try:
        return yaml.load(text, _Loader)
    except (yaml.YAMLError, ValueError, RecursionError, AttributeError, TypeError) as error:
        deep = isinstance(error, RecursionError)
        reason = "nested too deeply" if deep else " ".join(str(error).split())
        raise InputError(f"{source}: not valid YAML ({reason})") from None


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file that contains a mapping; an empty file gives an empty mapping.

    Raises:
        InputError: the file does not exist, is not a mapping, or is refused by `parse`.
    """
    content = parse(files.read_text(path, MOST_BYTES), str(path))
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected `key: value` lines, found {type(content).__name__}")
    return content
