"""First and second derivatives of complex functions equal torch's, in complex128."""

import numpy as np
import pytest

import lucid

RNG = np.random.default_rng(0)
A, B = (RNG.standard_normal((3, 3)) + 1j * RNG.standard_normal((3, 3)) for _ in "ab")

UNARY = [
    *("exp", "expm1", "log", "log1p", "log2", "log10", "sqrt", "rsqrt", "square", "reciprocal"),
    *("sin", "cos", "tan", "sinh", "cosh", "tanh", "asin", "acos", "atan", "asinh", "acosh"),
    *("atanh", "sigmoid", "sgn", "abs", "angle", "conj", "real", "imag", "neg", "sum", "mean"),
]
CASES = {
    **{name: lambda M, x, y, name=name: getattr(M, name)(x) for name in UNARY},
    "addcdiv": lambda M, x, y: M.addcdiv(x, x, y),
    "cumprod": lambda M, x, y: x.cumprod(0),
    "det": lambda M, x, y: M.linalg.det(x),
    "div": lambda M, x, y: x / y,
    "einsum": lambda M, x, y: M.einsum("ij,kj->ik", x, y),
    "fft": lambda M, x, y: M.fft.fft(x) * y,
    "inv": lambda M, x, y: M.linalg.inv(x),
    "matmul": lambda M, x, y: x @ y,
    "mul": lambda M, x, y: x * y,
    "norm": lambda M, x, y: M.linalg.vector_norm(x),
    "polar": lambda M, x, y: M.polar(x.abs(), y.real),
    "pow": lambda M, x, y: x**y,
    "pow 0.5": lambda M, x, y: x**0.5,
    "pow 3": lambda M, x, y: x**3,
    "prod": lambda M, x, y: x.prod(0),
    "rpow": lambda M, x, y: 2**x,
    "var": lambda M, x, y: M.var(x),
    "view_as_real": lambda M, x, y: M.view_as_real(x) ** 2,
    "where": lambda M, x, y: M.where(x.real > 0, x, y),
}


def derivatives(M, function, x, y):
    """Gradients of a real number made of the function, and of one made of these gradients."""

    def number(z):
        return (z * z.conj()).real.sum() + (z * z * z).imag.sum()

    first = M.autograd.grad(
        number(function(M, x, y) * (1 + 0.5j)), [x, y], create_graph=True, allow_unused=True
    )
    total = sum(number(g) for g in first if g is not None)
    second = M.autograd.grad(total, [x, y], allow_unused=True) if total.requires_grad else []
    return [*first, *second]


@pytest.mark.parity
@pytest.mark.parametrize("name", CASES)
def test_complex_derivatives(name):
    torch = pytest.importorskip("torch")
    ours = derivatives(
        lucid,
        CASES[name],
        *(lucid.tensor(v.astype(np.complex64), requires_grad=True) for v in (A, B)),
    )
    theirs = derivatives(torch, CASES[name], *(torch.tensor(v, requires_grad=True) for v in (A, B)))
    for g, e in zip(ours, theirs, strict=True):
        expected = np.zeros((3, 3)) if e is None else e.detach().resolve_conj().numpy()
        found = np.zeros((3, 3)) if g is None else g.detach().numpy()
        scale = np.abs(expected).max()
        np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-5 * scale + 1e-9)


@pytest.mark.parity
@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 1), (40_000,)])
def test_absolute_values_of_any_shape_and_of_zero(shape):
    torch = pytest.importorskip("torch")
    values = RNG.standard_normal(shape) + 1j * RNG.standard_normal(shape)
    values = np.array(values, np.complex64)
    values.flat[:1] = 0 if values.size > 1 else 3 - 4j
    found = []
    for M in (lucid, torch):
        x = M.tensor(values, requires_grad=True)
        (g,) = M.autograd.grad(M.abs(x).sum(), [x], create_graph=True)
        (second,) = M.autograd.grad((2 * M.real(g) + M.imag(g)).sum(), [x])
        found += [g.detach().numpy(), second.numpy()]
    np.testing.assert_allclose(found[0], found[2], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found[1], found[3], rtol=1e-5, atol=1e-5)


@pytest.mark.parity
@pytest.mark.parametrize("dim", [(), 0, -1, (0,)])
def test_logsumexp_of_one_number(dim):
    torch = pytest.importorskip("torch")
    found = lucid.logsumexp(lucid.tensor(1 + 2j), dim).item()
    assert found == pytest.approx(torch.logsumexp(torch.tensor(1 + 2j), dim).item(), rel=1e-6)
