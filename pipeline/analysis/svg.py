"""Prepares SVG drawings for one HTML page that holds many of them inline.

The ids and style sheets of several drawings would clash. So the ids get a prefix, and the style
sheet becomes an attribute of the `svg` element. The attribute `data-series` numbers each series, so
that a page can hide it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.etree import ElementTree

from pipeline.errors import InputError

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
REFERENCE = re.compile(r"url\(#([^)]+)\)|^#(.+)$")

ElementTree.register_namespace("", SVG)


def inline(text: str, prefix: str, label: str, colours: Mapping[str, str] | None = None) -> str:
    """The drawing as an element for an HTML page.

    Args:
        text: a whole SVG file.
        prefix: prefix of all ids, unique within the page; letters, digits and hyphens.
        label: text for screen readers.
        colours: hexadecimal colour -> name of the CSS variable that may replace it.

    Raises:
        InputError: `text` is not SVG.
    """
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise InputError(f"drawing {prefix}: not valid SVG ({error})") from None
    _drop(root, "metadata", "style", "script", "foreignObject")
    for element in root.iter():
        _disarm(element)
    used = {name for element in root.iter() for name in _references(element)}
    for element in root.iter():
        _rename(element, prefix, used)
        for key, value in element.attrib.items():
            element.set(key, _themed(value, colours or {}))
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    root.set("role", "img")
    root.set("aria-label", label)
    # matplotlib's style sheet sets these for every element; elements inherit both from the root.
    root.set("style", "stroke-linejoin: round; stroke-linecap: butt")
    return ElementTree.tostring(root, encoding="unicode")


def _drop(root: ElementTree.Element, *names: str) -> None:
    for parent in root.iter():
        for child in [c for c in parent if c.tag in {f"{{{SVG}}}{name}" for name in names}]:
            parent.remove(child)


def _disarm(element: ElementTree.Element) -> None:
    """Remove event handlers (`onload`) and links that lead out of the drawing."""
    for key, value in list(element.attrib.items()):
        name = key.rpartition("}")[2].lower()
        if name.startswith("on") or (name == "href" and not value.startswith("#")):
            del element.attrib[key]


def _references(element: ElementTree.Element) -> list[str]:
    """Ids that an element's attributes point to."""
    matches = (REFERENCE.search(value) for value in element.attrib.values())
    return [match[1] or match[2] for match in matches if match]


def _rename(element: ElementTree.Element, prefix: str, used: set[str]) -> None:
    for key, value in list(element.attrib.items()):
        if key == "id":
            del element.attrib[key]
            if value.startswith("series-"):
                element.set("data-series", value.removeprefix("series-"))
            if value in used:
                element.set("id", f"{prefix}-{value}")
        elif REFERENCE.search(value):
            del element.attrib[key]
            renamed = value.replace("#", f"#{prefix}-", 1)
            element.set("href" if key == f"{{{XLINK}}}href" else key, renamed)


def _themed(value: str, colours: Mapping[str, str]) -> str:
    """Replace colours by CSS variables; matplotlib puts colours into `style`, where var() works."""
    for colour, name in colours.items():
        value = value.replace(colour, f"var(--{name}, {colour})")
    return value
