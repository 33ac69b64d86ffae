"""Clipping gradients; parameters as a vector."""

import numpy as np
import pytest

import lucid
from lucid import nn

utils = nn.utils


def with_grads(*grads, dtype=None):
    several = []
    for g in grads:
        p = nn.Parameter(lucid.zeros(np.shape(g), dtype=dtype))
        p.grad = lucid.tensor(g, dtype=dtype)
        several.append(p)
    return several


@pytest.mark.parity
@pytest.mark.parametrize("kind", [1.0, 2.0, 3.0, 0.5, 0, -1, float("inf"), -float("inf"), "inf"])
@pytest.mark.parametrize("limit", [0.5, 100.0])
def test_norm_as_in_torch(rng, kind, limit):
    torch = pytest.importorskip("torch")
    grads = [rng.normal(size=s).astype(np.float32) for s in ((3, 4), (5,), ())]
    ours = [*with_grads(*grads), nn.Parameter(lucid.ones(2))]  # one without a gradient
    theirs = [torch.nn.Parameter(torch.zeros(g.shape)) for g in grads]
    for p, g in zip(theirs, grads, strict=True):
        p.grad = torch.tensor(g)
    norm = utils.clip_grad_norm_(ours, limit, kind)
    expected = torch.nn.utils.clip_grad_norm_(theirs, limit, kind)
    np.testing.assert_allclose(norm.item(), expected.item(), rtol=1e-6)
    for p, q in zip(ours, theirs, strict=False):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-5)
    total = utils.get_total_norm([lucid.tensor(g) for g in grads], kind)
    expected = torch.nn.utils.get_total_norm([torch.tensor(g) for g in grads], kind)
    np.testing.assert_allclose(total.item(), expected.item(), rtol=1e-6)
    utils.clip_grads_with_norm_(ours, limit / 3, total)
    torch.nn.utils.clip_grads_with_norm_(theirs, limit / 3, expected)
    for p, q in zip(ours, theirs, strict=False):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-5)


def test_a_tiny_norm_is_scaled_as_in_torch():
    (p,) = with_grads([1e-6, 0.0])
    utils.clip_grad_norm_([p], 1e-6)
    np.testing.assert_allclose(p.grad.numpy(), [5e-7, 0.0], rtol=1e-5)  # 1e-6 / (norm + 1e-6)


def test_norm_of_halves_does_not_overflow():
    (p,) = with_grads(np.full(100, 1000.0), dtype="float16")
    assert utils.clip_grad_norm_(p, 1.0).item() == pytest.approx(10000, rel=1e-3)
    assert p.grad.dtype == lucid.float16
    np.testing.assert_allclose(p.grad.numpy(), 0.1, rtol=2e-3)


def test_a_norm_that_is_not_finite():
    (p,) = with_grads([1.0, float("nan")])
    with pytest.raises(RuntimeError, match="the gradients' norm is nan"):
        utils.clip_grad_norm_([p], 1.0, error_if_nonfinite=True)
    assert p.grad.tolist()[0] == 1.0
    utils.clip_grad_norm_([p], 1.0)
    assert np.isnan(p.grad.numpy()).all()


def test_nothing_to_clip():
    assert utils.clip_grad_norm_([], 1.0).item() == 0.0
    with pytest.raises(ValueError, match="max_norm must not be negative, got -1"):
        utils.clip_grad_norm_([], -1)


def test_value():
    (p,) = with_grads([-3.0, 0.5, 3.0])
    utils.clip_grad_value_([p], 1.0)
    assert p.grad.tolist() == [-1.0, 0.5, 1.0]
    with pytest.raises(ValueError, match="clip_value must not be negative"):
        utils.clip_grad_value_([p], -1.0)


def test_vector_and_back():
    layer = nn.Linear(2, 3)
    vector = utils.parameters_to_vector(layer.parameters())
    other = nn.Linear(2, 3)
    utils.vector_to_parameters(vector, other.parameters())
    for a, b in zip(layer.parameters(), other.parameters(), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
        assert b.is_leaf
    with pytest.raises(ValueError, match=r"hold 9 numbers, got a vector of \(8,\)"):
        utils.vector_to_parameters(vector[:8], other.parameters())
