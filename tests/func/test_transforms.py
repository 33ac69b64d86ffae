"""grad, vjp, jvp: they nest, and agree with torch's."""

import numpy as np
import pytest

import lucid
from gradient_cases import collected
from lucid import func

CASES, _ = collected()


def scalar(x):
    return lucid.tensor(x, dtype=lucid.float64)


def test_any_order():
    f, x, values = (lambda x: x**5), scalar(2.0), []
    for _ in range(5):
        f = func.grad(f)
        values.append(f(x).item())
    assert values == [80.0, 160.0, 240.0, 240.0, 120.0]


def test_perturbations_are_not_confused():
    """d/dx (x * d/dy (x + y)) is 1, not 2."""
    inner = lambda x: func.grad(lambda y: x + y)(x)  # noqa: E731
    assert func.grad(lambda x: x * inner(x))(scalar(3.0)).item() == 1.0
    assert func.grad(lambda x: x * func.grad(lambda y: x * y)(x))(scalar(3.0)).item() == 6.0


def test_nested_arguments_and_aux():
    def loss(weights, x, scale=1.0):
        y = weights["w"] * x + weights["rest"][0]
        return (y * y).sum() * scale, {"y": y, "n": 3}

    weights = {"w": scalar([1.0, 2.0]), "rest": (scalar(0.5), scalar(9.0))}
    (value, aux), found = func.value_and_grad(loss, has_aux=True)(weights, scalar([2.0, 1.0]))
    assert value.item() == 12.5
    assert aux["y"].tolist() == [2.5, 2.5]
    assert not aux["y"].requires_grad
    assert aux["n"] == 3
    assert found["w"].tolist() == [10.0, 5.0]
    assert [g.item() for g in found["rest"]] == [10.0, 0.0]
    gradients, _ = func.grad(loss, argnums=(1, 0), has_aux=True)(weights, scalar([2.0, 1.0]))
    assert gradients[0].tolist() == [5.0, 10.0]
    assert gradients[1]["w"].tolist() == [10.0, 5.0]
    only = func.grad(lambda w, x, scale: loss(w, x, scale)[0])
    assert only(weights, scalar([2.0, 1.0]), scale=2.0)["w"].tolist() == [20.0, 10.0]
    both = func.grad_and_value(lambda x: x * x)(scalar(3.0))
    assert [t.item() for t in both] == [6.0, 9.0]


def test_nothing_is_left_behind():
    x = scalar(2.0).requires_grad_()
    outside = x * 3
    with lucid.no_grad():
        slope = func.grad(lambda y: y * outside)(scalar(5.0))
    assert slope.item() == 6.0
    assert not slope.requires_grad
    assert x.grad is None
    plain = func.grad(lambda y: y * y)(scalar(5.0))
    assert not plain.requires_grad


def test_results_can_be_differentiated_from_outside():
    w = scalar(2.0).requires_grad_()
    x = scalar(3.0).requires_grad_()
    slope = func.grad(lambda x: w * x * x)(x)  # 2 w x
    assert slope.requires_grad
    assert [g.item() for g in lucid.autograd.grad(slope, [w, x])] == [6.0, 4.0]
    value, found = func.value_and_grad(lambda x: w * x * x)(scalar(3.0))
    assert lucid.autograd.grad(value + found, w)[0].item() == 9 + 6


def test_functions_that_write_in_place():
    def f(x):
        y = x * 1
        y[0] = y[0] * 10
        x = x.clone()
        x += y
        return (x * x).sum()

    x = scalar([1.0, 2.0])
    assert func.grad(f)(x).tolist() == [242.0, 16.0]
    assert x.tolist() == [1.0, 2.0]


def test_vjp_of_nested_outputs():
    x = scalar([1.0, 2.0])
    y, pull, aux = func.vjp(lambda x: ({"a": x * x, "b": [x.sum()]}, "aux"), x, has_aux=True)
    assert aux == "aux"
    assert y["a"].tolist() == [1.0, 4.0]
    assert pull({"a": scalar([1.0, 1.0]), "b": [scalar(10.0)]}).tolist() == [12.0, 14.0]
    assert pull({"a": scalar([0.0, 1.0]), "b": [scalar(0.0)]}).tolist() == [0.0, 4.0]
    _, pull = func.vjp(lambda x, y: x * y, x, scalar([3.0, 4.0]))
    assert [g.tolist() for g in pull(scalar([1.0, 1.0]))] == [[3.0, 4.0], [1.0, 2.0]]


@pytest.mark.parametrize("name", CASES)
def test_jvp_of_every_operation(name):
    """<v, J u> by jvp and by vjp."""
    case, rng = CASES[name], np.random.default_rng(0)
    shapes = [c.shape if isinstance(c, np.ndarray) else c for c in case[1:]]
    xs = tuple(
        scalar(c if isinstance(c, np.ndarray) else rng.uniform(0.2, 0.8, size=c)) for c in case[1:]
    )
    us = tuple(scalar(rng.normal(size=shape)) for shape in shapes)

    def function(*xs):
        y = case[0](*xs)
        return tuple(t for t in (y if isinstance(y, tuple) else (y,)) if t.is_floating_point())

    ys, slopes = func.jvp(function, xs, us)
    _, pull = func.vjp(function, *xs)
    vs = tuple(scalar(rng.normal(size=y.shape)).to(y.dtype) for y in ys)
    pulled = pull(vs)
    pulled = pulled if isinstance(pulled, tuple) else (pulled,)
    forward = sum(float((v * s).sum().item()) for v, s in zip(vs, slopes, strict=True))
    backward = sum(float((g * u).sum().item()) for g, u in zip(pulled, us, strict=True))
    np.testing.assert_allclose(forward, backward, rtol=1e-5, atol=1e-5)


def test_jvp_nests():
    cube = lambda x: x**3  # noqa: E731
    push = lambda x: func.jvp(cube, (x,), (scalar(1.0),))[1]  # noqa: E731
    assert func.jvp(push, (scalar(2.0),), (scalar(1.0),))[1].item() == 12.0
    assert func.grad(push)(scalar(2.0)).item() == 12.0
    value, slope, aux = func.jvp(lambda x: (x * x, x), (scalar(3.0),), (scalar(1.0),), has_aux=True)
    assert (value.item(), slope.item(), aux.item()) == (9.0, 6.0, 3.0)
    assert not slope.requires_grad


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: func.grad(lambda x: x)(lucid.ones(2)),
            r"return a scalar Tensor, got shape \(2,\)",
        ),
        (lambda: func.grad(lambda x: 3.0)(lucid.ones(2)), "return a scalar Tensor, got float"),
        (lambda: func.grad(lambda x: x.sum(), 1)(lucid.ones(2)), "argnums 1 are out of range"),
        (lambda: func.grad(lambda x: x.sum())(lucid.arange(2)), "argument 0 holds a Tensor of"),
        (lambda: func.grad(lambda x: x, has_aux=True)(scalar(1.0)), r"must return \(output, aux\)"),
        (
            lambda: func.vjp(lambda x: x, lucid.ones(2))[1](lucid.ones(3)),
            r"cotangents of the shapes \[\(2,\)\], got \[\(3,\)\]",
        ),
        (
            lambda: func.jvp(lambda x: x, (lucid.ones(2),), (lucid.ones(3),)),
            r"tangents of the shapes \[\(2,\)\], got \[\(3,\)\]",
        ),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_linearize_calls_the_function_once():
    calls = []

    def f(x):
        calls.append(1)
        return x.sin() * x.sum()

    x, v = lucid.randn(3, dtype=lucid.float64), lucid.randn(2, 3, dtype=lucid.float64)
    y, push = func.linearize(f, x)
    slopes = [push(row) for row in v]
    assert len(calls) == 1
    for row, slope in zip(v, slopes, strict=True):
        value, expected = func.jvp(f, (x,), (row,))
        assert value.tolist() == y.tolist()
        assert slope.tolist() == expected.tolist()


def test_complex_results_have_no_gradient():
    with pytest.raises(ValueError, match="to return a real number"):
        func.grad(lambda x: lucid.complex(x, x))(lucid.tensor(1.0))


def test_jvp_takes_tuples():
    with pytest.raises(TypeError, match="as tuples"):
        func.jvp(lucid.sin, lucid.ones(2), lucid.ones(2))
