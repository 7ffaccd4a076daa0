"""The file that a search leaves of its supernet."""

import numpy as np
import pytest
import torch

from pipeline.errors import InputError
from pipeline.supernet import saved
from tests.strategies.toys import make_strategy, noisy_images


@pytest.mark.parametrize("space", ["nasbench201", "darts"])
def test_it_comes_back_with_the_same_answers(tmp_path, space):
    strategy = make_strategy("darts", space, {})
    strategy.epoch(0, noisy_images(8), noisy_images(8, seed=1))
    saved.save(tmp_path / "supernet.pt", strategy.supernet, strategy.alpha())
    supernet, alpha = saved.load(tmp_path / "supernet.pt")
    assert np.array_equal(alpha, strategy.alpha())
    images, weights = noisy_images(4).pixels, strategy.mixing()
    strategy.supernet.eval()
    with torch.no_grad():
        assert torch.equal(supernet.eval()(images, weights), strategy.supernet(images, weights))


def test_what_is_none_is_refused_in_one_line(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        saved.load(tmp_path / "absent.pt")
    torch.save({"weights": {}}, tmp_path / "other.pt")
    (tmp_path / "cut.pt").write_bytes((tmp_path / "other.pt").read_bytes()[:200])
    torch.save({"weights": torch.zeros(999), "code": print}, tmp_path / "code.pt")
    torch.save({"weights": torch.zeros(999)}, tmp_path / "changed.pt")
    whole = bytearray((tmp_path / "changed.pt").read_bytes())
    whole[len(whole) // 2] ^= 1
    (tmp_path / "changed.pt").write_bytes(whole)
    for name in ("other.pt", "cut.pt", "code.pt", "changed.pt"):
        with pytest.raises(InputError, match="no supernet of a search") as error:
            saved.load(tmp_path / name)
        assert "\n" not in str(error.value)
