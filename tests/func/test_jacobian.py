"""Jacobians and Hessians against torch's."""

import numpy as np
import pytest

import lucid
from lucid import func, nn

# torch.func warns of itself
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")

X = np.random.default_rng(0).normal(size=(2, 3))
Y = np.random.default_rng(1).normal(size=(3,))


def function(np_like):
    """The same function for both libraries."""

    def f(x, y):
        z = np_like.tanh(x * y) @ y
        return z * x.sum(1), {"s": (x * x).sum() * y.sum()}

    return f


def both(build, *argnums_options):
    torch = pytest.importorskip("torch")
    ours = build(func, function(lucid))(*[lucid.tensor(v, dtype=lucid.float64) for v in (X, Y)])
    theirs = build(torch.func, function(torch))(torch.tensor(X), torch.tensor(Y))
    return ours, theirs


def equal(ours, theirs):
    if isinstance(theirs, dict):
        assert ours.keys() == theirs.keys()
        for key in theirs:
            equal(ours[key], theirs[key])
    elif isinstance(theirs, tuple | list):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            equal(a, b)
    else:
        assert ours.shape == tuple(theirs.shape)
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parity
@pytest.mark.parametrize("argnums", [0, 1, (1, 0)])
@pytest.mark.parametrize("which", ["jacrev", "jacfwd"])
def test_jacobians(which, argnums):
    equal(*both(lambda library, f: getattr(library, which)(f, argnums)))


@pytest.mark.parity
@pytest.mark.parametrize("argnums", [0, (0, 1)])
def test_hessian(argnums):
    equal(*both(lambda library, f: library.hessian(lambda x, y: f(x, y)[1]["s"], argnums)))


@pytest.mark.parity
def test_jacobians_of_jacobians():
    equal(*both(lambda lib, f: lib.jacrev(lib.jacrev(lambda x, y: f(x, y)[0], 1))))
    equal(*both(lambda lib, f: lib.jacfwd(lib.jacrev(lambda x, y: f(x, y)[0], 1))))
    equal(*both(lambda lib, f: lib.vmap(lib.jacrev(lambda x, y: f(x[None], y)[0]), (0, None))))


def test_aux_and_chunks():
    x = lucid.tensor([1.0, 2.0, 3.0])
    for which in (func.jacrev, func.jacfwd):
        jacobian, aux = which(lambda x: (x * x, x.sum()), has_aux=True, chunk_size=2)(x)
        assert jacobian.tolist() == [[2, 0, 0], [0, 4, 0], [0, 0, 6]]
        assert aux.item() == 6.0
        assert which(lambda x: lucid.ones(2))(x).tolist() == [[0.0] * 3] * 2


def test_of_a_convolution():
    x = lucid.tensor(np.random.default_rng(0).normal(size=(1, 2, 6)), dtype=lucid.float64)
    layer = nn.Conv1d(2, 3, 3, stride=2, padding=1).double()
    columns = func.jacfwd(layer)(x)
    rows = func.jacrev(layer)(x)
    assert rows.shape == (1, 3, 3, 1, 2, 6)
    np.testing.assert_allclose(rows.tolist(), columns.tolist(), rtol=1e-10, atol=1e-12)
    assert rows.requires_grad  # in the layer's weight
    (g,) = lucid.autograd.grad(rows.square().sum(), layer.weight)
    (h,) = lucid.autograd.grad(columns.square().sum(), layer.weight)
    np.testing.assert_allclose(g.numpy(), h.numpy(), rtol=1e-10)
