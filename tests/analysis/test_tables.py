import pytest

from pipeline.analysis import measures, runs, tables
from pipeline.analysis.evidence import Evidence
from pipeline.analysis.intervals import summarise
from pipeline.analysis.tables import Cell
from pipeline.config.experiments import Experiment, Printed
from pipeline.nasbench import ACCURACIES
from pipeline.paths import Place
from tests.analysis.toys import BENCHMARK, TRANSFER, write_run, write_seed


def cells_of(experiment, results, caption, n_seeds=3, source_digest=""):
    evidence = Evidence(runs.collect(results), n_seeds, 1, source_digest)
    (part,) = tables.parts(experiment, evidence)
    (table,) = [t for t in part.tables if t.caption.startswith(caption)]
    return {
        (line.row.label, cell.measure.key, cell.measure.target): cell
        for line in table.lines
        for cell in line.cells
    }


def test_ours_stands_beside_the_paper_in_percent(tmp_path):
    for seed, error in enumerate((0.025, 0.026, 0.027)):
        base = tmp_path / f"darts/digits/shapley/seed{seed}"
        write_run(base / "retrain/digits/rseed0", {"test_error": error})
        write_run(base / "retrain/digits64/rseed0", {"test_error": 0.5})
    cells = cells_of(TRANSFER, tmp_path, "Trained here")
    cell = cells["Shapley-NAS", "test_error", "digits"]
    assert cell.ours.mean == pytest.approx(2.6)
    assert cell.ours.deviation == pytest.approx(0.1)
    assert cell.paper.mean == 2.43
    assert cell.difference == pytest.approx(0.17)
    # 2.43 ± 0.04 of the paper, taken as of three runs: Welch's p is 0.08.
    assert cell.verdict == "within"
    # The printed number belongs to the first target.
    assert cells["Shapley-NAS", "test_error", "digits64"].paper is None
    assert not cells["Published cell", "test_error", "digits64"].applies


@pytest.mark.parametrize(
    ("ours", "paper", "measure", "verdict"),
    [
        (2.0, {"std": 0.04}, measures.test_error("x"), "better"),
        (3.0, {"std": 0.04}, measures.test_error("x"), "worse"),
        (3.0, {"std": 0.04}, measures.table_column("cifar10_test"), "better"),
        (2.505, {"std": 0.04, "n": 4}, measures.test_error("x"), "within"),
        (3.0, {}, measures.test_error("x"), "no verdict: no deviation printed"),
        (3.0, {"std": 0.04}, measures.params(), ""),
    ],
)
def test_verdict_is_welchs_and_knows_which_way_is_better(ours, paper, measure, verdict):
    values = [ours - 0.01, ours, ours, ours + 0.01]
    cell = Cell(measure, summarise(values), Printed(mean=2.47, **paper), 4, True, False)
    assert cell.verdict == verdict


@pytest.mark.parametrize("n", [1, 2])
def test_few_seeds_are_never_judged(n):
    cell = Cell(
        measures.test_error("x"), summarise([3.0] * n), Printed(mean=2.4, std=0.1), n, True, False
    )
    assert cell.verdict == "no verdict: n < 3"


def test_a_value_that_is_no_number_counts_as_failed(tmp_path):
    for seed, error in enumerate((0.025, 0.026, 0.027)):
        base = tmp_path / f"darts/digits/shapley/seed{seed}"
        write_run(base / "retrain/digits/rseed0", {"test_error": error})
    (base / "retrain/digits/rseed0/metrics.json").write_text('{"test_error": NaN}')
    cell = cells_of(TRANSFER, tmp_path, "Trained here")["Shapley-NAS", "test_error", "digits"]
    assert (cell.ours.n, cell.n_failed, cell.verdict) == (2, 1, "no verdict: n < 3")


def test_size_is_that_of_the_trained_network(tmp_path):
    # The exported network is sized for the data set searched on, the paper's for the target.
    base = tmp_path / "darts/digits/shapley/seed0"
    write_run(base / "genotype", {"params": 1_000_000})
    write_run(base / "retrain/digits/rseed0", {"test_error": 0.1, "params": 3_700_000})
    cell = cells_of(TRANSFER, tmp_path, "Trained here")["Shapley-NAS", "params", "digits"]
    assert cell.ours.mean == pytest.approx(3.7)
    assert cell.difference == pytest.approx(0.1)


def test_looked_up_accuracies_never_leave_the_table(tmp_path):
    limits = {"median_cifar10_test": 90.0, "best_cifar10_test": 94.3733}
    values = (94.3733, 94.3733, 94.36, 94.3733)
    for seed, value in enumerate(values):
        place = tmp_path / f"nasbench201/digits/shapley/seed{seed}/query"
        write_run(place, {"cifar10_test": value, "rank_cifar10_test": 1 + seed, **limits})
    cells = cells_of(BENCHMARK, tmp_path, "Looked up", n_seeds=4)
    ours = cells["Shapley-NAS", "cifar10_test", None].ours
    assert 90.0 < ours.low < ours.mean < ours.high <= 94.3733
    ranks = cells_of(BENCHMARK, tmp_path, "Place", n_seeds=4)
    assert ranks["Shapley-NAS", "rank_cifar10_test", None].ours.low >= 1.0


def test_failed_seed_is_missing_from_n(toy_results):
    cells = cells_of(BENCHMARK, toy_results, "Trained here")
    cell = cells["DARTS (first order)", "test_error", "digits"]
    assert (cell.ours.n, cell.expected) == (2, 3)


def test_benchmark_columns_and_places(toy_results):
    looked_up = cells_of(BENCHMARK, toy_results, "Looked up")
    assert {key for _, key, _ in looked_up} == set(ACCURACIES)
    places = cells_of(BENCHMARK, toy_results, "Place")
    ranks = [
        run.metrics["rank_cifar10_test"]
        for run in runs.collect(toy_results)
        if run.stage == "query" and run.strategy == "shapley"
    ]
    cell = places["Shapley-NAS", "rank_cifar10_test", None]
    assert cell.ours.mean == pytest.approx(sum(ranks) / 3)


def test_no_benchmark_table_is_said(single):
    (part,) = tables.parts(BENCHMARK, Evidence(runs.collect(single), 1, 1, ""))
    assert part.lacks_benchmark
    assert not any(table.caption.startswith("Place") for table in part.tables)


def test_several_trainings_of_a_search_count_once(tmp_path):
    base = tmp_path / "darts/digits/shapley"
    for rseed, error in enumerate((0.02, 0.04)):
        write_run(base / f"seed0/retrain/digits/rseed{rseed}", {"test_error": error})
    found = measures.by_seed(measures.test_error("digits"), runs.collect(tmp_path))
    assert found == {0: pytest.approx(3.0)}


def test_trainings_of_a_foreign_genotype_are_its_seeds(tmp_path):
    base = tmp_path / "darts/digits/published_x"
    for rseed, error in enumerate((0.02, 0.04)):
        write_run(base / f"seed0/retrain/digits/rseed{rseed}", {"test_error": error})
    found = measures.by_seed(measures.test_error("digits"), runs.collect(tmp_path))
    assert found == {0: pytest.approx(2.0), 1: pytest.approx(4.0)}


def test_only_searched_cells_are_said_to_be_searched(tmp_path):
    for rows, said in ((TRANSFER.rows, "searched on digits"), (TRANSFER.rows[1:], "on digits")):
        experiment = TRANSFER.model_copy(update={"rows": rows})
        for strategy in ("shapley", "published_shapley_nas_cifar10"):
            write_seed(tmp_path, "darts", strategy, 0)
        (part,) = tables.parts(experiment, Evidence(runs.collect(tmp_path), 1, 1, ""))
        assert [table.caption for table in part.tables] == [f"Trained here, {said}"]


def test_results_of_other_code_are_marked(tmp_path):
    write_seed(tmp_path, "darts", "shapley", 0, source_digest="then")
    cells = cells_of(TRANSFER, tmp_path, "Trained here", source_digest="now")
    assert cells["Shapley-NAS", "test_error", "digits"].made_by_other_code
    cells = cells_of(TRANSFER, tmp_path, "Trained here", source_digest="then")
    assert not cells["Shapley-NAS", "test_error", "digits"].made_by_other_code


def selected():
    """A row that keeps one of several searches, and one that is only quoted."""
    return Experiment.model_validate(
        {
            "name": "table",
            "title": "Table",
            "rows": [
                {"label": "A", "strategy": "shapley", "space": "s1", "datasets": ["digits"],
                 "retrain": ["same"], "select": True},
                {"label": "Quoted", "datasets": ["digits"], "retrain": ["same"],
                 "paper": {"digits": {"test_error": {"mean": 2.5},
                                      "search_gpu_days": {"mean": 4}}}},
            ],
        }
    )  # fmt: skip


def test_of_several_searches_the_kept_one_is_shown(tmp_path):
    base = tmp_path / "s1/digits"
    for seed, error in enumerate((0.3, 0.2)):
        write_run(base / f"shapley/seed{seed}/search", {"seconds": 864.0})
        write_run(base / f"shapley/seed{seed}/genotype", {"params": 1})
        write_run(base / f"shapley/seed{seed}/trial", {"held_out_error": error})
    write_run(base / "kept_shapley/seed0/genotype", {"params": 2_000_000})
    write_run(base / "kept_shapley/seed0/retrain/digits/rseed0", {"test_error": 0.1})
    cells = cells_of(selected(), tmp_path, "Trained here", n_seeds=2)
    error = cells["A", "test_error", "digits"]
    assert (error.ours.mean, error.ours.n, error.expected) == (pytest.approx(10.0), 1, 1)
    assert cells["A", "held_out_error", None].ours.mean == pytest.approx(25.0)
    cost = cells["A", "seconds", None]
    assert (cost.ours.mean, cost.ours.n) == (pytest.approx(14.4), 2)  # minutes


def test_a_quoted_row_has_the_papers_numbers_only(tmp_path):
    write_run(tmp_path / "s1/digits/shapley/seed0/search", {"seconds": 86_400.0})
    cells = cells_of(selected(), tmp_path, "Trained here", n_seeds=1)
    quoted = cells["Quoted", "test_error", "digits"]
    assert (quoted.applies, quoted.ours, quoted.paper.mean) == (False, None, 2.5)
    assert cells["Quoted", "seconds", None].paper.mean == 4


def test_cost_on_our_device_is_not_set_against_the_papers(tmp_path):
    cell = Cell(measures.search_time([]), summarise([0.5]), Printed(mean=0.3), 1, True, False)
    assert cell.difference is None


def test_paired_differences_to_the_reference(tmp_path):
    for strategy, values in (("shapley", (93.0, 94.0, 94.0)), ("darts", (91.0, 93.5, 93.5))):
        for seed, value in enumerate(values):
            folder = tmp_path / f"nasbench201/digits/{strategy}/seed{seed}"
            write_run(folder / "query", {"cifar10_test": value})
    (part,) = tables.parts(BENCHMARK, Evidence(runs.collect(tmp_path), 3, 1, ""))
    ((line, values),) = part.tables[0].differences("shapley")
    assert line.row.label == "DARTS (first order)"
    # -2, -0.5, -0.5: deviation 0.866, t(0.975, 2) = 4.303.
    assert values[0].mean == pytest.approx(-1.0)
    assert values[0].half_width == pytest.approx(4.303 * 0.5, rel=1e-3)


def test_no_table_without_rows(tmp_path):
    """A row that is not looked up itself, of a cell that another experiment looked up."""
    write_run(tmp_path / "nasbench201/digits/shapley/seed0/query", {"cifar10_test": 93.0})
    row = {**BENCHMARK.rows[-1].model_dump(), "query": False}
    experiment = Experiment(name="f", title="F", rows=(row,))
    (part,) = tables.parts(experiment, Evidence(runs.collect(tmp_path), 1, 1, ""))
    assert [len(table.lines) for table in part.tables] == [1]


def test_failed_seeds_are_counted(tmp_path):
    write_run(tmp_path / "darts/digits/shapley/seed0/retrain/digits/rseed0", {"test_error": 0.1})
    failed = (Place("retrain", "darts", "digits", "shapley", 1, "digits", 0),)
    (part,) = tables.parts(TRANSFER, Evidence(runs.collect(tmp_path), 2, 1, "", failed))
    (table,) = part.tables
    assert [cell.n_failed for cell in table.lines[0].cells][:2] == [1, 0]


def test_a_failed_search_fails_all_that_comes_of_its_seed(tmp_path):
    for stage in ("search", "genotype", "retrain/digits/rseed0", "retrain/digits64/rseed0"):
        write_run(tmp_path / f"darts/digits/shapley/seed0/{stage}", {"test_error": 0.1})
    # A training of an earlier attempt failed as well: still one seed.
    search = Place("search", "darts", "digits", "shapley", 1)
    failed = (search, search.at("retrain", "digits", 0))
    (part,) = tables.parts(TRANSFER, Evidence(runs.collect(tmp_path), 2, 1, "", failed))
    ours, published = part.tables[0].lines
    assert {cell.n_failed for cell in ours.cells} == {1}
    assert {cell.n_failed for cell in published.cells} == {0}
