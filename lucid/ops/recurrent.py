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

from lucid.ops import precise
from lucid.ops.op import op


class Cell(NamedTuple):
    """The arithmetic of one step.

    `step(x, u, c)` takes what the input and the last output add to the gates, both (N, G*H), and
    the state (N, H). It returns the output, the new state and whatever `back` needs.
    `back(d, e, c, *kept)` takes the gradients of output and new state, and returns those of x, u
    and c. Only the LSTM has a state besides its output; for the others the state is the last
    output, and `e` is None.
    """

    gates: int
    step: Callable
    back: Callable
    stateful: bool = False


def _lstm_step(x, u, c):
    i, f, g, o = mx.split(x + u, 4, axis=-1)
    i, f, g, o = precise.sigmoid(i), precise.sigmoid(f), mx.tanh(g), precise.sigmoid(o)
    new = f * c + i * g
    t = mx.tanh(new)
    return o * t, new, i, f, g, o, t


def _lstm_back(d, e, c, i, f, g, o, t):
    e = e + d * o * (1 - t * t)
    gates = [e * g * i * (1 - i), e * c * f * (1 - f), e * i * (1 - g * g), d * t * o * (1 - o)]
    da = mx.concatenate(gates, axis=-1)
    return da, da, e * f


def _gru_step(x, u, h):
    xr, xz, xn = mx.split(x, 3, axis=-1)
    ur, uz, un = mx.split(u, 3, axis=-1)
    r, z = precise.sigmoid(xr + ur), precise.sigmoid(xz + uz)
    n = mx.tanh(xn + r * un)
    y = n + z * (h - n)
    return y, y, r, z, n, un


def _gru_back(d, e, h, r, z, n, un):
    dn = d * (1 - z) * (1 - n * n)
    dz = d * (h - n) * z * (1 - z)
    dr = dn * un * r * (1 - r)
    return mx.concatenate([dr, dz, dn], axis=-1), mx.concatenate([dr, dz, dn * r], axis=-1), d * z


def _tanh_step(x, u, h):
    y = mx.tanh(x + u)
    return y, y, y


def _tanh_back(d, e, h, y):
    da = d * (1 - y * y)
    return da, da, mx.zeros_like(h)


def _relu_step(x, u, h):
    y = mx.maximum(x + u, mx.array(0, x.dtype))
    return y, y, y


def _relu_back(d, e, h, y):
    da = d * mx.sign(y)
    return da, da, mx.zeros_like(h)


CELLS = {
    "LSTM": Cell(4, _lstm_step, _lstm_back, stateful=True),
    "GRU": Cell(3, _gru_step, _gru_back),
    "RNN_TANH": Cell(1, _tanh_step, _tanh_back),
    "RNN_RELU": Cell(1, _relu_step, _relu_back),
}


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
    dtype = x.dtype
    x, h, c, weight, bias, projection = map(_wide, (x, h, c, weight, bias, projection))
    kind = CELLS[cell]
    order = range(x.shape[0])[::-1] if reverse else range(x.shape[0])
    inputs, present = _steps(x), None if mask is None else _steps(mask[..., None])
    first, last = h, c if kind.stateful else h
    outputs, raw, before, kept = ([None] * x.shape[0] for _ in range(4))
    for t in order:
        before[t] = last
        u = h @ weight.T if bias is None else mx.addmm(bias, h, weight.T)
        y, state, *kept[t] = kind.step(inputs[t], u, last)
        raw[t] = y
        y = y if projection is None else y @ projection.T
        if present is not None:
            y = mx.where(present[t], y, h)
            state = mx.where(present[t], state, last) if kind.stateful else None
        h, last = y, state if kind.stateful else y
        outputs[t] = y
    y = mx.stack(outputs)
    ends = (h, last) if kind.stateful else (h,)

    def rule(dy, d, e=None):
        dys, d, e = _steps(_wide(dy)), _wide(d), _wide(e)
        dx, du, dp = ([None] * len(dys) for _ in range(3))
        for t in reversed(order):
            d, stay, hold = d + dys[t], None, None
            if present is not None:
                stay, d = _divided(d, present[t])
                hold, e = _divided(e, present[t])
            dp[t] = d
            dx[t], du[t], past = kind.back(
                d if projection is None else d @ projection, e, before[t], *kept[t]
            )
            d = du[t] @ weight
            d, e = (d, past) if kind.stateful else (d + past, None)
            if present is not None:
                d, e = d + stay, e if hold is None else e + hold
        dx, du = mx.stack(du) if dx[0] is du[0] else mx.stack(dx), mx.stack(du)
        rows = du.reshape(-1, weight.shape[0])
        previous = [y[1:], first[None]] if reverse else [first[None], y[:-1]]
        return (
            dx,
            d,
            e,
            rows.T @ mx.concatenate(previous).reshape(-1, weight.shape[1]),
            None if bias is None else rows.sum(axis=0),
            None if projection is None else _product(dp, raw),
        )

    return tuple(a.astype(dtype) for a in (y, *ends)), rule


def _wide(x: Any) -> Any:
    """In float32 at least."""
    half = x is not None and x.dtype in (mx.float16, mx.bfloat16)
    return x.astype(mx.float32) if half else x


def _steps(x: mx.array) -> list[mx.array]:
    """x[0], x[1], ... out of one operation, whose derivative is one operation too."""
    return [part.reshape(x.shape[1:]) for part in mx.split(x, x.shape[0])]


def _divided(d: Any, present: mx.array) -> tuple[Any, Any]:
    """A gradient's part that passes by a step, and the part that goes through it."""
    if d is None:
        return None, None
    return mx.where(present, 0, d), mx.where(present, d, 0)


def _product(left: list[mx.array], right: list[mx.array]) -> mx.array:
    """The sum over steps and sequences of left.T @ right, as one product."""
    a, b = mx.stack(left), mx.stack(right)
    return a.reshape(-1, a.shape[-1]).T @ b.reshape(-1, b.shape[-1])
