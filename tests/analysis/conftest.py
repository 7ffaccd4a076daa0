import pytest

from tests.analysis.study import make_study


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    """Three seeds of everything, one training failed, table at hand; not to be changed."""
    return make_study(tmp_path_factory.mktemp("study") / "demo")


@pytest.fixture(scope="session")
def single(tmp_path_factory):
    """One seed, no NAS-Bench-201 table; not to be changed."""
    return make_study(tmp_path_factory.mktemp("single") / "demo", seeds=(0,), table=False)
