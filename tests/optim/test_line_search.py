"""The line search of LBFGS against torch's, on functions that send it everywhere."""

import importlib
import math

import mlx.core as mx
import pytest

from lucid.optim.line_search import Point, strong_wolfe

torch = pytest.importorskip("torch")
torchs = importlib.import_module("torch.optim.lbfgs")
pytestmark = pytest.mark.parity

# (a function of t that falls at t = 0, its derivative)
FUNCTIONS = {
    "parabola": (lambda t: (t - 1) ** 2, lambda t: 2 * (t - 1)),
    "quartic": (lambda t: t**4 - 3 * t**3 + t**2 - t, lambda t: 4 * t**3 - 9 * t**2 + 2 * t - 1),
    "waves": (lambda t: 0.1 * t - math.sin(3 * t), lambda t: 0.1 - 3 * math.cos(3 * t)),
    "high waves": (
        lambda t: (t - 2) ** 2 + 2 * math.cos(5 * t),
        lambda t: 2 * (t - 2) - 10 * math.sin(5 * t),
    ),
    "nearly flat": (lambda t: -math.tanh(0.01 * t), lambda t: -0.01 / math.cosh(0.01 * t) ** 2),
    "a cliff": (
        lambda t: math.exp(min(4 * t, 60.0)) - 40 * t,
        lambda t: 4 * math.exp(min(4 * t, 60.0)) - 40,
    ),
    "valley": (
        lambda t: abs(t - 0.3) ** 1.5,
        lambda t: 1.5 * math.copysign(abs(t - 0.3) ** 0.5, t - 0.3),
    ),
    # Moré and Thuente (1994), function 4 with a narrow minimum
    "narrow": (
        lambda t: -t / (t * t + 0.01) + 0.05 * t,
        lambda t: (t * t - 0.01) / (t * t + 0.01) ** 2 + 0.05,
    ),
}


@pytest.mark.parametrize(
    "slope", [-1.0, -1e200, -math.inf, math.nan], ids=["a line", "steep", "infinite", "NaN"]
)
def test_a_function_without_end(slope):
    """torch goes on with NaN."""

    def probe(t):
        return Point(t, slope * t if t else 0.0, mx.array(slope), slope)

    point, tried = strong_wolfe(probe, probe(0.0), 1.0, 1.0, 1e-9, 5)
    assert tried <= 6
    assert math.isfinite(point.t)
    strong_wolfe(probe, probe(0.0), 0.0, 1.0, 1e-9, 5)  # lr=0


@pytest.mark.parametrize("most", [2, 5, 25])
@pytest.mark.parametrize("t", [1e-3, 0.1, 0.5, 1.0, 3.0, 40.0])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_same_point_as_torch(name, t, most):
    f, slope = FUNCTIONS[name]

    def theirs(x, step, d):
        return f(float(step)), torch.tensor([slope(float(step))], dtype=torch.float64)

    def ours(step):
        return Point(step, f(step), mx.array(slope(step)), slope(step))

    d = torch.ones(1, dtype=torch.float64)
    start = torch.tensor([slope(0.0)], dtype=torch.float64)
    loss, _, where, calls = torchs._strong_wolfe(
        theirs, None, t, d, f(0.0), start, start[0], max_ls=most
    )
    point, tried = strong_wolfe(ours, ours(0.0), t, 1.0, 1e-9, most)
    assert tried == calls
    assert point.t == pytest.approx(float(where), rel=1e-9, abs=1e-12)
    assert point.loss == pytest.approx(loss, rel=1e-9, abs=1e-12)
