"""The training loop on toys, against torch's own pieces; `test_retrain` kills a real one."""

import functools

import pytest
import torch
from functorch.compile import make_boxed_func
from torch._dynamo.backends.common import aot_autograd
from torch._dynamo.exc import BackendCompilerFailed
from torch._dynamo.utils import counters
from torch.nn import functional as F

from pipeline.config.recipes import TrainSettings
from pipeline.errors import InputError
from pipeline.networks import build
from pipeline.training.evaluation import evaluate
from pipeline.training.optimisation import loss_of
from pipeline.training.trainer import Trainer
from tests.training.toys import ToyImages, toy_network

CPU = torch.device("cpu")


def recipe(**values):
    defaults = {"epochs": 3, "batch_size": 16, "drop_path": 0.3, "learning_rate": 0.05}
    return TrainSettings(**{**defaults, **values})


def run(path, given, network=None, images=None, seed=0, on_epoch=lambda row: None, lines=None):
    network = network or toy_network()
    history = Trainer(
        network,
        images or ToyImages.make(70),
        0.1,
        given,
        seed,
        CPU,
        state=path / "train.pt",
        settings={"seed": seed, "train": given.model_dump(mode="json")},
        on_epoch=on_epoch,
        log=(lines if lines is not None else []).append,
    ).train()
    return network, history


def measured(history):
    return [
        {key: row[key] for key in row if key not in ("seconds", "images_per_second")}
        for row in history
    ]


def assert_same_bits(one, other):
    for (name, a), b in zip(one.state_dict().items(), other.state_dict().values(), strict=True):
        assert torch.equal(a, b), name


def assert_close(one, other):
    for (name, a), b in zip(one.state_dict().items(), other.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6, msg=name)


def test_it_learns_and_reports_fractions(tmp_path):
    network, history = run(tmp_path, recipe(epochs=20))
    assert [row["epoch"] for row in history] == list(range(20))
    assert history[-1]["train_loss"] < 0.5 * history[0]["train_loss"]
    test = evaluate(network, ToyImages.make(100, seed=1), recipe(), CPU)
    assert test.accuracy > 0.9
    assert test.top1_error == pytest.approx(1 - test.accuracy)


def test_one_epoch_is_that_of_a_loop_written_with_torchs_own_parts(tmp_path):
    """Plain cross entropy plus the tower, clip_grad_norm_, SGD and CosineAnnealingLR."""
    given = recipe(drop_path=0.0, gradient_clip=0.5, channels_last=False)
    images = ToyImages.make(64)
    expected = toy_network()
    optimiser = torch.optim.SGD(expected.parameters(), lr=0.05, momentum=0.9, weight_decay=3e-4)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, given.epochs)
    # The order of images is the loop's business: take the batches that it takes.
    seen = Recorded(images)
    network, _ = run(tmp_path, given, images=seen)
    clipped = 0
    for epoch in seen.epochs:
        for batch, labels in epoch:
            expected.train()
            optimiser.zero_grad()
            logits, tower = expected.forward_with_auxiliary(batch)
            loss = F.cross_entropy(logits, labels) + 0.4 * F.cross_entropy(tower, labels)
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(expected.parameters(), 0.5)
            clipped += norm.item() > 0.5
            optimiser.step()
        scheduler.step()
    assert clipped > 0
    assert_close(network, expected)


class Recorded:
    """Images that remember every batch handed out, epoch by epoch."""

    def __init__(self, images):
        self.images, self.n, self.epochs = images, images.n, []

    def batches(self, *arguments, **options):
        self.epochs.append(list(self.images.batches(*arguments, **options)))
        return iter(self.epochs[-1])


def test_epochs_draw_different_orders_and_seeds_different_runs(tmp_path):
    seen = Recorded(ToyImages.make(70))
    run(tmp_path / "a", recipe(), images=seen)
    labels = [torch.cat([labels for _, labels in epoch]) for epoch in seen.epochs]
    assert not torch.equal(labels[0], labels[1])
    assert torch.equal(labels[0].sort().values, labels[1].sort().values)
    one, _ = run(tmp_path / "b", recipe(epochs=1), seed=0)
    other, _ = run(tmp_path / "c", recipe(epochs=1), seed=1)
    assert not torch.equal(one.classifier.weight, other.classifier.weight)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_same_seed_gives_the_same_bits(tmp_path, precision):
    given = recipe(precision=precision, epochs=2)
    torch.manual_seed(1)
    one, first = run(tmp_path / "a", given)
    torch.manual_seed(2)  # the global state plays no part
    other, second = run(tmp_path / "b", given)
    assert_same_bits(one, other)
    assert measured(first) == measured(second)


def test_float16_scales_its_loss_and_resumes_with_the_scale(tmp_path):
    given = recipe(precision="float16", epochs=3, drop_path=0.0)
    exact, _ = run(tmp_path / "a", recipe(epochs=3, drop_path=0.0))
    whole, history = run(tmp_path / "b", given)
    for a, b in zip(exact.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0.05, atol=0.02)
    with pytest.raises(StopError):
        run(tmp_path / "c", given, on_epoch=stop_after(1))
    resumed, again = run(tmp_path / "c", given)
    assert measured(again) == measured(history)
    assert_same_bits(whole, resumed)


def test_a_gradient_that_overflows_in_float16_costs_its_step_and_halves_the_scale(tmp_path):
    """Where float32 would stop: the third of five steps overflows, and the run goes on."""
    network, calls, weights = toy_network(), [], []

    def overflow(gradient):
        calls.append(None)
        weights.append(network.classifier.weight.detach().clone())
        return gradient * float("inf") if len(calls) == 3 else gradient

    network.branch.weight.register_hook(overflow)
    _, history = run(tmp_path, recipe(precision="float16", epochs=1), network)
    assert len(calls) == 5 and history[0]["train_loss"] < 10
    assert torch.equal(weights[2], weights[3]) and not torch.equal(weights[1], weights[2])
    saved = torch.load(tmp_path / "train.pt", weights_only=True)["state"]["optimisation"]["scaler"]
    assert saved["scale"] == torch.amp.GradScaler("cpu").get_scale() / 2


def test_micro_batches_sum_to_the_gradient_of_the_batch(tmp_path):
    """Without batch norm, whose statistics are a micro-batch's, they are the batch itself."""
    ends = []
    for size in (0, 8, 16):
        network = toy_network()
        network.stem[1] = torch.nn.Identity()
        given = recipe(micro_batch_size=size, drop_path=0.0, epochs=2)
        images = ToyImages.make(70)
        ends.append(run(tmp_path / str(size), given, network, images)[0])
    torch.testing.assert_close(ends[2].state_dict(), ends[0].state_dict(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("every", [0, 2])
def test_killed_within_an_epoch_it_goes_on_from_the_last_step_saved(tmp_path, every):
    given = recipe(checkpoint_steps=every)
    undisturbed, history = run(tmp_path / "a", given)

    class Dying(Recorded):
        def batches(self, *arguments, **options):
            self.epochs.append(None)
            for number, batch in enumerate(self.images.batches(*arguments, **options)):
                if len(self.epochs) == 2 and number == 3:
                    raise StopError
                yield batch

    with pytest.raises(StopError):
        run(tmp_path / "b", given, images=Dying(ToyImages.make(70)))
    lines, seen = [], Recorded(ToyImages.make(70))
    resumed, again = run(tmp_path / "b", given, images=seen, lines=lines)
    assert lines[0] == "resumed from epoch 1 of 3" + (", step 2" if every else "")
    assert len(seen.epochs[0]) == (3 if every else 5)  # batches passed over are not made
    assert_same_bits(undisturbed, resumed)
    assert measured(history) == measured(again)


def test_the_global_generator_is_left_as_it_was(tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    run(tmp_path, recipe(epochs=1))
    assert torch.equal(torch.rand(3), expected)


def test_bfloat16_and_channels_last_train_as_well(tmp_path):
    exact, _ = run(tmp_path / "a", recipe(channels_last=False, epochs=20))
    mixed, _ = run(tmp_path / "b", recipe(precision="bfloat16", epochs=20))
    assert all(value.dtype == torch.float32 for value in mixed.parameters())
    assert exact.branch.weight.is_contiguous()
    assert mixed.branch.weight.is_contiguous(memory_format=torch.channels_last)
    test = ToyImages.make(100, seed=1)
    for network in (exact, mixed):
        assert evaluate(network, test, recipe(), CPU).accuracy > 0.9
    assert not torch.equal(exact.branch.weight, mixed.branch.weight)


def test_compiled_it_computes_the_same_and_traces_not_every_epoch_anew(tmp_path, monkeypatch):
    # Traced as for the default compiler, but run by torch itself: that one takes a minute.
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="aot_eager"))
    torch._dynamo.reset()
    counters.clear()
    counts = []
    eager, _ = run(tmp_path / "a", recipe(epochs=4), darts_network())
    compiled, _ = run(
        tmp_path / "b",
        recipe(epochs=4, compile=True),
        darts_network(),
        on_epoch=lambda row: counts.append(counters["stats"]["unique_graphs"]),
    )
    assert_close(compiled, eager)
    assert counts == [1, 2, 2, 2]  # without drop path and with it


def test_a_backward_pass_that_does_not_compile_costs_a_warning(tmp_path, monkeypatch, warned):
    """It is compiled in the first step, after a forward pass that went well."""
    tried = []

    def fails(graph, inputs):
        tried.append(graph)
        raise BackendCompilerFailed(fails, RuntimeError("no backward here"), None)

    backend = aot_autograd(fw_compiler=lambda graph, _: make_boxed_func(graph), bw_compiler=fails)
    compiler = functools.partial(torch.compile, backend=backend)
    monkeypatch.setattr(torch, "compile", compiler)
    torch._dynamo.reset()
    eager, _ = run(tmp_path / "a", recipe(epochs=1), darts_network())
    fallen_back, _ = run(tmp_path / "b", recipe(epochs=1, compile=True), darts_network())
    assert len(tried) == 1
    assert any("torch.compile failed, going on without it" in line for line in warned())
    assert_same_bits(fallen_back, eager)  # the attempt left no trace


def darts_network():
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return build("darts_v1", "cifar10", classes=4, channels=4, cells=2, auxiliary=True)


def test_drop_path_rises_epoch_by_epoch(tmp_path):
    seen = []
    network = toy_network()
    run(tmp_path, recipe(), network, on_epoch=lambda row: seen.append(network.drop_path))
    assert seen == pytest.approx([0, 0.1, 0.2])


class StopError(Exception):
    """Stands for whatever ends a process."""


def stop_after(epochs):
    def on_epoch(row):
        if row["epoch"] == epochs:  # not saved yet: this epoch is lost
            raise StopError

    return on_epoch


@pytest.mark.parametrize("done", [0, 1, 2])
def test_resumed_is_the_same_bits_as_undisturbed(tmp_path, done):
    undisturbed, history = run(tmp_path / "a", recipe())
    with pytest.raises(StopError):
        run(tmp_path / "b", recipe(), on_epoch=stop_after(done))
    lines, rows = [], []
    resumed, again = run(tmp_path / "b", recipe(), on_epoch=rows.append, lines=lines)
    assert lines[: -(3 - done)] == ([f"resumed from epoch {done} of 3"] if done else [])
    assert lines[-1].startswith("epoch 3/3: train_loss ")
    assert_same_bits(undisturbed, resumed)
    assert measured(history) == measured(again) == measured(rows)


def test_a_finished_run_is_not_trained_again(tmp_path):
    network, history = run(tmp_path, recipe())
    lines = []
    again, same = run(tmp_path, recipe(), lines=lines)
    assert lines == ["resumed from epoch 3 of 3"]
    assert same == history
    assert_same_bits(network, again)


def test_a_cut_checkpoint_costs_one_epoch(tmp_path, warned):
    undisturbed, _ = run(tmp_path / "a", recipe())
    with pytest.raises(StopError):
        run(tmp_path / "b", recipe(), on_epoch=stop_after(2))
    path = tmp_path / "b" / "train.pt"
    path.write_bytes(path.read_bytes()[:1000])
    lines = []
    resumed, _ = run(tmp_path / "b", recipe(), lines=lines)
    assert lines[0] == "resumed from epoch 1 of 3"
    assert any("damaged" in line for line in warned())
    assert_same_bits(undisturbed, resumed)


def test_a_changed_setting_is_refused(tmp_path):
    with pytest.raises(StopError):
        run(tmp_path, recipe(), on_epoch=stop_after(1))
    with pytest.raises(InputError, match=r"train\.cutout: 16 -> 8.*delete the folder"):
        run(tmp_path, recipe(cutout=8))


def test_a_diverging_run_is_the_users_error(tmp_path):
    with pytest.raises(InputError, match="learning_rate"):
        run(tmp_path, recipe(learning_rate=1e30, gradient_clip=0))
    assert not (tmp_path / "train.pt").exists()


@pytest.mark.parametrize("spoilt", ["images", "gradient"])
def test_what_is_no_longer_finite_is_never_saved(tmp_path, spoilt):
    """The third batch of the second epoch spoils the run: the checkpoint of the second stays."""
    network = toy_network()

    class Spoiling(Recorded):
        def batches(self, *arguments, **options):
            self.epochs.append(None)
            for number, (images, labels) in enumerate(self.images.batches(*arguments, **options)):
                here = len(self.epochs) == 2 and number == 2
                if here and spoilt == "gradient":  # the loss of this step is still finite
                    network.branch.weight.register_hook(lambda gradient: gradient * float("nan"))
                yield (images * float("nan") if here and spoilt == "images" else images), labels

    given = recipe(checkpoint_steps=1)
    images = Spoiling(ToyImages.make(70))
    with pytest.raises(InputError, match=r"epoch 2, by step 3, diverged: .*learning_rate"):
        run(tmp_path, given, network, images)
    lines = []
    resumed, history = run(tmp_path, given, lines=lines)
    assert lines[0] == "resumed from epoch 1 of 3, step 2"
    undisturbed, expected = run(tmp_path / "undisturbed", given)
    assert_same_bits(resumed, undisturbed)
    assert measured(history) == measured(expected)


def test_a_last_batch_of_one_image_is_left_out(tmp_path):
    seen = Recorded(ToyImages.make(33))
    run(tmp_path, recipe(epochs=1), images=seen)
    assert [len(labels) for _, labels in seen.epochs[0]] == [16, 16]
    seen = Recorded(ToyImages.make(34))
    run(tmp_path / "b", recipe(epochs=1), images=seen)
    assert [len(labels) for _, labels in seen.epochs[0]] == [16, 16, 2]


def test_loss_against_its_definition():
    """Label smoothing by hand: targets (1 - s) on the class plus s / classes on all."""
    generator = torch.Generator().manual_seed(0)
    logits, tower = torch.randn(2, 5, 7, generator=generator).double()
    labels = torch.tensor([0, 6, 3, 3, 1])
    target = 0.9 * F.one_hot(labels, 7) + 0.1 / 7

    def entropy(values):
        return -(target * torch.log_softmax(values, 1)).sum(1).mean()

    given = recipe(label_smoothing=0.1, auxiliary_weight=0.4)
    expected = entropy(logits) + 0.4 * entropy(tower)
    assert loss_of(logits, tower, labels, given).item() == pytest.approx(expected.item(), rel=1e-5)
    alone = loss_of(logits, None, labels, given).item()
    assert alone == pytest.approx(entropy(logits).item(), rel=1e-5)


class Fixed(torch.nn.Module):
    """Returns the images themselves as logits."""

    def forward(self, images):
        assert not self.training
        return images.flatten(1)


@pytest.mark.parametrize("classes", [3, 12])
def test_evaluate_against_scikit_learn(classes):
    from sklearn.metrics import confusion_matrix, log_loss, top_k_accuracy_score

    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(50, classes, 1, 1, generator=generator)
    labels = torch.randint(classes, (50,), generator=generator)
    test = evaluate(Fixed(), ToyImages(logits, labels, classes), recipe(), CPU)
    scores = logits.flatten(1).double().softmax(1).numpy()
    names = list(range(classes))
    answers = scores.argmax(1)
    assert (test.confusion == confusion_matrix(labels, answers, labels=names)).all()
    for k, error in ((1, "top1_error"), (5, "top5_error")):
        share = 1.0 if k >= classes else top_k_accuracy_score(labels, scores, k=k, labels=names)
        assert getattr(test, error) == pytest.approx(1 - share)
    assert test.loss == pytest.approx(log_loss(labels, scores, labels=names), rel=1e-5)
