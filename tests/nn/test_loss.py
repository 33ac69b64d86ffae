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
    with pytest.raises(ValueError, match=r"class probabilities, of the shape of input, \(2, 5\)"):
        F.cross_entropy(x, lucid.tensor([0.0, 1.0]))
    with pytest.raises(TypeError, match="expects targets of an int dtype, got"):
        F.cross_entropy(x, lucid.tensor([True, False]))
    with pytest.raises(TypeError, match="floating point scores, got"):
        F.cross_entropy(lucid.tensor([[1, 2]]), lucid.tensor([0]))
    with pytest.raises(ValueError, match=r"one value per class, shape \(5,\), got \(4,\)"):
        F.cross_entropy(x, lucid.tensor([0, 1]), weight=lucid.ones(4))
    with pytest.raises(ValueError, match='must be "mean", "sum" or "none", got \'avg\''):
        nn.MSELoss(reduction="avg")
    with pytest.raises(ValueError, match=r"label_smoothing must be from 0 to 1, got 1\.5"):
        F.cross_entropy(x, lucid.tensor([0, 1]), label_smoothing=1.5)
    with pytest.raises(ValueError, match=r"one shape, got \(2, 5\) and \(2,\)"):
        F.mse_loss(x, lucid.zeros(2))
    with pytest.raises(TypeError, match="l1_loss expects Tensors, got ndarray"):
        F.l1_loss(x, np.zeros((2, 5)))
    with pytest.raises(ValueError, match="delta must be positive"):
        F.huber_loss(x, x, delta=0.0)


def test_a_batch_of_ignored_targets_is_nan_and_moves_nothing():
    x = lucid.randn(2, 3, requires_grad=True)
    loss = nn.functional.cross_entropy(x, lucid.tensor([-100, -100]))
    loss.backward()
    assert np.isnan(loss.item())
    assert x.grad.tolist() == [[0.0] * 3] * 2


def test_refusals_of_the_margin_and_alignment_losses():
    x = lucid.zeros(2, 3)
    with pytest.raises(ValueError, match=r"from 0 to 1, got values from -1.0 to 2.0"):
        F.binary_cross_entropy(lucid.tensor([-1.0, 2.0]), lucid.zeros(2))
    with pytest.raises(ValueError, match=r"var must not be negative, got -1\.0"):
        F.gaussian_nll_loss(x, x, -lucid.ones(2, 1))
    with pytest.raises(ValueError, match=r"var must have the shape of input, \(2, 3\)"):
        F.gaussian_nll_loss(x, x, lucid.ones(3, 1))
    with pytest.raises(ValueError, match='"batchmean", "sum" or "none", got \'avg\''):
        F.kl_div(x, x, reduction="avg")
    with pytest.raises(ValueError, match="margin must be positive, got -1"):
        F.triplet_margin_loss(x, x, x, margin=-1)
    with pytest.raises(ValueError, match="p must be 1 or 2, got 3"):
        F.multi_margin_loss(x, lucid.tensor([0, 1]), p=3)
    with pytest.raises(IndexError, match="target 3 is out of range for 3 classes"):
        F.multilabel_margin_loss(x, lucid.tensor([[0, 3, -1], [0, 1, 2]]))
    logs, one = lucid.zeros(4, 1, 3).log_softmax(-1), (1,)
    for arguments, message in {
        (lucid.tensor([[3]]), (4,), one): "target 3 is no class; expected 0 to 2",
        (lucid.tensor([[1]]), (5,), one): r"input_lengths must be from 0 to 4, got \[5\]",
        (lucid.tensor([[1]]), (4, 4), one): "input_lengths must be 1 ints, one per sample",
        (lucid.tensor([[1]]), (4,), (2,)): r"need shape \(1, 2\) or \(2,\) at least, got \(1, 1\)",
        (lucid.tensor([[1.0]]), (4,), one): "expects targets of an int dtype",
    }.items():
        with pytest.raises((ValueError, IndexError, TypeError), match=message):
            F.ctc_loss(logs, *arguments)
    with pytest.raises(IndexError, match="blank must be a class from 0 to 2, got 3"):
        F.ctc_loss(logs, lucid.tensor([[1]]), (4,), one, blank=3)


@pytest.mark.parity
def test_a_long_alignment_is_as_in_pytorch():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    x = rng.standard_normal((500, 3, 30)).astype(np.float32)
    targets = rng.integers(1, 30, (3, 80))
    lengths = (500, 300, 20), (80, 40, 30)  # the last one does not fit
    results = []
    for library in (lucid, torch):
        logits = library.tensor(x, requires_grad=True)
        loss = library.nn.functional.ctc_loss(
            logits.log_softmax(-1), library.tensor(targets), *lengths, zero_infinity=True
        )
        loss.backward()
        results.append((loss.item(), logits.grad.numpy()))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-5)
    # torch adds exponentials in another order: 500 frames of float32
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-3, atol=2e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_in_double_precision(rng, smoothing):
    x, target = rng.normal(size=(4, 3)), rng.integers(0, 3, 4)
    logp = x - np.log(np.exp(x).sum(1, keepdims=True))
    expected = -(1 - smoothing) * logp[np.arange(4), target] - smoothing * logp.mean(1)
    settings = {"label_smoothing": smoothing, "reduction": "none"}
    found = F.cross_entropy(lucid.from_numpy(x), lucid.from_numpy(target), **settings)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-13)


def test_a_class_out_of_range_is_nan_where_it_cannot_be_refused():
    """Within a compiled function values cannot be looked at."""
    loss = lucid.compile(lambda x, y: F.cross_entropy(x, y, reduction="none"))
    x, bad = lucid.zeros(3, 4), lucid.tensor([1, 4, -1])
    with pytest.raises(IndexError, match="target 4 is out of range for 4 classes"):
        loss(x, bad)
    loss(x, lucid.tensor([1, 2, 3]))
    np.testing.assert_allclose(loss(x, bad).numpy(), [np.log(4), np.nan, np.nan], rtol=1e-6)
