"""Averaged models against PyTorch."""

import numpy as np
import pytest

import lucid
from lucid import nn, optim
from lucid.optim import swa_utils

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity
theirs_utils = torch.optim.swa_utils


def models():
    ours = nn.Sequential(nn.Conv1d(2, 3, 3), nn.BatchNorm1d(3)).to("cpu")
    theirs = torch.nn.Sequential(torch.nn.Conv1d(2, 3, 3), torch.nn.BatchNorm1d(3))
    state = {k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()}
    theirs.load_state_dict(state)
    return ours, theirs


def same(ours, theirs):
    mine, expected = ours.state_dict(), theirs.state_dict()
    assert list(mine) == list(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(mine[name].numpy(), value.numpy(), rtol=1e-5, atol=1e-6)


MEANS = {
    "equal": lambda m: {},
    "one by one": lambda m: {"avg_fn": m.get_swa_avg_fn()},
    "lists": lambda m: {"multi_avg_fn": m.get_swa_multi_avg_fn()},
    "ema": lambda m: {"avg_fn": m.get_ema_avg_fn(0.6)},
    "ema of lists": lambda m: {"multi_avg_fn": m.get_ema_multi_avg_fn(0.6)},
    "own": lambda m: {"avg_fn": lambda mean, value, number: 0.5 * mean + 0.5 * value},
}


@pytest.mark.parametrize("buffers", [False, True])
@pytest.mark.parametrize("kind", MEANS)
def test_means(kind, buffers):
    if buffers and kind in ("equal", "lists"):  # torch cannot add shares to its int buffer
        return
    ours, theirs = models()
    a = swa_utils.AveragedModel(ours, use_buffers=buffers, **MEANS[kind](swa_utils))
    b = theirs_utils.AveragedModel(theirs, use_buffers=buffers, **MEANS[kind](theirs_utils))
    rng = np.random.default_rng(0)
    for _ in range(4):
        x = rng.standard_normal((4, 2, 6)).astype("float32")
        for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
            step = rng.standard_normal(p.shape).astype("float32")
            with lucid.no_grad(), torch.no_grad():
                p.add_(lucid.tensor(step, device="cpu"))
                q.add_(torch.tensor(step))
        ours(lucid.tensor(x, device="cpu"))
        theirs(torch.tensor(x))
        a.update_parameters(ours)
        b.update_parameters(theirs)
        same(a, b)
    assert int(a.n_averaged) == 4
    assert a(lucid.tensor(x, device="cpu")).shape == (4, 3, 4)
    a.load_state_dict(b.state_dict())


def test_batch_norm_is_computed_anew():
    ours, theirs = models()
    rng = np.random.default_rng(0)
    batches = [rng.standard_normal((4, 2, 6)).astype("float32") for _ in range(3)]
    ours.eval()
    theirs.eval()
    swa_utils.update_bn([(lucid.tensor(x), 0) for x in batches], ours, device="cpu")
    theirs_utils.update_bn([(torch.tensor(x), 0) for x in batches], theirs)
    same(ours, theirs)
    assert not ours.training
    assert ours[1].momentum == 0.1
    swa_utils.update_bn([], nn.Linear(1, 1))

    def broken():
        yield lucid.tensor(batches[0], device="cpu")
        raise OSError("no more data")

    with pytest.raises(OSError, match="no more data"):
        swa_utils.update_bn(broken(), ours)
    assert not ours.training
    assert ours[1].momentum == 0.1


@pytest.mark.parametrize("strategy", ["cos", "linear"])
@pytest.mark.parametrize("epochs", [0, 1, 7])
def test_rates(strategy, epochs):
    def build(library, make):
        params = [make(2), make(3)]
        groups = [{"params": [params[0]], "lr": 0.2}, {"params": [params[1]]}]
        optimizer = library.optim.SGD(groups, lr=0.05)
        scheduler = library.optim.swa_utils.SWALR(
            optimizer, swa_lr=[0.01, 0.5], anneal_epochs=epochs, anneal_strategy=strategy
        )
        return optimizer, scheduler

    a, theirs = build(torch, lambda n: torch.zeros(n, requires_grad=True))
    b, ours = build(lucid, lambda n: lucid.zeros(n, requires_grad=True))
    for step in range(20):
        assert ours.get_last_lr() == pytest.approx(theirs.get_last_lr(), rel=1e-12)
        for optimizer, scheduler in ((a, theirs), (b, ours)):
            optimizer.step()
            scheduler.step()
        if step == 3:
            state = ours.state_dict()
            ours = swa_utils.SWALR(b, [0.01, 0.5], epochs, strategy)
            ours.load_state_dict(state)
            b.param_groups[0]["lr"], b.param_groups[1]["lr"] = theirs.get_last_lr()


def test_bad_arguments():
    optimizer = optim.SGD([lucid.zeros(1, requires_grad=True)])
    with pytest.raises(ValueError, match="takes avg_fn or multi_avg_fn, got both"):
        swa_utils.AveragedModel(
            nn.Linear(1, 1), avg_fn=swa_utils.get_swa_avg_fn(), multi_avg_fn=lambda *a: None
        )
    with pytest.raises(ValueError, match=r"decay to be at least 0 and at most 1, got 2"):
        swa_utils.get_ema_multi_avg_fn(2)
    with pytest.raises(ValueError, match=r"anneal_strategy .* got 'log'"):
        swa_utils.SWALR(optimizer, 0.1, anneal_strategy="log")
