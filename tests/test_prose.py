"""The language of pages, docstrings, comments and messages: patterns that need a second reading."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Pages that a command writes from measurements are held to the sentences of their sources.
PAGES = sorted(
    [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / ".github").rglob("*.md")]
)
MODULES = sorted((ROOT / "pipeline").rglob("*.py"))
FILES = sorted(
    [
        *(ROOT / name for name in ("Snakefile", "CHANGELOG.md", "environment.yml")),
        *(ROOT / name / "README.md" for name in ("config", "results")),
        *(ROOT / "rules").glob("*.smk"),
        *(ROOT / "config").rglob("*.yaml"),
    ]
)
UNITS = (
    "epoch|edge|player|image|step|seed|cell|job|row|run|pass|stage|strategy|permutation|draw|batch|"
    "supernet|node|measurement|coalition|search|estimate|walk|class|device|process|thread|space"
)
COUNTED = (
    r"once|twice|(?<![\w-])\d[\d,.]*|ten|(?:\d[\d,.]*|one|two|three|five|ten|some|many|few) "
    r"(?:(?!(?:as|by|of|in|is|to|at|on|for|from|with|than|and|or|that|the)\b)\w+ ){0,1}"
    r"(?!(?:as|by|of|in|is|to|at|on|for|from|with|than|and|or|that|the)\b)\w+s?|"
    r"images|seconds|evaluations|rows|passes|values|seeds|epochs|cells|walks|minutes|operations|"
    r"permutations|lines|jobs"
)
RULES = {
    rf"\b(?:{COUNTED}) an? (?:{UNITS})\b(?! of\b)": "say `per epoch`, `for each edge`",
    rf"\b(?:[Aa]|[Aa]n|[Oo]ne) \w+ an? (?:{UNITS})\b(?! of\b)": "say `one folder for each run`",
    r"\b[Tt]he (?:least|most|fewest) that \w+ (?:is|are)\b": "say it plainly",
    r"\b[Oo]ne's own\b": "say `your own`",
    r"\b(?:whence|thereof|whereof|hereby|thereby|therein|wherein|hereto)\b": "say it plainly",
    r"\bbut for the\b": "say `except`",
    r"\b(?:for|in) want of\b": "say `without`",
    r"\b[Ww]ho(?:ever)? (?:has|wants|needs|lacks)\b[^?\n]*\.": "address the reader: `if you ...`",
    r"\bmet by (?:itself|themselves)\b": "say `evaluated alone`",
}


def offences(text: str) -> list[str]:
    """What the rules find in a text, with the remedy."""
    flat = re.sub(r"\s+", " ", re.sub(r"```.*?```", "", text, flags=re.S))
    return [
        f"{match[0]!r}: {remedy}"
        for rule, remedy in RULES.items()
        for match in re.finditer(rule, flat)
    ]


def prose_of(path: Path) -> str:
    """Docstrings and comments of a module, blocks of comment lines as paragraphs."""
    source = path.read_text(encoding="utf-8")
    nodes = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
    ]
    docs = [ast.get_docstring(node) or "" for node in nodes]
    comments = [
        # A comment behind code is a sentence of its own.
        token.string.lstrip("#") if token.line.lstrip().startswith("#") else f".{token.string}."
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    ]
    return "\n".join([*docs, *comments])


def help_texts(source: str) -> str:
    """Strings of `help=`, of `description=` and of the meanings of settings, as paragraphs."""
    texts = []
    for call in ast.walk(ast.parse(source)):
        if not isinstance(call, ast.Call):
            continue
        texts += [word.value for word in call.keywords if word.arg in ("help", "description")]
        if isinstance(call.func, ast.Name) and call.func.id in ("setting", "factory", "_named"):
            texts += call.args
    strings = [
        part.value
        for text in texts
        for part in ast.walk(text)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    ]
    return ".\n".join(strings)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_reads_at_once(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    if page.name == "contributing.md":  # its table shows what is not to be written
        text = "\n".join(line for line in text.splitlines() if not line.startswith("|"))
    assert offences(text) == []


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_docstrings_and_comments_read_at_once(module: Path) -> None:
    assert offences(prose_of(module)) == []


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_help_texts_and_settings_read_at_once(module: Path) -> None:
    assert offences(help_texts(module.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_rules_and_configuration_read_at_once(path: Path) -> None:
    """Comments and values are read; a comment of several lines is one paragraph."""
    assert offences(re.sub(r"^\s*#", " ", path.read_text(encoding="utf-8"), flags=re.M)) == []


def test_help_texts_are_found() -> None:
    found = help_texts(
        'a: int = setting(1, "said" " twice", "source")\n'
        'b = Field(1, description="told")\n'
        'click.option("--c", help=f"shown {a} times", default="other")\n'
    )
    for text in ("said twice", "told", "shown ", " times"):
        assert text in found
    assert "other" not in found


def test_what_the_rules_find() -> None:
    for wrong in (
        "Ten permutations an epoch.",
        "It costs 3 images a draw.",
        "once an epoch",
        "one's own data",
        "Who has no GPU waits.",
        "but for the last",
        "a folder a run",
        "The least that runs is:",
    ):
        assert offences(wrong), wrong
    for right in (
        "per epoch",
        "an epoch of training",
        "In a cell",
        "Who is it?",
        "two values a, b",
        "NAS-Bench-201 a search",
    ):
        assert offences(right) == [], right
