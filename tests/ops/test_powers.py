"""Derivatives of powers of any order: MLX's own are wrong from the third or fourth on."""

import math

import pytest

import lucid


def derivatives(function, x, order):
    """f(x), f'(x), ... up to `order`."""
    t = lucid.tensor(x, dtype=lucid.float64, requires_grad=True)
    y = function(t)
    found = [y.item()]
    for _ in range(order):
        (y,) = lucid.autograd.grad(y, [t], create_graph=True)
        found.append(y.item())
    return found


@pytest.mark.parametrize("x", [0.7, 2.5])
def test_exponentials(x):
    a = 1.7
    expected = [math.log(a) ** n * a**x for n in range(7)]
    assert derivatives(lambda t: a**t, x, 6) == pytest.approx(expected, rel=1e-12)
    assert derivatives(lambda t: t.exp2(), x, 6) == pytest.approx(
        [math.log(2) ** n * 2**x for n in range(7)], rel=1e-12
    )


@pytest.mark.parametrize("power", [3, 2.5, -1.5, 1, 0])
def test_powers(power):
    falling = [1.0]
    for n in range(5):
        falling.append(falling[-1] * (power - n))
    expected = [c * 1.3 ** (power - n) for n, c in enumerate(falling)]
    for exponent in (power, lucid.tensor(power, dtype=lucid.float64)):
        found = derivatives(lambda t, e=exponent: t**e, 1.3, 3 if power in (0, 1) else 5)
        assert found == pytest.approx(expected[: len(found)], rel=1e-12)


def test_whole_powers_at_zero():
    assert derivatives(lambda t: t**3, 0.0, 5) == [0, 0, 0, 6, 0, 0]
    assert derivatives(lambda t: t ** lucid.tensor(2.0, dtype=lucid.float64), 0.0, 4) == [
        0,
        0,
        2,
        0,
        0,
    ]


def test_x_to_the_x():
    # by Leibniz's rule from y' = y (1 + log x)
    x, order = 1.4, 6
    inner = [1 + math.log(x)] + [
        (-1) ** (k + 1) * math.factorial(k - 1) / x**k for k in range(1, order)
    ]
    expected = [x**x]
    for n in range(order):
        expected.append(sum(math.comb(n, k) * expected[k] * inner[n - k] for k in range(n + 1)))
    assert derivatives(lambda t: t**t, x, order) == pytest.approx(expected, rel=1e-11)
