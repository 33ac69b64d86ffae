"""One layer, in one direction, of a recurrent network: a scan over time with its own rule.

The whole scan is one operation, so the tape holds one node however long the sequence is. What
the cells differ in is a few lines of arithmetic of one step, forward and backward; the scan, the
products with the recurrent weights, masks and the sums over time are shared.

Shapes: L steps, N sequences, H units, G gates (LSTM 4, GRU 3, a plain cell 1), P outputs: H, or
fewer where an LSTM projects its output.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import mlx.core as mx

from lucid.kernels import elementwise
from lucid.ops.op import op


class Cell(NamedTuple):
    """The arithmetic of one step.

    `step(x, u, c, s)` takes what the input and the last output add to the gates, both (N, G*H),
    the state (N, H), and the gates' `scales` in the shape of x. It returns the output, the new
    state and whatever `back` needs. `back(d, e, c, *kept)` takes the gradients of output and new
    state, and returns those of x, u and c. Only the LSTM has a state besides its output; for the
    others the state is the last output, and `e` is None.
    """

    scales: tuple[float, ...]
    step: Callable
    back: Callable
    stateful: bool = False

    @property
    def gates(self) -> int:
        return len(self.scales)


def _tanh(x: mx.array) -> mx.array:
    return elementwise.shallow_tanh(x) if elementwise.vectorises(x) else mx.tanh(x)


def _squash(x: mx.array, s: mx.array) -> mx.array:
    """tanh(x) where s is 1, sigmoid(x) where s is 1/2: all gates in one pass over the memory."""
    return s * _tanh(s * x) + (1 - s)


def _lstm_step(x, u, c, s):
    gates = _squash(x + u, s)
    i, f, g, o = mx.split(gates, 4, axis=-1)
    new = f * c + i * g
    t = _tanh(new)
    return o * t, new, gates, t


def _lstm_back(d, e, c, gates, t):
    i, f, g, o = mx.split(gates, 4, axis=-1)
    e = e + d * o * (1 - t * t)
    parts = [e * g * i * (1 - i), e * c * f * (1 - f), e * i * (1 - g * g), d * t * o * (1 - o)]
    da = mx.concatenate(parts, axis=-1)
    return da, da, e * f


def _gru_step(x, u, h, s):
    gates = _squash(x + u, s)  # the third of them is not needed
    (r, z, _), xn, un = mx.split(gates, 3, axis=-1), _last(x), _last(u)
    n = _tanh(xn + r * un)
    y = n + z * (h - n)
    return y, y, gates, n, un


def _last(x: mx.array) -> mx.array:
    return mx.split(x, 3, axis=-1)[2]


def _gru_back(d, e, h, gates, n, un):
    r, z, _ = mx.split(gates, 3, axis=-1)
    dn = d * (1 - z) * (1 - n * n)
    dz = d * (h - n) * z * (1 - z)
    dr = dn * un * r * (1 - r)
    return mx.concatenate([dr, dz, dn], axis=-1), mx.concatenate([dr, dz, dn * r], axis=-1), d * z


def _tanh_step(x, u, h, s):
    y = _tanh(x + u)
    return y, y, y


def _tanh_back(d, e, h, y):
    da = d * (1 - y * y)
    return da, da, mx.zeros_like(h)


def _relu_step(x, u, h, s):
    y = mx.maximum(x + u, mx.array(0, x.dtype))
    return y, y, y


def _relu_back(d, e, h, y):
    da = d * mx.sign(y)
    return da, da, mx.zeros_like(h)


CELLS = {
    "LSTM": Cell((0.5, 0.5, 1.0, 0.5), _lstm_step, _lstm_back, stateful=True),
    "GRU": Cell((0.5, 0.5, 0.5), _gru_step, _gru_back),
    "RNN_TANH": Cell((1.0,), _tanh_step, _tanh_back),
    "RNN_RELU": Cell((1.0,), _relu_step, _relu_back),
}
# fused into one pass or two: half the time on the CPU, and a quarter of the launches on a GPU
_FUSED = {k: (mx.compile(c.step), mx.compile(c.back)) for k, c in CELLS.items()}


@op
def recurrent(x, h, c, weight, bias, projection, /, *, cell, reverse=False, mask=None):
    """A recurrent layer in one direction, from what its input adds to the gates.

    Args:
        x: (L, N, G*H), the input times its weights, with its bias.
        h: (N, P), the first output.
        c: (N, H), the first state of an LSTM; None for the other cells.
        weight: (G*H, P), which takes the last output to the gates.
        bias: (G*H,), added there, or None.
        projection: (P, H), from an LSTM's output to the one that counts, or None.
        cell: a key of `CELLS`.
        reverse: go through time backwards.
        mask: None, or (L, N) with False where a sequence has no step: its output and its state
            stay what they were.

    Returns:
        The outputs (L, N, P), the last output, and for the LSTM the last state.
    """
    dtype, length = x.dtype, x.shape[0]
    x, h, c, weight, bias, projection = map(_wide, (x, h, c, weight, bias, projection))
    kind = CELLS[cell]
    step, back = (kind.step, kind.back) if x.dtype == mx.float64 else _FUSED[cell]
    order = range(length)[::-1] if reverse else range(length)
    # every step is (1, N, ...), so that cutting and joining them is one operation
    inputs = mx.split(x, length)
    present = None if mask is None else mx.split(mask[..., None], length)
    down, out = weight.T, None if projection is None else projection.T
    scales = mx.repeat(mx.array(kind.scales, x.dtype), weight.shape[0] // kind.gates)
    scales = mx.contiguous(mx.broadcast_to(scales, inputs[0].shape))
    first = h = h[None]
    last = c[None] if kind.stateful else h
    outputs, raw, before, kept = ([None] * length for _ in range(4))
    for t in order:
        before[t] = last
        u = h @ down if bias is None else mx.addmm(bias, h, down)
        y, state, *kept[t] = step(inputs[t], u, last, scales)
        raw[t] = y
        y = y if out is None else y @ out
        if present is not None:
            y = mx.where(present[t], y, h)
            state = mx.where(present[t], state, last) if kind.stateful else None
        h, last = y, state if kind.stateful else y
        outputs[t] = y
    y = mx.concatenate(outputs)
    ends = (h[0], last[0]) if kind.stateful else (h[0],)

    def rule(dy, d, e=None):
        dys, d = mx.split(_wide(dy), length), _wide(d)[None]
        e = None if e is None else _wide(e)[None]
        dx, du, dp = ([None] * length for _ in range(3))
        for t in reversed(order):
            d, stay, hold = d + dys[t], None, None
            if present is not None:
                stay, d = _divided(d, present[t])
                hold, e = _divided(e, present[t])
            dp[t] = d
            given = (d if projection is None else d @ projection, e, before[t], *kept[t])
            dx[t], du[t], past = back(*given)
            d = du[t] @ weight
            d, e = (d, past) if kind.stateful else (d + past, None)
            if present is not None:
                d, e = d + stay, e if hold is None else e + hold
        dx, du = mx.concatenate(dx), mx.concatenate(du)
        rows = du.reshape(-1, weight.shape[0])
        previous = mx.concatenate([y[1:], first] if reverse else [first, y[:-1]])
        return (
            dx,
            d[0],
            None if e is None else e[0],
            rows.T @ previous.reshape(-1, weight.shape[1]),
            None if bias is None else (mx.ones((1, rows.shape[0]), rows.dtype) @ rows)[0],
            None if projection is None else _product(dp, raw),
        )

    return tuple(a.astype(dtype) for a in (y, *ends)), rule


def _wide(x: Any) -> Any:
    """In float32 at least."""
    half = x is not None and x.dtype in (mx.float16, mx.bfloat16)
    return x.astype(mx.float32) if half else x


def _divided(d: Any, present: mx.array) -> tuple[Any, Any]:
    """A gradient's part that passes by a step, and the part that goes through it."""
    if d is None:
        return None, None
    return mx.where(present, 0, d), mx.where(present, d, 0)


def _product(left: list[mx.array], right: list[mx.array]) -> mx.array:
    """The sum over steps and sequences of left.T @ right, as one product."""
    a, b = mx.concatenate(left), mx.concatenate(right)
    return a.reshape(-1, a.shape[-1]).T @ b.reshape(-1, b.shape[-1])
