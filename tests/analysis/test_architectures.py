from pipeline.analysis import runs
from pipeline.analysis.architectures import architectures
from tests.analysis.toys import TITLES


def test_each_genotype_with_what_came_of_it(toy_results):
    found = architectures(toy_results, runs.collect(toy_results), TITLES)
    # Three strategies and the DARTS cells of three seeds, one published cell.
    assert len({one.anchor for one in found}) == len(found) == 3 * 3 + 3 + 1
    one = next(a for a in found if a.anchor == "architecture-darts-digits-shapley-seed1")
    assert one.title == "Shapley-NAS, seed 1"
    assert [(run.stage, run.target) for run in one.others] == [
        ("search", None),
        ("retrain", "digits"),
        ("retrain", "digits64"),
    ]
    assert one.counts == {"parameters": "1,074,466", "multiply-adds": "153,272,960"}
    assert set(one.training.legend) == {"digits", "digits64"}
