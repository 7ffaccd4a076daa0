"""The user guide: it builds without a warning; every command in it is run or says what it needs.

A block of commands stands below a comment:

- `<!-- cheap -->`: run here, in this process where it is a verb;
- `<!-- run by: FILE -->`: a test, or `.ci/run`, runs it (or what it does) and names its words;
- `<!-- needs: gpu, data, cluster, long -->`: not run; its verbs, options, targets and paths exist.
"""

from __future__ import annotations

import importlib
import re
import runpy
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from pipeline import cli as program
from pipeline.analysis.results_page import GAP, longest_word
from pipeline.config import generate
from tests.browser import chromium

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(
    r"(?P<before>[^\n]*)\n(?P<indent> *)```(?P<language>[^\n]*)\n(?P<text>.*?)^ *```$", re.S | re.M
)
LANGUAGES = ("bash", "sh", "console", "")
NEEDS = {"gpu", "data", "cluster", "long"}


@dataclass(frozen=True)
class Block:
    """Commands of a page, and the comment above them."""

    page: Path
    marker: str
    text: str

    def __str__(self):
        return f"{self.page.name}: {self.text.splitlines()[0]}"


def blocks_of(page):
    """The blocks of commands of a page."""
    for found in BLOCK.finditer(page.read_text(encoding="utf-8")):
        if found["language"] in LANGUAGES:
            comment = re.fullmatch(r"<!-- (.*) -->", found["before"].strip())
            yield Block(page, comment[1] if comment else "", found["text"])


def commands(text):
    """Each command as words; continued lines joined, comments and prompts left out."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line.removeprefix("$ "), comments=True)
        if words:
            yield words


BLOCKS = [block for page in PAGES if page.name != "results.md" for block in blocks_of(page)]


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_every_command_is_run_or_says_what_it_needs(block):
    kind, _, rest = block.marker.partition(": ")
    names = [name.strip() for name in rest.split(",")]
    assert kind in ("cheap", "run by", "needs"), "no comment above it: see the head of this file"
    if kind == "needs":
        assert names and set(names) <= NEEDS
    if kind == "run by":
        told = (ROOT / rest).read_text()
        # The test reads the page, or speaks of what each command does.
        for words in commands(block.text):
            assert block.page.name in told or subject(words) in told, words
    for words in commands(block.text):
        check(words)


def subject(words):
    """The word that says what a command does."""
    return words[3] if words[:3] == ["python", "-m", "pipeline"] else words[min(1, len(words) - 1)]


def check(words):
    """The parts of a command that exist or do not."""
    if "pipeline" in words:
        verb, *rest = words[words.index("pipeline") + 1 :]
        known = {option for p in program.cli.get_command(None, verb).params for option in p.opts}
        assert {word for word in rest if word.startswith("--")} <= known | {"--help"}, words
    elif words[0] == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.M), words
    elif words[0] == "snakemake":
        targets = {path.stem for path in (ROOT / "config").glob("*/*.yaml")}
        named = [word for word in words[1:] if re.fullmatch(r"(table|figure)\d", word)]
        assert set(named) <= targets, words
    elif words[0].startswith("scripts/"):
        assert (ROOT / words[0]).exists(), words
    else:
        assert words[0] in ("pip", "createdb", "export", "cp"), words


def cheap():
    found = [words for b in BLOCKS if b.marker == "cheap" for words in commands(b.text)]
    return list(dict.fromkeys(map(tuple, found)))


@pytest.mark.parametrize("words", cheap(), ids=" ".join)
def test_cheap_commands_run(words, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    if words[0] == "snakemake":
        done = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return
    assert words[:3] == ("python", "-m", "pipeline")
    monkeypatch.setattr(sys, "argv", [*words[2:]])
    monkeypatch.setattr(program.signal, "signal", lambda *_: None)
    monkeypatch.delenv("SHAPLEY_NAS_RESULTS", raising=False)
    monkeypatch.setenv("SHAPLEY_NAS_RESULTS", "results/demo")
    program.main()
    assert capsys.readouterr().out


def test_there_are_commands_of_every_kind():
    kinds = {block.marker.partition(":")[0] for block in BLOCKS}
    assert kinds == {"cheap", "run by", "needs"} and len(cheap()) >= 5


def test_no_command_hides_in_an_indented_block():
    for page in PAGES:
        lines = page.read_text(encoding="utf-8").splitlines()
        inside = False
        for before, line in zip(["", *lines], lines, strict=False):
            inside ^= line.lstrip().startswith("```")
            hidden = re.match(r" {4}(python|make|snakemake|pip|torchrun) ", line)
            assert inside or before or not hidden, f"{page.name}: {line}"


@pytest.fixture(scope="module")
def guide(tmp_path_factory):
    """The HTML pages, as `make guide` builds them."""
    folder = tmp_path_factory.mktemp("guide")
    recipe = re.search(r"^\t(sphinx-build .*)$", (ROOT / "Makefile").read_text(), re.M)[1]
    words = [word if word != "build/guide" else str(folder) for word in recipe.split()[1:]]
    command = [sys.executable, "-m", "sphinx", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def test_the_guide_builds_without_a_warning_and_has_all_pages(guide):
    for page in PAGES[1:]:
        assert (guide / f"{page.stem}.html").exists(), page


def test_tables_fit_a_window_of_1200_pixels(guide, tmp_path):
    """The side bar takes 240 pixels."""
    with chromium(tmp_path) as page:
        page.look(1200)
        for path in sorted(guide.rglob("*.html")):
            if "_modules" in path.parts:
                continue
            page.open(path.as_uri())
            widths = page.run("[...document.querySelectorAll('table')].map(t => t.offsetWidth)")
            assert max(widths, default=0) <= 960, path.name


def widest_table(page):
    """Characters in a row of the widest table of a page if every cell is broken at each space."""
    text = re.sub(r"\]\([^)]*\)|`", "", page.read_text())
    tables = re.findall(r"(?:^\|.*\n)+", text, re.M)
    split = [[re.split(r"(?<!\\)\|", row)[1:-1] for row in t.splitlines()] for t in tables]
    columns = [
        zip(*(row for row in rows if len(row) == len(rows[0])), strict=True) for rows in split
    ]
    return max(
        (sum(max(map(longest_word, c)) + GAP for c in table) for table in columns), default=0
    )


def test_tables_fit_without_a_browser():
    """The same in characters of eight pixels, where Chromium is not installed."""
    for page in [*PAGES, *sorted((ROOT / "docs" / "results").glob("*.md"))]:
        assert widest_table(page) <= 130, page.name


def test_the_reference_has_every_key_and_every_verb(guide):
    page = (guide / "configuration.html").read_text()
    keys = re.findall(r"^# *(?:# )?(\w+):", generate.config_yaml(), re.M)
    lacking = {key for key in keys if not re.search(rf"[>.]{key}[<.]", page)}
    assert not lacking
    verbs = (guide / "verbs.html").read_text()
    for name in program.VERBS:
        assert f'id="python-m-pipeline-{name}"' in verbs, name


def test_the_reference_says_type_limits_default_and_source():
    text = runpy.run_path(str(ROOT / "docs" / "keys.py"))["markdown"]()
    row = "| `learning_rate` | `0.1` (number, > 0) | SGD, first value of the cosine [the paper's"
    assert row in text
    assert "`auto` or `cpu` or `cuda`" in text
    section = text.partition("### `search.nasbench201`")[2].partition("\n###")[0]
    assert "`warmup_epochs`" not in section or "As `search.darts`, but:" in section


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_figures_have_a_text_for_those_who_do_not_see_them(page):
    for alternative, target in re.findall(r"!\[(.*?)\]\((.*?)\)", page.read_text()):
        assert len(alternative) > 10, target
        assert (page.parent / target).exists(), target


def test_the_map_of_the_paper_names_what_exists():
    text = (ROOT / "docs" / "paper_map.md").read_text()
    names = re.findall(r"`(pipeline(?:\.\w+)+)`", text)
    assert len(names) > 15
    for name in names:
        parts = name.split(".")
        for n in range(len(parts), 0, -1):
            try:
                found = importlib.import_module(".".join(parts[:n]))
            except ModuleNotFoundError:
                continue
            for part in parts[n:]:
                found = getattr(found, part)
            break


def test_links_in_the_readme_lead_somewhere():
    text = (ROOT / "README.md").read_text()
    for target in re.findall(r"\]\((?!http)([^)#]+)", text):
        assert (ROOT / target).exists(), target


def test_the_readme_prints_what_it_shows(capsys):
    text = (ROOT / "README.md").read_text()
    code, printed = re.search(r"```python\n(.*?)```\s+```text\n(.*?)```", text, re.S).groups()
    exec(code, {})
    assert capsys.readouterr().out == printed


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120


def test_the_index_lists_every_page():
    listed = (ROOT / "docs" / "index.md").read_text()
    for page in PAGES[1:]:
        assert page.stem == "index" or re.search(rf"^{page.stem}$", listed, re.M), page


def test_yaml_blocks_are_yaml():
    for page in PAGES:
        for text in re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.S | re.M):
            assert isinstance(yaml.safe_load(text), dict), page
