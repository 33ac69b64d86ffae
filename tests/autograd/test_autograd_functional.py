"""lucid.autograd.functional against torch.autograd.functional."""

import numpy as np
import pytest

import lucid
from lucid.autograd import functional

X = np.random.default_rng(0).normal(size=3)
Y = np.random.default_rng(1).normal(size=(2, 3))
V, W = np.random.default_rng(2).normal(size=3), np.random.default_rng(3).normal(size=(2, 3))


def run(library, name, create_graph=False):
    """The function of that name with one input and with two, as flat lists."""
    torch = library is not lucid
    module = library.autograd.functional
    kind = {"dtype": library.float64}
    x, y, v, w = (library.tensor(a, requires_grad=True, **kind) for a in (X, Y, V, W))
    scalar = name in ("hessian", "hvp", "vhp")

    def one(x):
        z = x.sin() * x
        return (z * z).sum() if scalar else z

    def two(x, y):
        z = library.exp(y @ x)
        return (z * z).sum() if scalar else (z, y * x)

    call = getattr(module, name)
    if name in ("jacobian", "hessian"):
        found = [call(one, x, create_graph), call(two, (x, y), create_graph)]
    elif name == "vjp":
        seeds = (library.tensor(V[:2], **kind), w)
        found = [call(one, x, v, create_graph), call(two, (x, y), seeds, create_graph)]
    else:
        found = [call(one, x, v, create_graph), call(two, (x, y), (v, w), create_graph)]
    values = flat(found)
    if create_graph:
        total = sum((t * t).sum() for t in values)
        values += list(library.autograd.grad(total, [x, y]))
    assert torch or all(t.requires_grad == create_graph for t in flat(found))
    return [t.detach().numpy() for t in values]


def flat(values):
    if isinstance(values, tuple | list):
        return [t for part in values for t in flat(part)]
    return [values]


@pytest.mark.parity
@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("name", ["jacobian", "hessian", "vjp", "jvp", "hvp", "vhp"])
def test_as_torch(name, create_graph):
    torch = pytest.importorskip("torch")
    ours, theirs = run(lucid, name, create_graph), run(torch, name, create_graph)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def test_v_may_be_left_out():
    x = lucid.tensor(3.0)
    for name in ("vjp", "jvp"):
        y, slope = getattr(functional, name)(lambda x: x * x, x)
        assert (y.item(), slope.item()) == (9.0, 6.0)
    assert functional.hvp(lambda x: (x**3).reshape(1), x)[1].item() == 18.0
    for name in ("vjp", "jvp", "hvp"):
        with pytest.raises(RuntimeError, match=f"{name} needs v, unless the"):
            getattr(functional, name)(lambda x: x, lucid.ones(2))
