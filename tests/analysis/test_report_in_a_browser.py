"""The report as Chromium shows it: no error, no request leaves, figures painted, links resolve."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline.config.experiments import Experiment
from pipeline.mirrored import UI
from pipeline.stages import report as stage
from tests.analysis.toys import report_job
from tests.browser import chromium

pytestmark = pytest.mark.workflow

FIGURE = Experiment.model_validate(
    {
        "name": "figure4",
        "title": "Figure 4: alpha",
        "figure": "figure4",
        "rows": [
            {"label": "Shapley-NAS", "strategy": "shapley", "space": "darts",
             "datasets": ["digits"]},
        ],
    }
)  # fmt: skip


@pytest.fixture(scope="module")
def written(toy_results, tmp_path_factory):
    results = tmp_path_factory.mktemp("browser") / "demo"
    shutil.copytree(toy_results, results)
    # The toy results has no files behind its downloads.
    for folder in [*results.glob("*/*/*/seed*/genotype"), *results.glob("**/rseed*")]:
        (folder / "model.pt").touch()
    job = report_job()
    job = job.model_copy(update={"experiments": (*job.experiments, FIGURE)})
    only = job.model_copy(update={"experiments": (FIGURE,)})
    stage.write_figures(only, results, results / "report" / "figures" / "figure4")
    stage.run(job, results, results / "report" / "index.html")
    return results / "report" / "index.html"


@pytest.fixture(scope="module")
def page(written, tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("profile")) as opened:
        opened.look(1440)
        opened.open(written.as_uri())
        yield opened


def test_no_error_and_nothing_fetched(page, written):
    assert page.complaints == []
    assert {url for url in page.requests if not url.startswith("data:")} == {written.as_uri()}


def test_the_policy_holds_back_what_would_be_fetched(page, written):
    before = len(page.complaints)
    failed = page.run("fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'refused')")
    assert failed == "refused"
    assert any("Content Security Policy" in one for one in page.complaints[before:])
    del page.complaints[before:]


def test_every_figure_is_painted(page):
    page.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    sizes = page.run(
        "[...document.querySelectorAll('figure svg')].map(s => {"
        "const b = s.getBoundingClientRect(); return [b.width, b.height]})"
    )
    assert len(sizes) > 30
    assert min(min(size) for size in sizes) > 40
    # Curves have ink inside: a path as wide as a good part of its picture.
    shares = page.run(
        "[...document.querySelectorAll('figure[data-readout] svg')].map(s => Math.max("
        "...[...s.querySelectorAll('[data-series] path')].map(p => "
        "p.getBoundingClientRect().width / s.getBoundingClientRect().width)))"
    )
    assert shares
    assert min(shares) > 0.5


def test_all_links_resolve(page, written):
    links = page.run("[...document.links].map(a => a.href)")
    own = written.as_uri()
    anchors = {link.removeprefix(own) for link in links if link.startswith(f"{own}#")}
    missing = page.run(
        f"{sorted(anchors)}.filter(a => !document.getElementById(decodeURIComponent(a.slice(1))))"
    )
    assert missing == []
    files = {link for link in links if link.startswith("file://")} - {own}
    files = {link for link in files if not link.startswith(f"{own}#")}
    assert len(files) > 60
    assert [f for f in files if not Path(f.removeprefix("file://")).exists()] == []
    assert all(link.startswith((f"{UI}/#/experiments/", "file://")) for link in links)


def test_a_legend_hides_a_series_and_keys_read_points_off(page):
    found = page.run(
        """(() => {
          const plot = document.querySelector("#experiment-figure4 figure[data-readout]");
          const legend = document.querySelector("#experiment-figure4 .legend");
          const parts = () => [...plot.querySelectorAll('[data-series="0"]')]
            .filter(p => getComputedStyle(p).display !== "none").length;
          const before = parts();
          legend.querySelector("button").click();
          const hidden = parts();
          legend.querySelector("button").click();
          plot.querySelector(".canvas").focus();
          return [before, hidden, parts()];
        })()"""
    )
    assert found[0] == found[2] > 0
    assert found[1] == 0
    page.press("ArrowRight")
    said = page.run("document.querySelector('#experiment-figure4 .readout').textContent")
    assert said.startswith("epoch 1: max_pool_3x3 ")


def test_tables_sort_and_filter(page):
    found = page.run(
        """(() => {
          const table = document.querySelector("#experiment-nasbench table.sortable");
          const names = () => [...table.tBodies[0].rows].filter(r => !r.hidden)
            .map(r => [r.cells[0].textContent.trim().split(/\\s/)[0],
                       Number(r.cells[2].dataset.value)]);
          const listed = names();
          const [head] = [...table.tHead.rows[0].cells].slice(2);
          head.querySelector("button").click();
          const up = names();
          head.querySelector("button").click();
          const down = names();
          const all = document.querySelector("#runs table.sortable");
          const filter = all.closest("details").querySelector("input[type=search]");
          filter.value = "retrain darts/digits";
          filter.dispatchEvent(new Event("input"));
          const left = [...all.tBodies[0].rows].filter(r => !r.hidden)
            .map(r => r.cells[0].textContent);
          filter.value = "";
          filter.dispatchEvent(new Event("input"));
          return [listed, up, down, left, [...all.tBodies[0].rows].filter(r => r.hidden).length];
        })()"""
    )
    listed, up, down, left, hidden = found
    assert [name for name, _ in listed] == ["Random", "DARTS", "Shapley-NAS"]
    assert up == sorted(listed, key=lambda row: row[1]) and down == up[::-1]
    assert left and all("retrain" in one and "darts/digits" in one for one in left)
    assert hidden == 0


def test_the_heat_map_is_seen_whole_on_a_phone(page):
    page.look(390)
    sizes = page.run(
        "[...document.querySelectorAll('#best table.heat')].map(t => {"
        "const b = t.getBoundingClientRect(); return [b.left, b.right, b.height]})"
    )
    page.look(1440)
    assert sizes and all(left >= 0 and right <= 390 and tall > 100 for left, right, tall in sizes)
    framed = page.run(
        "[...document.querySelectorAll('#best td.chosen')]"
        ".map(t => getComputedStyle(t).outlineStyle)"
    )
    assert framed == ["solid"] * 6, "one operation on each edge of NAS-Bench-201"


def test_a_link_opens_what_is_folded(page):
    page.run("document.querySelectorAll('details').forEach(d => d.open = false)")
    page.run("location.hash = 'architecture-darts-digits-shapley-seed1'")
    shown = page.run(
        "new Promise(done => setTimeout(() => done(document.getElementById("
        "'architecture-darts-digits-shapley-seed1').getBoundingClientRect().height), 300))"
    )
    assert shown > 100


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_sticks_out_and_text_is_legible(page, width, dark):
    page.look(width, dark=dark)
    assert page.run("document.documentElement.scrollWidth") <= width
    ink, paper = page.run(
        "['color', 'backgroundColor'].map(k => getComputedStyle(document.body)[k]"
        ".match(/\\d+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0))"
    )
    assert abs(ink - paper) > 450
    assert (paper < ink) == dark
