"""The arithmetic of a step of an LSTM, a GRU and a plain cell, forward and backward.

A step's gradient is linear in those that reach it. What multiplies them is computed for all steps
at once, before the walk back; a step of that is a product or two.

Shapes: L steps, D directions, N sequences, H units, G gates (LSTM 4, GRU 3, a plain cell 1).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import mlx.core as mx

from lucid.kernels import elementwise


class Cell(NamedTuple):
    """The arithmetic of a cell; its state is the last output, and for the LSTM c.

    - `step(state, s, x, u)` takes what the input and the last output add to the gates, (1, D, N,
      G*H), or if `merged` their sum alone, and `s`, which is 1 where a gate is a tanh and 1/2
      where it is a sigmoid. It returns the output, the new state, and what `slopes` needs.
    - `slopes(x, old, new, s, *kept)` takes the same of all steps, joined in the first axis, and
      returns what `back` multiplies gradients by, (L, D, N, k*H).
    - `back(d, e, *slopes)` takes the gradients of output and new state, (1, D, N, 1, H), and
      returns those of u, (1, D, N, G, H), and of the old state.
    - `inputs(du, d, *slopes)` makes the gradient of x from that of u, for all steps; None where
      it is the same.
    """

    scales: tuple[float, ...]
    step: Callable
    slopes: Callable
    back: Callable
    merged: bool = True
    stateful: bool = False
    inputs: Callable | None = None

    @property
    def gates(self) -> int:
        return len(self.scales)


def _tanh(x: mx.array, k: float = 1.0, times: Any = 1.0) -> mx.array:
    """times * tanh(k x)."""
    if elementwise.vectorises(x):
        return elementwise.shallow_tanh(x, k, times)
    return times * mx.tanh(k * x)


def _sigmoid(x: mx.array) -> mx.array:
    return _tanh(x, 0.5, 0.5) + 0.5


def _squash(x: mx.array, s: mx.array) -> mx.array:
    """tanh(x) where s is 1, sigmoid(x) where s is 1/2: all gates in one pass over the memory."""
    return _tanh(s * x, times=s) + (1 - s)


def _lstm_step(c, s, x):
    gates = _squash(x, s)
    i, f, g, o = mx.split(gates, 4, axis=-1)
    c = f * c + i * g
    return _tanh(c, times=o), c, gates


def _lstm_slopes(x, old, new, s, gates):
    i, f, g, o = mx.split(gates, 4, axis=-1)
    t = _tanh(new)
    times = mx.concatenate([g, old, i, t], axis=-1)
    # y (1 - y) for a sigmoid, (1 + y) (1 - y) for a tanh
    return (gates + (2 * s - 1)) * (1 - gates) * times, o * (1 - t * t), f


def _lstm_back(d, e, of_gates, of_state, f):
    e = e + d * of_state
    by_state = mx.array([[True], [True], [True], [False]])  # i, f and g; o is behind the output
    return mx.where(by_state, e, d) * of_gates, e * f


def _gru_step(h, s, x, u):
    (xg, xn), (ug, un) = _parts(x), _parts(u)
    gates = _sigmoid(xg + ug)
    r, z = mx.split(gates, 2, axis=-1)
    y = z * h + _tanh(xn + r * un, times=1 - z)
    return y, y, gates, u


def _parts(x: Any) -> Any:
    """The gates r and z, and n."""
    return mx.split(x, [x.shape[-1] // 3 * 2], axis=-1)


def _gru_slopes(x, old, new, s, gates, u):
    (r, z), un, xn = mx.split(gates, 2, axis=-1), _parts(u)[1], _parts(x)[1]
    n = _tanh(xn + r * un)
    of_n = (1 - z) * (1 - n * n)
    of_r, of_z = of_n * un * r * (1 - r), (old - n) * z * (1 - z)
    return mx.concatenate([of_r, of_z, of_n * r], axis=-1), z, of_n


def _gru_back(d, e, of_gates, z, of_n):
    return d * of_gates, d * z


def _gru_inputs(du, d, of_gates, z, of_n):
    return mx.concatenate([du[..., :2, :], d * of_n], axis=-2)


def _tanh_step(h, s, x):
    y = _tanh(x)
    return y, y


def _tanh_slopes(x, old, new, s):
    return (1 - new * new,)


def _relu_step(h, s, x):
    y = mx.maximum(x, mx.array(0, x.dtype))
    return y, y


def _relu_slopes(x, old, new, s):
    return (mx.sign(new),)


def _plain_back(d, e, of_gates):
    return d * of_gates, None


CELLS = {
    "LSTM": Cell((0.5, 0.5, 1.0, 0.5), _lstm_step, _lstm_slopes, _lstm_back, stateful=True),
    "GRU": Cell(
        (0.5, 0.5, 1.0), _gru_step, _gru_slopes, _gru_back, merged=False, inputs=_gru_inputs
    ),
    "RNN_TANH": Cell((1.0,), _tanh_step, _tanh_slopes, _plain_back),
    "RNN_RELU": Cell((1.0,), _relu_step, _relu_slopes, _plain_back),
}
# the same in one pass or two: half the time on the CPU, and a quarter of the launches on a GPU
FUSED = {
    name: cell._replace(
        step=mx.compile(cell.step), slopes=mx.compile(cell.slopes), back=mx.compile(cell.back)
    )
    for name, cell in CELLS.items()
}
