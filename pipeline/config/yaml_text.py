"""Strict YAML: what all configuration is read by, from files and from the command line.

A key that stands twice is an error, and so is text whose aliases unfold to more than a
configuration can hold. Nothing but plain values is made of it.
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
    """A loader that checks the tree of nodes before anything is made of it."""

    def get_single_node(self) -> Node | None:
        node: Node | None = super().get_single_node()
        if node is not None and _check(node, {}) > MOST_NODES:
            raise yaml.YAMLError("its aliases unfold to more than a configuration can hold")
        return node


def _check(node: Node, sizes: dict[int, int]) -> int:
    """Size of a node with its aliases unfolded; a key that stands twice raises."""
    if id(node) in sizes:
        if not (size := sizes[id(node)]):
            raise yaml.YAMLError("an alias within what it stands for")
        return size
    sizes[id(node)] = 0  # at work
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
    """The value of YAML text.

    Args:
        text: the YAML.
        source: the file or option of the user's that it is from, which an error names.

    Raises:
        InputError: it is no YAML, a key stands twice, or it unfolds to too much.
    """
    try:
        return yaml.load(text, _Loader)
    except (yaml.YAMLError, ValueError, RecursionError, AttributeError, TypeError) as error:
        deep = isinstance(error, RecursionError)
        reason = "nested too deeply" if deep else " ".join(str(error).split())
        raise InputError(f"{source}: not valid YAML ({reason})") from None


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping of a YAML file; an empty file is an empty one.

    Raises:
        InputError: as `parse`; there is no such file, or it holds something else.
    """
    content = parse(files.read_text(path, MOST_BYTES), str(path))
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected `key: value` lines, found {type(content).__name__}")
    return content
