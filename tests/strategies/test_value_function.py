"""V(S): on a supernet whose answers are known, and against accuracy computed plainly."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from pipeline import registry
from pipeline.errors import InputError
from pipeline.registry.strategies.shapley import DartsShapleySettings, ShapleySettings
from pipeline.strategies.value_function import ValueFunction, ValueSettings, shapley_values
from tests.strategies.toys import (
    CLASSES,
    Playing,
    ToyImages,
    images_of,
    make_strategy,
    noisy_images,
    small_search,
)

SPACE = registry.get("spaces", "nasbench201")(small_search("nasbench201").supernet)
ALPHA = torch.linspace(-1, 1, SPACE.n_players)
SHARES = {1: 5, 2: 3, 17: 8, 29: 4}  # player -> images, of 20


def playing(**settings: object) -> ValueFunction:
    return ValueFunction(Playing(SPACE), ALPHA, images_of(SHARES), ValueSettings(**settings), 0)


def test_value_of_coalitions() -> None:
    V = playing()
    V.redraw(0)
    S = np.isin(V.players, [2, 17])
    assert_allclose(V(np.array([S, ~S, S | True, S & False])), [11 / 20, 9 / 20, 1, 0])
    assert V.images_forward == 4 * 20
    assert V.full() == 1


def test_shapley_values_are_the_shares_of_the_images() -> None:
    """An additive game: exact after one permutation, if nobody is truncated."""
    found = shapley_values(playing(), ValueSettings(permutations=1, eta=1.0), seed=0)
    expected = np.zeros(SPACE.n_players)
    expected[[*SHARES]] = np.array([*SHARES.values()]) / 20
    assert_allclose(found.phi, expected, atol=1e-12)
    assert found.evaluations == 1 + 24


def test_every_estimator_takes_its_options_and_no_other() -> None:
    found = shapley_values(playing(), ValueSettings(estimator="permutation", permutations=3), 0)
    assert set(found.reached) == {0, 3}
    assert found.evaluations == 3 * 25
    with pytest.raises(InputError, match=r"permutation: unknown option 'eta'.*takes: permutations"):
        ValueSettings(estimator="permutation", permutations=3, eta=0.1)


def test_defaults_of_options_are_the_estimators() -> None:
    assert ValueSettings().options() == {"permutations": 10, "eta": 0.5, "unreached": "mean"}
    beta = ValueSettings(estimator="beta", beta=16)
    assert beta.options() == {"samples": None, "alpha": 16.0, "beta": 16.0}
    assert beta.model_dump()["beta"] == 16.0


def test_options_of_estimators_clash_with_no_key_of_a_strategy() -> None:
    """But for M, which a strategy sets for all of them."""
    options = {
        key
        for name in registry.names("estimators")
        for key in registry.get("estimators", name).settings.model_fields
    }
    keys = {*ShapleySettings.model_fields, *DartsShapleySettings.model_fields}
    assert options & keys == {"permutations"}


@pytest.mark.parametrize(
    ("settings", "spending"),
    [
        ({}, None),  # M binds by itself
        ({"estimator": "kernel", "permutations": 3}, 3 * 25),
        ({"estimator": "kernel", "samples": 500}, None),
        ({"estimator": "kernel", "permutations": 3, "budget": 200}, 200),
        ({"estimator": "exact"}, None),
    ],
)
def test_what_an_estimate_may_spend(settings: dict, spending: int | None) -> None:
    assert ValueSettings(**settings).spending(24) == spending


def test_a_label_that_chooses_an_estimator_leaves_the_options_of_another() -> None:
    base = {"eta": 0.3, "permutations": 2, "value_images": 64}
    shared = {"permutations": 2, "value_images": 64}
    over = ShapleySettings.over
    assert over(base, {"estimator": "kernel"}) == {**shared, "estimator": "kernel"}
    assert over(base, {"fidelity": "released_code"})["eta"] == 0.3
    assert over(base, {"momentum": 0.5}) == {**base, "momentum": 0.5}
    with pytest.raises(InputError, match="kernel: unknown option 'eta'"):
        ShapleySettings(**over(base, {"estimator": "kernel", "eta": 0.1}))


def test_misspelt_estimator_is_found_at_once() -> None:
    with pytest.raises(InputError, match="did you mean 'truncated'"):
        ValueSettings(estimator="truncatd")


def real(
    images: ToyImages, n: int, batch_size: int = 8, **settings: object
) -> tuple[ValueFunction, torch.nn.Module]:
    supernet = make_strategy("shapley", "nasbench201", {}).supernet
    own = ValueSettings(value_images=n, value_batch_size=batch_size, **settings)
    return ValueFunction(supernet, ALPHA, images, own, seed=5), supernet


def weights_without(removed: list[int]) -> torch.Tensor:
    weights = torch.softmax(ALPHA.view(6, 5), 1).flatten()
    weights[removed] = 0
    return weights


@pytest.mark.parametrize("batch_norm", ["batch", "running"])
def test_accuracy_computed_plainly(batch_norm: str) -> None:
    """All images in one batch, so that their order does not matter."""
    images = noisy_images(40)
    V, supernet = real(images, 40, batch_size=40, batch_norm=batch_norm)
    plain = copy.deepcopy(supernet).train(batch_norm == "batch")
    V.redraw(0)
    for removed in ([], [4], [1, 2, 13, 22], [*range(0, 30, 2)]):
        with torch.no_grad():
            answers = plain(images.pixels, weights_without(removed)).argmax(1)
        S = ~np.isin(V.players, removed)
        assert V(S[None])[0] == (answers == images.labels).double().mean().item()


@pytest.mark.parametrize("value", ["accuracy", "soft_accuracy", "negative_loss"])
def test_values_computed_plainly(value: str) -> None:
    images = noisy_images(40)
    V, supernet = real(images, 40, batch_size=40, value=value)
    plain = copy.deepcopy(supernet).train()
    V.redraw(0)
    with torch.no_grad():
        logits = plain(images.pixels, weights_without([2, 13]))
    log_p = logits.log_softmax(1)[torch.arange(40), images.labels].double()
    expected = {
        "accuracy": (logits.argmax(1) == images.labels).double().mean(),
        "soft_accuracy": log_p.exp().mean(),
        "negative_loss": log_p.mean(),
    }[value]
    S = ~np.isin(V.players, [2, 13])
    assert_allclose(V(S[None]), [expected.item()], rtol=1e-5)


@pytest.mark.parametrize("renormalise", [False, True])
@pytest.mark.parametrize("value", ["soft_accuracy", "negative_loss"])
def test_gradient_by_differences(value: str, renormalise: bool) -> None:
    """∂V/∂z by autograd against moving the mixing weight of one player, central differences."""
    V, supernet = real(noisy_images(16), 16, 16, value=value, renormalise=renormalise)
    supernet.double()
    V._images.pixels.data = V._images.pixels.double()
    V._alpha = V._alpha.double()
    V.redraw(0)
    S = np.arange(len(V.players)) % 3 > 0
    (gradient,) = V.gradient(S[None])
    assert V.images_backward == V.images_forward == 16

    def at(z: torch.Tensor) -> float:
        weights = z * torch.softmax(ALPHA.double().view(6, 5), 1).flatten()
        if renormalise:
            table = weights.view(6, 5)
            weights = (table / table.sum(1, keepdim=True)).flatten()
        with torch.no_grad(), V._normalised(weights):
            return float(V._mean(weights))

    z = torch.ones(30, dtype=torch.double)
    z[V.players] = torch.from_numpy(S).double()
    for place in (0, 1, 7, 20):
        step = torch.zeros(30, dtype=torch.double)
        step[V.players[place]] = (
            1e-4  # softmax is float32 and ReLU has kinks: neither less nor more
        )
        expected = (at(z + step) - at(z - step)) / 2e-4
        assert gradient[place] == pytest.approx(expected, rel=0.03, abs=1e-4)


def test_accuracy_has_no_gradient() -> None:
    V, _ = real(noisy_images(8), 8)
    assert not hasattr(V, "gradient")
    with pytest.raises(InputError, match="soft_accuracy"):
        shapley_values(V, ValueSettings(estimator="gradient"), 0)


def test_recalibrated_statistics() -> None:
    """Running statistics that are the means over other images' batches, under the coalition."""
    images = noisy_images(48)
    settings = {"batch_norm": "recalibrated", "recalibration_images": 16}
    V, supernet = real(images, 16, batch_size=8, **settings)
    before = copy.deepcopy(supernet.state_dict())
    V.redraw(0)
    removed = [1, 2, 13]
    S = ~np.isin(V.players, removed)
    found = V(S[None])[0]
    assert V.images_forward == 32
    plain = copy.deepcopy(supernet).train()
    for module in plain.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.reset_running_stats()
            module.momentum = None
    weights = weights_without(removed)
    with torch.no_grad():
        for x, _ in V._others:
            plain(x, weights)
        plain.eval()
        right = [(plain(x, weights).argmax(1) == y).double().sum() for x, y in V._batches]
    assert found == sum(right).item() / 16
    assert all(torch.equal(value, before[key]) for key, value in supernet.state_dict().items())
    assert {module.momentum for module in supernet.modules() if hasattr(module, "momentum")} == {
        0.1
    }


def test_images_of_an_epoch() -> None:
    """Drawn once, so that V(N) is measured once an estimate."""
    V, _ = real(noisy_images(40), 8, redraw="epoch")
    settings = ValueSettings(estimator="permutation", permutations=3, redraw="epoch")
    found = shapley_values(V, settings, seed=0)
    assert found.evaluations <= 2 + 3 * 23
    assert V.images_forward == 8 * found.evaluations


def test_augmented_images() -> None:
    from pipeline.data import Augment

    images = noisy_images(16)
    seen: list[object] = []

    class Noted(ToyImages):
        def batches(self, n: int, generator: object, augment: object, **rest: object):
            seen.append((n, augment))
            return super().batches(n, generator)

    supernet = make_strategy("shapley", "nasbench201", {}).supernet
    augment = Augment(1, False, 0)
    noted = Noted(images.pixels, images.labels)
    for on in (True, False):
        own = ValueSettings(value_images=8, augment=on)
        ValueFunction(supernet, ALPHA, noted, own, 5, augment).redraw(0)
    assert seen == [(8, augment)]


@pytest.mark.parametrize("estimator", sorted({*registry.names("estimators")} - {"exact"}))
def test_every_estimator_plays_the_supernets_game(estimator: str) -> None:
    """At the cost of two permutations or less."""
    V, _ = real(noisy_images(8), 8, value="soft_accuracy")
    settings = ValueSettings(
        estimator=estimator, permutations=2, value="soft_accuracy", value_images=8
    )
    found = shapley_values(V, settings, 0)
    assert found.evaluations <= 2 * 25
    assert found.phi.shape == (30,)
    assert np.isfinite(found.phi[V.players]).sum() > 0
    assert V.images_forward + 2 * V.images_backward == 8 * found.evaluations


def test_none_is_a_null_player_and_does_not_play() -> None:
    none = [p for p, player in enumerate(SPACE.players) if player.operation == "none"]
    V, supernet = real(noisy_images(8), 8)
    assert len(none) == 6
    assert_array_equal(V.players, np.setdiff1d(np.arange(30), none))
    with torch.no_grad():
        images = noisy_images(8).pixels
        assert_array_equal(
            supernet.eval()(images, weights_without([])),
            supernet.eval()(images, weights_without(none)),
        )


def test_under_renormalisation_none_plays() -> None:
    V, _ = real(noisy_images(8), 8, renormalise=True)
    assert_array_equal(V.players, np.arange(30))


def test_draws() -> None:
    """A permutation's images are its own, the same each time it is drawn."""

    class Noted(ToyImages):
        drawn: list[tuple] = []  # noqa: RUF012

        def sample(self, n: int, generator: torch.Generator) -> tuple:
            self.drawn.append(super().sample(n, generator))
            return self.drawn[-1]

    images = noisy_images(40)
    V, _ = real(Noted(images.pixels, images.labels, CLASSES), 20)
    for permutation in (0, 1, 0):
        V.redraw(permutation)
    first, second, again = (pixels for pixels, _ in Noted.drawn)
    assert len(first) == 20
    assert torch.equal(first, again)
    assert not torch.equal(first, second)


def test_batches_are_of_nearly_equal_size() -> None:
    """17 images in batches of at most 8: 6, 6, 5 and not 8, 8, 1."""
    V, supernet = real(noisy_images(17), 1024)
    sizes: list[int] = []
    supernet.register_forward_hook(lambda _, inputs, __: sizes.append(len(inputs[0])))
    V.full()
    assert sizes == [6, 6, 5]


def test_supernet_is_left_as_it_was() -> None:
    V, supernet = real(noisy_images(16), 16)
    supernet.train()
    before = copy.deepcopy(supernet.state_dict())
    V.full()
    assert all(torch.equal(value, before[key]) for key, value in supernet.state_dict().items())
    assert all(module.training for module in supernet.modules())
    assert all(p.grad is None for p in supernet.parameters())
