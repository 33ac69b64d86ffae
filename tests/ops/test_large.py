"""What is computed otherwise for large arrays, by compiled formulas and products, beside torch."""

import numpy as np
import pytest

import lucid
from lucid import nn

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

N, C, L = 4, 16, 2048  # twice the size from which a formula is compiled

CASES = {
    "group_norm": (lambda F, x, w, b: F.group_norm(x, 1, w, b), 2),
    "group_norm of 4": (lambda F, x, w, b: F.group_norm(x, 4, w, b), 2),
    "group_norm, plain": (lambda F, x: F.group_norm(x, 2), 0),
    "batch_norm": (lambda F, x, w, b: F.batch_norm(x, None, None, w, b, training=True), 2),
    "instance_norm": (lambda F, x, w, b: F.instance_norm(x, weight=w, bias=b), 2),
    "layer_norm": (lambda F, x, w, b: F.layer_norm(x.transpose(1, 2), (C,), w, b), 2),
    "layer_norm, plain": (lambda F, x: F.layer_norm(x, (L,)), 0),
    "rms_norm": (lambda F, x, w: F.rms_norm(x.transpose(1, 2), (C,), w), 1),
    "relu": (lambda F, x: F.relu(x), 0),
    "leaky_relu": (lambda F, x: F.leaky_relu(x, 0.3), 0),
    "prelu": (lambda F, x, w: F.prelu(x, w), 1),
    "one slope": (lambda F, x, w: F.prelu(x, w[:1]), 1),
    "repeated": (lambda F, x, w: F.relu(x) * w[:, None], 1),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives_are_those_of_torch(name):
    rng = np.random.default_rng(0)
    call, parameters = CASES[name]
    arrays = [rng.normal(0.3, 1.0, (N, C, L)).astype(np.float32)]
    arrays += [rng.normal(0.5, 0.1, C).astype(np.float32) for _ in range(parameters)]
    found = _derivatives(lucid, nn.functional, call, arrays)
    expected = _derivatives(torch, torch.nn.functional, call, arrays)
    for a, e in zip(found, expected, strict=True):
        e = e.detach().numpy()
        np.testing.assert_allclose(a.detach().numpy(), e, rtol=2e-5, atol=2e-5 * np.abs(e).max())


def _derivatives(library, functions, call, arrays):
    """The value, its gradients, and those of the gradients' squares."""
    inputs = [library.tensor(a, requires_grad=True) for a in arrays]
    y = call(functions, *inputs)
    weight = library.tensor(np.cos(np.arange(y.shape[-1] if y.ndim else 1, dtype=np.float32)))
    first = library.autograd.grad((y * y * weight).sum(), inputs, create_graph=True)
    squares = sum((g * g).sum() for g in first)
    return [y, *first, *library.autograd.grad(squares, inputs, allow_unused=True)]


@pytest.mark.parametrize("dim", [None, -1, (0, 2), (1, 2), (0, 1), 1])
def test_sums_are_accurate(dim):
    x = np.random.default_rng(0).normal(3.0, 1.0, (N, C, L)).astype(np.float32)
    found = lucid.tensor(x).sum(dim, keepdim=True).numpy()
    axes = tuple(dim) if isinstance(dim, tuple) else dim
    np.testing.assert_allclose(found, x.sum(axes, dtype=np.float64, keepdims=True), rtol=2e-6)
