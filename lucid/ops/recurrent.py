"""A layer of a recurrent network, in one direction or both: a scan over time with its own rule.

The whole scan is one operation, so the tape holds one node however long the sequence is. The
cells' own arithmetic is in `recurrent_cells`; the scan, the products with the weights, masks and
the sums over time are shared.

A step of small arrays takes what its launches take, about 5 us each on the CPU, so as little as
possible is left to the steps. The inputs meet their weights for all steps at once, and so do the
gradients. Both directions go through time together: the backward one gets its input, and leaves
its output, back to front. Where steps are large, shards of the sequences go through time at once.

Shapes: L steps, D directions, N sequences, C features, H units, G gates (LSTM 4, GRU 3, a plain
cell 1), P outputs: H, or fewer where an LSTM projects its output. Within the scan steps come
first, (L, D, N, ...), so that cutting them and joining them is one operation for all.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import mlx.core as mx

from lucid import _shards
from lucid._device import on_cpu
from lucid.kernels.batching import is_mapping
from lucid.ops.op import op
from lucid.ops.recurrent_cells import CELLS, FUSED, Cell

WEIGHTS = 5  # of a direction
# From so many steps on it pays to lay the transposed weights out anew: OpenBLAS takes 13 instead
# of 30 us for (8, 128) @ (128, 512), whose right side takes 70 us to transpose.
_MANY = 8
# Shards pay where a step has so many times `_shards.LEAST` products: two take 1.2 to 1.5 times as
# long as one with 1 M products (an LSTM, 16 sequences, 128 units), 0.8 with 4 M, 0.65 with 64 M.
_PRODUCTS = 32


@op
def recurrent(*arrays, cell, mask=None):
    """A recurrent layer, in as many directions as there are weights for: one or two.

    Args:
        arrays: x (L, N, C); h (D, N, P), the first outputs, or None for zeros; c (D, N, H), the
            first states of an LSTM, or None; and of each direction what takes x to the gates,
            (G*H, C), what takes the last output there, (G*H, P), a bias for each, (G*H,) or None,
            and what takes an LSTM's output to the one that counts, (P, H) or None.
        cell: a key of `CELLS`.
        mask: None, or (L, N) with False where a sequence has no step: its output and its state
            stay what they were.

    Returns:
        The outputs (L, N, D*P), the last outputs (D, N, P), and for the LSTM the last states
        (D, N, H).
    """
    dtype, kind = arrays[0].dtype, CELLS[cell]
    if arrays[0].shape[1] == 0:
        return _of_nothing(arrays, kind)
    if on_cpu():  # on a GPU x meets its weights as they are
        arrays = tuple(_wide(a) for a in arrays)
    cell = kind if dtype == mx.float64 else FUSED[cell]
    weights = _Weights(arrays[3:], cell, arrays[0].shape[0])
    given = _cut([*arrays[:3], mask], _count(arrays[0], weights))
    scans = _shards.each([partial(_Scan, weights, *part) for part in given])
    outs = [_joined(list(parts)) for parts in zip(*(scan.found for scan in scans), strict=True)]
    return tuple(a.astype(dtype) for a in outs), partial(_backward, scans)


def _backward(scans: Sequence[_Scan], *gradients: mx.array) -> list[Any]:
    """The gradients of all arrays of `recurrent`."""
    parts = _cut(gradients, len(scans))
    pulls = [partial(scan.backward, *part) for scan, part in zip(scans, parts, strict=True)]
    found = [list(several) for several in zip(*_shards.each(pulls), strict=True)]
    return [
        None if several[0] is None else _joined(several) if i < 3 else _shards.added(several)
        for i, several in enumerate(found)
    ]


def _count(x: mx.array, weights: _Weights) -> int:
    """In how many shards of the sequences to compute."""
    alone = not on_cpu() or _shards.is_inside() or is_mapping()
    if alone or x.shape[1] * weights.weight.size < _PRODUCTS * _shards.LEAST:
        return 1
    return min(_shards.get_num_threads(), x.shape[1])


def _cut(arrays: Sequence[Any], count: int) -> list[list[Any]]:
    """For each shard its sequences, which are along the second axis, of all arrays."""
    N = next(a.shape[1] for a in arrays if a is not None)
    ends = [N * i // count for i in range(count + 1)]
    return [
        [None if a is None else a[:, first:end] for a in arrays]
        for first, end in itertools.pairwise(ends)
    ]


def _joined(shards: list[mx.array]) -> mx.array:
    return shards[0] if len(shards) == 1 else mx.concatenate(shards, axis=1)


class _Weights:
    """Those of all directions, as the steps take them."""

    def __init__(self, arrays: Sequence[Any], cell: Cell, length: int) -> None:
        self.cell, self.directions = cell, len(arrays) // WEIGHTS
        stacked: list[Any] = [
            None if arrays[i] is None else mx.stack(list(arrays[i::WEIGHTS]))
            for i in range(WEIGHTS)
        ]
        self.into, weight, bias, hidden_bias, projection = stacked
        if cell.merged and bias is not None:
            bias, hidden_bias = bias + hidden_bias, None
        self.bias = None if bias is None else bias[:, None]
        self.hidden_bias = None if hidden_bias is None else _wide(hidden_bias)[None, :, None]
        self.weight, self.projection = _wide(weight)[None], _wide(projection)
        self.rows, self.outputs = weight.shape[1:]
        down = self.weight.swapaxes(2, 3)
        self.down = mx.contiguous(down) if length >= _MANY else down


class _Scan:
    """Some sequences' way forward, and what it leaves to the way back."""

    def __init__(self, weights: _Weights, x: mx.array, h: Any, c: Any, mask: Any) -> None:
        self.weights, self.cell, self.directions = weights, weights.cell, weights.directions
        self.length, self.batch, _ = x.shape
        self.x = _both_ways(x, self.directions).reshape(self.directions, -1, x.shape[-1])
        rows, cell = weights.rows, self.cell
        self.h = self._start(h, weights.outputs)
        self.c = self._start(c, rows // cell.gates) if cell.stateful else self.h
        scales = mx.repeat(mx.array(cell.scales, self.h.dtype), rows // cell.gates)
        self.scales = mx.contiguous(mx.broadcast_to(scales, (*self.h.shape[:3], rows)))
        self.present = None
        if mask is not None:
            self.present = mx.split(self._steps(_both_ways(mask, self.directions)), self.length)
        self.found = self.forward()

    def _start(self, x: Any, size: int) -> mx.array:
        if x is None:
            return mx.zeros((1, self.directions, self.batch, size), self.weights.weight.dtype)
        return _wide(x)[None]

    def _steps(self, x: mx.array) -> mx.array:
        """(D, L*N, k) or alike to (L, D, N, k)."""
        if self.directions == 1:  # MLX copies faster what it knows to be contiguous
            return x.reshape(self.length, 1, self.batch, -1)
        return x.reshape(self.directions, self.length, self.batch, -1).swapaxes(0, 1)

    def _matrices(self, x: mx.array) -> mx.array:
        """(L, D, N, ...) to (D, L*N, k)."""
        return x.swapaxes(0, 1).reshape(self.directions, self.length * self.batch, -1)

    def forward(self) -> list[mx.array]:
        cell, present, weights = self.cell, self.present, self.weights
        gates = _affine(self.x, weights.into.swapaxes(1, 2), weights.bias)
        self.gates, down = _wide(self._steps(gates)), weights.down
        out = None if weights.projection is None else weights.projection.swapaxes(1, 2)
        y, state = self.h, self.c
        ys, self.states, self.raw, self.kept = [y], [state], [], []
        for t, x in enumerate(mx.split(self.gates, self.length)):
            u = (
                (mx.addmm(x, y, down),)
                if cell.merged
                else (x, _affine(y, down, weights.hidden_bias))
            )
            z, new, *kept = cell.step(state, self.scales, *u)
            self.raw.append(z)
            self.kept.append(kept)
            z = z if out is None else z @ out
            if present is not None:
                z = mx.where(present[t], z, y)
                new = mx.where(present[t], new, state)
            y, state = z, new if cell.stateful else z
            ys.append(y)
            self.states.append(state)
        self.ys = mx.concatenate(ys)
        ends = [y[0], state[0]] if cell.stateful else [y[0]]
        return [_side_by_side(self.ys[1:]), *ends]

    def backward(self, dy: mx.array, d: mx.array, e: Any = None) -> tuple[Any, ...]:
        cell, weights, states = self.cell, self.weights, mx.concatenate(self.states)
        kept = [mx.concatenate(list(k)) for k in zip(*self.kept, strict=True)]
        slopes = cell.slopes(self.gates, states[:-1], states[1:], self.scales, *kept)
        slopes = [a.reshape(*a.shape[:3], -1, states.shape[-1]) for a in slopes]
        steps = list(zip(*(mx.split(a, self.length) for a in slopes), strict=True))
        dys = mx.split(_in_turn(_wide(dy), self.directions), self.length)
        d = _wide(d)[None] + dys[-1]
        e = None if e is None else _wide(e)[None, :, :, None]
        ds: list[Any] = [None] * self.length
        dzs, dus = ds.copy(), ds.copy()
        for t in reversed(range(self.length)):
            stay = hold = None
            if self.present is not None:
                stay, d = _divided(d, self.present[t])
                hold, e = _divided(e, self.present[t][..., None])
            ds[t] = d
            z = d if weights.projection is None else d @ weights.projection
            dzs[t] = z = mx.expand_dims(z, 3)
            dus[t], past = cell.back(z, e, *steps[t])
            before = stay if t == 0 else dys[t - 1] if stay is None else dys[t - 1] + stay
            if cell.stateful:
                e = past if hold is None else past + hold
            elif past is not None:
                past = past.squeeze(3)
                before = past if before is None else before + past
            u = dus[t].reshape(*d.shape[:3], weights.rows)
            d = _affine(u, weights.weight, before)
        du = mx.concatenate(dus)
        dx = du if cell.inputs is None else cell.inputs(du, mx.concatenate(dzs), *slopes)
        dx, du = self._matrices(dx), self._matrices(du)
        x, into = self.x, weights.into
        dx = dx.astype(x.dtype)
        each = [
            dx.swapaxes(1, 2) @ x,
            du.swapaxes(1, 2) @ self._matrices(self.ys[:-1]),
            None if weights.bias is None else _sum(dx),
            None if weights.bias is None else _sum(du),
            None
            if weights.projection is None
            else self._matrices(mx.concatenate(ds)).swapaxes(1, 2)
            @ self._matrices(mx.concatenate(self.raw)),
        ]
        dx = (dx @ into).reshape(self.directions, self.length, self.batch, -1)
        dx = dx[0] if self.directions == 1 else dx[0] + dx[1][::-1]
        found = [None if g is None else g[i] for i in range(self.directions) for g in each]
        return dx, d[0], None if e is None else e[0, :, :, 0], *found


def _wide(x: Any) -> Any:
    """In float32 at least."""
    half = x is not None and x.dtype in (mx.float16, mx.bfloat16)
    return x.astype(mx.float32) if half else x


def _affine(a: mx.array, b: mx.array, c: mx.array | None) -> mx.array:
    return a @ b if c is None else mx.addmm(c, a, b)


def _both_ways(x: mx.array, directions: int) -> mx.array:
    """(L, ...) to (D, L, ...), the second back to front."""
    return x[None] if directions == 1 else mx.stack([x, x[::-1]])


def _side_by_side(y: mx.array) -> mx.array:
    """(L, D, N, k) to (L, N, D*k), in the order of time."""
    return y[:, 0] if y.shape[1] == 1 else mx.concatenate([y[:, 0], y[::-1, 1]], axis=-1)


def _in_turn(y: mx.array, directions: int) -> mx.array:
    """(L, N, D*k) to (L, D, N, k), each direction in its own order."""
    if directions == 1:
        return y[:, None]
    there, back = mx.split(y, 2, axis=-1)
    return mx.stack([there, back[::-1]], axis=1)


def _divided(d: Any, present: mx.array) -> tuple[Any, Any]:
    """A gradient's part that passes by a step, and the part that goes through it."""
    if d is None:
        return None, None
    return mx.where(present, 0, d), mx.where(present, d, 0)


def _sum(x: mx.array) -> mx.array:
    """Over the rows of matrices, by a product: MLX's sum takes several times as long."""
    return (mx.ones((1, x.shape[1]), x.dtype) @ x)[:, 0]


def _of_nothing(arrays: Sequence[Any], cell: Cell) -> tuple[Any, Callable]:
    """A layer's results for no sequences at all, and its rule."""
    x, weight = arrays[0], arrays[4]
    count = (len(arrays) - 3) // WEIGHTS
    shapes = [(x.shape[0], 0, count * weight.shape[1]), (count, 0, weight.shape[1])]
    if cell.stateful:
        shapes.append((count, 0, weight.shape[0] // cell.gates))
    ys = tuple(mx.zeros(shape, x.dtype) for shape in shapes)
    return ys, lambda *_: tuple(None if a is None else mx.zeros_like(a) for a in arrays)
