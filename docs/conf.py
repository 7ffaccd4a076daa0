"""Sphinx builds the user guide from these pages: `make guide`."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import latex2mathml.converter as latex2mathml
from docutils import nodes

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]
os.chdir(ROOT)  # the models know `config/` by its place in the checkout

import keys  # noqa: E402

project = "Shapley-NAS"
author = "the Shapley-NAS workflow"
extensions = [
    "myst_parser",
    "sphinx_click",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["measurements", "images", "_static"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
html_math_renderer = "mathml"
html_theme = "furo"
html_title = "Shapley-NAS"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
nitpicky = True
nitpick_ignore_regex = [("py:.*", ".*")]  # types that have no page here
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "signature"
python_maximum_signature_line_length = 88
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # attributes as a list
napoleon_attr_annotations = False  # their types are in the signature


def write_reference(app, docname: str, source: list[str]) -> None:
    """Put the keys, as the models have them today, where the page leaves room for them."""
    if docname == "configuration":
        source[0] = source[0].replace("<!-- keys -->", keys.markdown())


def plain_paths(app, context, lines: list[str]) -> None:
    """The default of a path as one would type it."""
    lines[:] = [re.sub(r"PosixPath\('(.*?)'\)", r"\1", line) for line in lines]


def as_rst(app, what, name, obj, options, lines: list[str]) -> None:
    """Docstrings as reStructuredText: names in backticks are code, `|N|` and `*` are text."""
    for number, line in enumerate(lines):
        parts = re.split(r"(`+[^`]+`+)", line)
        parts[::2] = [re.sub(r"[|*\\]", r"\\\g<0>", part) for part in parts[::2]]
        parts[1::2] = [f"``{part.strip('`')}``" for part in parts[1::2]]
        line = "".join(parts)
        lines[number] = re.sub(r"^( *)(?=\S.*\S {3,}\S)", r"\1| ", line)  # columns keep their lines


def short_types(app, what, name, obj, options, signature, returns):
    """A signature in which an array is `ndarray`, and a default is a name."""
    array = r"~?(?:numpy\.)?ndarray\[tuple\[[^\[\]]*\], [~.\w]*dtype\[[^\[\]]*\]\]"
    rules = {array: "ndarray", r"<class '(?:\w+\.)*(\w+)'>": r"\1", "<factory>": "{}"}
    for rule, short in rules.items():
        signature, returns = (text and re.sub(rule, short, text) for text in (signature, returns))
    return signature, returns


def write_formula(translator, node) -> None:
    """A formula as MathML, which browsers show without a script and without a network."""
    block = isinstance(node, nodes.math_block)
    translator.body.append(latex2mathml.convert(node.astext(), "block" if block else "inline"))
    raise nodes.SkipNode


def setup(app) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_html_math_renderer("mathml", (write_formula, None), (write_formula, None))
    app.connect("source-read", write_reference)
    app.connect("autodoc-process-signature", short_types)
    app.connect("autodoc-process-docstring", as_rst, priority=400)  # before napoleon
    app.connect("sphinx-click-process-options", plain_paths)
    return {"parallel_read_safe": True}
