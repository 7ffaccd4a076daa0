import html
import json
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest
from scipy import stats

from pipeline.analysis import page as words
from pipeline.analysis import report, runs, tables
from pipeline.analysis.answer import SAID, answer
from pipeline.analysis.architectures import architectures
from pipeline.analysis.contributions import heat_maps, mean_over_epochs
from pipeline.analysis.runs import FinishedRun
from pipeline.config import needs
from pipeline.files import read_json
from pipeline.mirrored import UI
from pipeline.stages import report as stage
from tests.analysis.toys import BENCHMARK, fail, make_results, report_job, write_seed

VOID = {"meta", "link", "br", "hr", "img", "input", "wbr"}


class Page(HTMLParser):
    """Elements of a page with their attributes, and whether tags nest."""

    def __init__(self, text):
        super().__init__()
        self.elements = []
        self.open = []
        self.text = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def all(self, *tags):
        return [attrs for tag, attrs in self.elements if tag in tags]


@pytest.fixture(scope="module")
def written(toy_results, tmp_path_factory):
    results = tmp_path_factory.mktemp("report") / "demo"
    shutil.copytree(toy_results, results)
    write_seed(results, "darts", "shapley", 2, targets=("digits", "digits64"), source_digest="old")
    stage.run(report_job(), results, results / "report" / "index.html")
    return results / "report" / "index.html"


@pytest.fixture(scope="module")
def page(written):
    return Page(written.read_text())


def test_tags_nest_and_ids_are_unique(page):
    assert page.open == []
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    anchors = [a["href"][1:] for a in page.all("a") if a["href"].startswith("#")]
    assert set(anchors) <= set(ids)


def test_nothing_is_fetched(page, written):
    assert not page.all("img", "iframe", "object")
    assert page.all("script") == [{}]
    (policy,) = [m for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert policy["content"].startswith("default-src 'none'")
    assert all(attrs["href"] == "data:," for attrs in page.all("link"))
    text = written.read_text()
    assert not re.search(r"url\((?!#)|@import", text)
    leading_out = {a["href"] for a in page.all("a") if a["href"].startswith("http")}
    assert leading_out == {f"{UI}/#/experiments/1/runs/{'f' * 32}"}, "MLflow, which has the runs"


def test_links_lead_to_the_runs(page, written):
    links = [a["href"] for a in page.all("a") if a["href"].startswith("..")]
    folders = [link for link in links if link.endswith("/")]
    assert len(set(folders)) > 40
    assert all((written.parent / link).is_dir() for link in folders)


def test_readable_without_eyes(page):
    tags = {tag for tag, _ in page.elements}
    assert {"header", "nav", "main", "footer", "caption", "figcaption"} <= tags
    assert all("scope" in attrs for attrs in page.all("th"))
    assert all(
        attrs.get("aria-label") or attrs.get("aria-hidden") == "true" for attrs in page.all("svg")
    )
    labels = [attrs["aria-label"] for attrs in page.all("svg") if "aria-label" in attrs]
    # Figures say their last numbers.
    assert any("after the last epoch: DARTS" in label for label in labels)
    assert len(page.all("h1")) == 1


def test_page_says_what_is_missing_and_what_is_old(page):
    text = " ".join(" ".join(page.text).split())
    assert "1 run of this workflow has no result" in text
    assert "nasbench201/digits/darts/seed2/retrain/digits/rseed0 retrain failed" in text
    assert "4 results were made by other code" in text
    assert "of 3" in text
    assert "No NAS-Bench-201 table was at hand" not in text


def test_printed_numbers_stand_beside_ours(page):
    text = " ".join(" ".join(page.text).split())
    assert "paper 93.70 ± 0.36" in text
    assert "paper 2.43 ± 0.04" in text


def test_numbers_link_to_their_runs(page):
    """The error of three seeds stands with three links, to the trainings themselves."""
    links = [a["href"] for a in page.all("a") if "aria-label" in a]
    base = "../darts/digits/shapley"
    assert [link for link in links if "digits64/rseed0/" in link] == [
        f"{base}/seed{seed}/retrain/digits64/rseed0/" for seed in (0, 1, 2)
    ]


def test_statistics_stand_beside_the_mean(page):
    text = " ".join(" ".join(page.text).split())
    assert re.search(r"deviation 0\.\d\d , best of 3 \d\.\d\d", text.replace(",", " ,"))
    assert "Paired differences to Shapley-NAS" in text
    assert "1 failed" in text


def test_a_failed_search_is_shown_as_failed(tmp_path):
    results = make_results(tmp_path / "demo")
    for lost in ("search", "genotype", "query", "retrain/digits/rseed0"):
        shutil.rmtree(results / f"nasbench201/digits/darts/seed1/{lost}")
    (results / "nasbench201/digits/darts/seed1/search").mkdir()
    fail(results, "nasbench201/digits/darts/seed1/search")
    text = html.unescape(re.sub("<[^>]+>", " ", report.render(report_job(), results, tmp_path)))
    text = " ".join(text.split())
    assert "nasbench201/digits/darts/seed1/search search failed" in text
    assert "nasbench201/digits/darts/seed1/genotype genotype not started" in text
    # Of the row's accuracy one seed is missing, of its error two: a training had failed already.
    (row,) = re.findall(r"DARTS \(first order\) cell 0 .*? Shapley-NAS cell 0", text)[:1]
    assert "of 3 1 failed" in row
    assert "of 3 2 failed" in text


def test_same_files_same_page(written):
    assert report.render(report_job(), written.parents[1], written.parent) == written.read_text()


def test_without_a_benchmark_table_and_with_one_seed(single):
    page = Page(report.render(report_job(seeds=(0,)), single, single / "report"))
    text = " ".join(" ".join(page.text).split())
    assert "No NAS-Bench-201 table was at hand" in text
    assert "no table" in text
    assert "no result" not in text


def test_empty_results(tmp_path):
    job = report_job(seeds=(0,))
    page = Page(report.render(job, tmp_path, tmp_path / "report"))
    expected = needs.all_runs(job, job.experiments)
    # 3 benchmark strategies x (search, genotype, query, retrain); DARTS cells: search, genotype,
    # two trainings; a published cell: genotype, training.
    assert len(expected) == 12 + 4 + 2
    assert f"{len(expected)} runs of this workflow have no result" in " ".join(
        " ".join(page.text).split()
    )


def test_verdicts_are_linked_once_they_stand_beside_the_page(tmp_path):
    job = report_job(seeds=(0,))
    link = f"claims/{job.experiments[0].name}/claims.md"
    for there in (False, True):
        if there:
            (tmp_path / "report" / link).parent.mkdir(parents=True)
            (tmp_path / "report" / link).write_text("x")
        page = Page(report.render(job, tmp_path, tmp_path / "report"))
        assert (link in [a.get("href") for a in page.all("a")]) == there


def text_of(page):
    return " ".join(" ".join(page.text).split())


def test_the_page_begins_with_the_answer(page, written):
    """The method, its best seed, and whether the others differ by Welch's test."""
    results = written.parents[1]
    accuracies = {
        label: [
            read_json(path / "query/metrics.json")["cifar10_test"]
            for path in sorted(results.glob(f"nasbench201/digits/{label}/seed*"))
        ]
        for label in ("shapley", "random", "darts")
    }
    job = report_job()
    evidence = report.evidence_of(job, results, runs.collect(results))
    found = architectures(results, evidence.runs, job.titles)
    said = answer(BENCHMARK, tables.parts(BENCHMARK, evidence), found)
    own = accuracies["shapley"]
    assert said.sentence.startswith(f"Shapley-NAS reaches {np.mean(own):.1f}")
    assert "% CIFAR-10 test accuracy (3 seeds): " in said.sentence
    assert said.sentence in text_of(page)
    for label, name in (("random", "Random, "), ("darts", "DARTS (first order), ")):
        p = stats.ttest_ind(own, accuracies[label], equal_var=False).pvalue
        before = said.sentence[: said.sentence.index(name)]
        better = np.mean(own) > np.mean(accuracies[label])
        word = "no different from" if p > 0.05 else "better than" if better else "worse than"
        assert max(SAID.values(), key=before.rfind) == word
    best = int(np.argmax(own))
    assert (said.best.run.strategy, said.best.run.seed, said.n_cells) == ("shapley", best, 3)
    assert f"The best cell of Shapley-NAS, seed {best}" in text_of(page)
    assert f"{max(own):.2f} % CIFAR-10 test accuracy" in text_of(page)
    captions = [chart.caption for chart in said.charts]
    assert "CIFAR-10 test (%); ◆ the paper's" in captions
    assert "CIFAR-10 test (%) against parameters" in captions


def test_values_of_operations_are_a_heat_map(toy_results):
    """Against the saved arrays: the mean of known epochs, its error, what the genotype has."""
    folder = toy_results / "darts/digits/shapley/seed1"
    (run,) = (
        one for one in runs.collect(toy_results) if toy_results / one.folder == folder / "genotype"
    )
    (search,) = (
        one for one in runs.collect(toy_results) if toy_results / one.folder == folder / "search"
    )
    normal, reduce = heat_maps(toy_results, search, run)
    saved = np.load(folder / "search/strength.npz")
    phi = 100 * saved["phi_history"][1:].mean(axis=0).reshape(2, 14, 7)
    n_epochs = len(saved["phi_history"]) - 1
    cells = read_json(folder / "genotype/genotype.json")["cells"]
    for t, found in enumerate((normal, reduce)):
        fields = [field for row in found.edges.values() for field in row]
        assert [field.phi for field in fields] == pytest.approx(phi[t].ravel())
        assert all(f.error == pytest.approx(0.4 / np.sqrt(n_epochs)) for f in fields)
        framed = {
            (operation, int(edge.split(" ")[0]), int(edge.split(" ")[2]) - 2)
            for edge, row in found.edges.items()
            for operation, field in zip(found.operations, row, strict=True)
            if field.chosen
        }
        expected = {
            (operation, source, node)
            for node, inputs in enumerate(cells[found.cell_type])
            for operation, source in inputs
        }
        assert framed == expected and len(framed) == 8
    assert max(abs(f.share) for m in (normal, reduce) for r in m.edges.values() for f in r) == 1


def test_an_error_is_of_the_epochs_that_have_one():
    phi = np.array([[np.nan, np.nan], [1.0, 2.0], [3.0, np.nan]])
    error = np.array([[np.nan, np.nan], [0.3, np.nan], [np.nan, np.nan]])
    mean, of_mean = mean_over_epochs(phi, error)
    assert mean.tolist() == [2.0, 2.0]
    assert of_mean[0] == pytest.approx(0.3 / np.sqrt(2)) and np.isnan(of_mean[1])


def test_a_number_of_one_run_is_the_link_and_times_have_their_unit(page, single):
    alone = Page(report.render(report_job(seeds=(0,)), single, single / "report"))
    assert "1 run" not in text_of(alone).split("Runs")[0]
    assert "Search time s" in text_of(alone)
    assert "device days" not in text_of(page)


def test_two_searches_that_found_one_cell_say_so(page):
    assert "the same cell as " in text_of(page), "all cells of the toy results are one"


def test_mlflow_link(monkeypatch):
    record = {"mlflow_experiment_id": "3", "mlflow_run_id": "abc"}
    run = FinishedRun("search", "a", "b", "c", provenance=record)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000/")
    assert words.mlflow_url(run) == "http://127.0.0.1:5000/#/experiments/3/runs/abc"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////tmp/mlflow.db")
    assert words.mlflow_url(run) == f"{UI}/#/experiments/3/runs/abc", "as `make ui` serves it"
    assert words.mlflow_url(FinishedRun("search", "a", "b", "c")) is None


@pytest.mark.parametrize(
    ("seconds", "text"), [(42.4, "42 s"), (600, "10.0 min"), (7200, "2.0 h"), (864000, "10.0 days")]
)
def test_durations(seconds, text):
    assert words.duration(seconds) == text


EVIL = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
EVIL_CELL = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
    'viewBox="0 0 9 9" onload="alert(1)"><script>alert(1)</script>'
    '<a xlink:href="javascript:alert(1)">'
    '<rect width="9" height="9" onclick="alert(1)"/></a><foreignObject><b/></foreignObject></svg>'
)


def test_what_runs_and_configs_say_is_text_and_never_code(toy_results, tmp_path):
    results = tmp_path / "demo"
    shutil.copytree(toy_results, results)
    seed = results / "nasbench201" / "digits" / "shapley" / "seed0"
    (seed / "genotype" / "cell.svg").write_text(EVIL_CELL)
    for name, key in (("genotype", "arch"), ("search", "algorithm")):
        path = seed / name / "metrics.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), key: EVIL}))
    path = seed / "search" / "provenance.json"
    record = json.loads(path.read_text())
    hostile = dict.fromkeys(("cpu", "platform", "git_commit", "mlflow_run_id"), EVIL)
    path.write_text(json.dumps({**record, **hostile}))
    job = report_job().model_dump(mode="json")
    job["titles"]["shapley"] = job["preset"] = EVIL
    job["experiments"][0] |= {"title": EVIL, "note": EVIL, "does_not_show": [EVIL]}
    job["experiments"][0]["rows"][2]["label"] = EVIL
    stage.run(type(report_job()).model_validate(job), results, results / "report" / "index.html")
    page = Page((results / "report" / "index.html").read_text())
    assert page.open == [] and page.all("script") == [{}] and not page.all("img", "foreignObject")
    assert sum(EVIL in text for text in page.text) >= 5, "shown, as text"
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")]
        assert not attributes.get("href", "").lower().startswith("javascript")
