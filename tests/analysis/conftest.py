import pytest

from tests.analysis.toys import make_results


@pytest.fixture(scope="session")
def toy_results(tmp_path_factory):
    """Three seeds of everything, one training failed, table at hand; not to be changed."""
    return make_results(tmp_path_factory.mktemp("results") / "demo")


@pytest.fixture(scope="session")
def single(tmp_path_factory):
    """One seed, no NAS-Bench-201 table; not to be changed."""
    return make_results(tmp_path_factory.mktemp("single") / "demo", seeds=(0,), table=False)
