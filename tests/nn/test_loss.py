"""Losses against torch's, and their refusals."""

import numpy as np
import pytest

import lucid
from lucid import nn

F = nn.functional


@pytest.mark.parity
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(6, 5), (3, 5, 4), (2, 5, 3, 2), (5,)])
def test_cross_entropy(parity, rng, shape, weighted, smoothing, reduction):
    torch = parity.torch
    x = (5 * rng.normal(size=shape)).astype(np.float32)
    target = rng.integers(0, 5, shape[:1] + shape[2:] if len(shape) > 1 else ())
    target = np.where(rng.random(target.shape) < 0.2, -1, target)
    target.flat[0] = 2  # one that counts at least
    weight = rng.random(5).astype(np.float32) if weighted else None
    settings = {"ignore_index": -1, "reduction": reduction, "label_smoothing": smoothing}
    ours = nn.CrossEntropyLoss(None if weight is None else lucid.tensor(weight), **settings)
    theirs = torch.nn.CrossEntropyLoss(None if weight is None else torch.tensor(weight), **settings)
    parity.compare(ours, theirs, x, target)


@pytest.mark.parity
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("shape", [(6, 5), (3, 5, 4)])
def test_cross_entropy_with_class_probabilities(parity, rng, shape, smoothing, reduction):
    torch = parity.torch
    x, q = rng.normal(size=shape).astype(np.float32), rng.random(shape).astype(np.float32)
    weight = rng.random(5).astype(np.float32)
    settings = {"reduction": reduction, "label_smoothing": smoothing}
    ours = nn.CrossEntropyLoss(lucid.tensor(weight), **settings)
    parity.compare(ours, torch.nn.CrossEntropyLoss(torch.tensor(weight), **settings), x, q)


@pytest.mark.parity
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_nll(parity, rng, reduction):
    torch = parity.torch
    x = rng.normal(size=(4, 5, 3)).astype(np.float32)
    target = rng.integers(0, 5, (4, 3))
    target[0, 0] = -100
    weight = rng.random(5).astype(np.float32)
    ours = nn.NLLLoss(lucid.tensor(weight), reduction=reduction)
    parity.compare(ours, torch.nn.NLLLoss(torch.tensor(weight), reduction=reduction), x, target)


@pytest.mark.parity
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("MSELoss", {}),
        ("L1Loss", {}),
        ("HuberLoss", {"delta": 0.7}),
        ("SmoothL1Loss", {"beta": 0.5}),
        ("SmoothL1Loss", {"beta": 0.0}),
        ("BCEWithLogitsLoss", {}),
    ],
)
def test_elementwise_losses(parity, rng, name, settings, reduction):
    x = (3 * rng.normal(size=(4, 5))).astype(np.float32)
    t = rng.random((4, 5)).astype(np.float32)
    make = [getattr(m, name)(reduction=reduction, **settings) for m in (nn, parity.torch.nn)]
    parity.compare(*make, x, t)


@pytest.mark.parity
def test_bce_weights(parity, rng):
    torch = parity.torch
    x, t = (30 * rng.normal(size=(4, 5))).astype(np.float32), rng.random((4, 5), np.float32)
    w, p = rng.random((4, 1), np.float32), rng.random(5, np.float32)
    ours = nn.BCEWithLogitsLoss(lucid.tensor(w), pos_weight=lucid.tensor(p))
    theirs = torch.nn.BCEWithLogitsLoss(torch.tensor(w), pos_weight=torch.tensor(p))
    parity.compare(ours, theirs, x, t)


def test_large_logits_do_not_overflow():
    x = lucid.tensor([[1e4, -1e4], [88.0, 0.0]], requires_grad=True)
    loss = F.cross_entropy(x, lucid.tensor([1, 1]), reduction="none")
    np.testing.assert_allclose(loss.numpy(), [2e4, 88.0], rtol=1e-6)
    loss.backward()
    assert np.isfinite(x.grad.numpy()).all()


def test_a_masked_class_costs_nothing():
    x = lucid.tensor([[0.0, -float("inf"), 0.0]], requires_grad=True)
    loss = F.cross_entropy(x, lucid.tensor([0]))
    np.testing.assert_allclose(loss.item(), np.log(2), rtol=1e-6)
    loss.backward()
    np.testing.assert_allclose(x.grad.numpy(), [[-0.5, 0.0, 0.5]], atol=1e-7)


def test_all_ignored_and_empty_batches_are_nan_as_in_torch():
    assert np.isnan(F.cross_entropy(lucid.zeros(2, 3), lucid.tensor([-100, -100])).item())
    empty = lucid.tensor(np.zeros(0, np.int64))
    assert np.isnan(F.cross_entropy(lucid.zeros(0, 3), empty).item())
    assert F.cross_entropy(lucid.zeros(0, 3), empty, reduction="sum").item() == 0


@pytest.mark.parametrize("wrong", [5, -1, 2**40])
def test_a_target_out_of_range(wrong):
    with pytest.raises(IndexError, match=rf"target {wrong} is out of range for 5 classes; expec"):
        F.cross_entropy(lucid.zeros(2, 5), lucid.tensor([0, wrong]))
    with pytest.raises(IndexError, match=f"nll_loss: target {wrong}"):
        F.nll_loss(lucid.zeros(2, 5), lucid.tensor([0, wrong]))
    with pytest.raises(IndexError, match=f"one_hot: target {wrong}"):
        F.one_hot(lucid.tensor([0, wrong]), 5)


def test_refusals():
    x = lucid.zeros(2, 5)
    with pytest.raises(ValueError, match=r"need class indices of shape \(2,\), got \(3,\)"):
        F.cross_entropy(x, lucid.tensor([0, 1, 2]))
    with pytest.raises(ValueError, match=r"class probabilities, of the shape of x, \(2, 5\)"):
        F.cross_entropy(x, lucid.tensor([0.0, 1.0]))
    with pytest.raises(TypeError, match="expects targets of an int dtype, got"):
        F.cross_entropy(x, lucid.tensor([True, False]))
    with pytest.raises(TypeError, match="floating point scores, got"):
        F.cross_entropy(lucid.tensor([[1, 2]]), lucid.tensor([0]))
    with pytest.raises(ValueError, match=r"one value per class, shape \(5,\), got \(4,\)"):
        F.cross_entropy(x, lucid.tensor([0, 1]), weight=lucid.ones(4))
    with pytest.raises(ValueError, match='must be "mean", "sum" or "none", got \'avg\''):
        nn.MSELoss("avg")
    with pytest.raises(ValueError, match=r"label_smoothing must be from 0 to 1, got 1\.5"):
        F.cross_entropy(x, lucid.tensor([0, 1]), label_smoothing=1.5)
    with pytest.raises(ValueError, match=r"one shape, got \(2, 5\) and \(2,\)"):
        F.mse_loss(x, lucid.zeros(2))
    with pytest.raises(TypeError, match="two Tensors, got ndarray"):
        F.l1_loss(x, np.zeros((2, 5)))
    with pytest.raises(ValueError, match="delta must be positive"):
        F.huber_loss(x, x, delta=0.0)


def test_a_batch_of_ignored_targets_is_nan_and_moves_nothing():
    x = lucid.randn(2, 3, requires_grad=True)
    loss = nn.functional.cross_entropy(x, lucid.tensor([-100, -100]))
    loss.backward()
    assert np.isnan(loss.item())
    assert x.grad.tolist() == [[0.0] * 3] * 2
