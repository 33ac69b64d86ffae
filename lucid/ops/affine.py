"""x @ weight.T + bias as one operation, the weights in the layout of `nn.Linear`."""

from __future__ import annotations

import mlx.core as mx

from lucid.ops.op import op
from lucid.ops.rules import conjugate

_HALF = (mx.float16, mx.bfloat16)


@op
def affine(x, weight, bias, /):
    """x (..., in), weight (out, in), bias (out,) or None -> (..., out).

    All rows of x are one matrix, so that the weight's gradient is one product. On the CPU half
    precision is computed in float32, and rounded once.
    """
    out, size = weight.shape
    *batch, _ = shape = x.shape
    dtype = x.dtype
    if weight.dtype != dtype or (bias is not None and bias.dtype != dtype):
        dtype = mx.result_type(*(a for a in (x, weight, bias) if a is not None))
    on_cpu = dtype in _HALF and mx.default_device() == mx.Device(mx.cpu)
    wide = mx.float32 if on_cpu else dtype
    a, w, b = (z if z is None or z.dtype == wide else z.astype(wide) for z in (x, weight, bias))
    empty = 0 in shape or out == 0
    if empty:
        y = mx.zeros((*batch, out), wide) if b is None else mx.broadcast_to(b, (*batch, out))
    else:
        a = a if len(batch) == 1 else a.reshape(-1, size)
        y = a @ w.T if b is None else mx.addmm(b, a, w.T)
        y = y if len(batch) == 1 else y.reshape(*batch, out)

    def rule(g):
        if empty:
            db = g.reshape(-1, out).sum(axis=0) if g.size else mx.zeros(out, dtype)
            return mx.zeros_like(x), mx.zeros_like(weight), None if bias is None else db
        g = g if g.dtype == wide else g.astype(wide)
        g = g if len(batch) == 1 else g.reshape(-1, out)
        dx = g @ conjugate(w)
        db = None if bias is None else g.sum(axis=0)
        return dx if len(batch) == 1 else dx.reshape(shape), g.T @ conjugate(a), db

    return y if dtype == wide else y.astype(dtype), rule
