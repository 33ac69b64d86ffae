"""x @ weight.T + bias as one operation, the weights in the layout of `nn.Linear`."""

from __future__ import annotations

import mlx.core as mx

from lucid._device import on_cpu
from lucid._sums import column_sums
from lucid.autograd.laziness import is_tracing
from lucid.ops.op import op
from lucid.ops.rules import conjugate
from lucid.ops.samplewise import Which, multiplied

_HALF = (mx.float16, mx.bfloat16)
# Values below which mx.compile had better fuse the bias with what comes next, on a CPU: (8, 16)
# with a relu 11.9 us instead of 14.5. A bias is no vector to it: (1600, 40) takes 500, not 200.
_SMALL = 1 << 11


def _rows(x, weight, bias):
    is_shared = bias is None or bias.ndim < 2  # a matrix must not fit the rows of a shard
    return Which([True]) if x.ndim > 1 and is_shared and multiplied(x, len(weight)) else None


@op(samples=_rows)
def affine(x, weight, bias, /):
    """x (..., in), weight (out, in), bias (out,) or None -> (..., out).

    All rows of x are one matrix, so that the weight's gradient is one product. On the CPU half
    precision is computed in float32, and rounded once.
    """
    dtype, shape = x.dtype, x.shape
    alike = weight.dtype == dtype and (bias is None or bias.dtype == dtype)
    if alike and len(shape) == 2 and dtype == mx.float32 and x.size and weight.size:
        return _product(x, weight, bias)
    out, size = weight.shape
    if not alike:
        dtype = mx.result_type(*(a for a in (x, weight, bias) if a is not None))
    wide = mx.float32 if dtype in _HALF and on_cpu() else dtype
    w, b = (a if a is None else a.astype(wide) for a in (weight, bias))
    result = (*shape[:-1], out)
    if not (x.size and weight.size):
        y = mx.zeros(result, dtype) if b is None else mx.broadcast_to(bias, result).astype(dtype)
        return y, lambda g: _empty(g, x, weight, bias)
    y, rows_rule = _product(x.reshape(-1, size).astype(wide), w, b)

    def rule(g):
        dx, dw, db = rows_rule(g.reshape(-1, out).astype(wide))
        return dx.reshape(shape), dw, db

    return y.reshape(result).astype(dtype), rule


def _product(a, w, b):
    """Rows times weights, of one dtype, and their rule."""
    if b is None:
        y = a @ w.T
    elif is_tracing() and on_cpu() and len(a) * len(w) < _SMALL:
        y = a @ w.T + b
    else:
        y = mx.addmm(b, a, w.T)

    def rule(g):
        db = None
        if b is not None:
            db = column_sums(g)
        return g @ conjugate(w), g.T @ conjugate(a), db

    return y, rule


def _empty(g, x, weight, bias):
    """Gradients where there is nothing to multiply."""
    db = None
    if bias is not None:
        out = len(bias)
        db = column_sums(g.reshape(-1, out)) if g.size else mx.zeros(out, g.dtype)
    return mx.zeros_like(x), mx.zeros_like(weight), db
