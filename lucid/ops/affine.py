"""x @ weight.T + bias as one operation, the weights in the layout of `nn.Linear`."""

from __future__ import annotations

import mlx.core as mx

from lucid.ops.op import op


@op
def affine(x, weight, bias, /):
    """x (..., in), weight (out, in), bias (out,) or None -> (..., out).

    All rows of x are one matrix, so that the weight's gradient is one product. On the CPU half
    precision is computed in float32, and rounded once.
    """
    out, size = weight.shape
    arrays = [a for a in (x, weight, bias) if a is not None]
    dtype = wide = mx.result_type(*arrays)
    if dtype in (mx.float16, mx.bfloat16) and mx.default_device() == mx.Device(mx.cpu):
        wide = mx.float32
    a, w = x.reshape(x.size // size if size else 0, size).astype(wide), weight.astype(wide)
    shape = (*x.shape[:-1], out)
    if 0 in (*shape, size):
        y = mx.zeros(shape, wide) if bias is None else mx.broadcast_to(bias.astype(wide), shape)
    elif bias is None:
        y = (a @ w.T).reshape(shape)
    else:
        y = mx.addmm(bias.astype(wide), a, w.T).reshape(shape)

    def rule(g):
        if 0 in (*shape, size):
            db = g.reshape(-1, out).sum(axis=0) if g.size else mx.zeros(out, dtype)
            return mx.zeros_like(x), mx.zeros_like(weight), None if bias is None else db
        g = g.reshape(-1, out).astype(wide)
        db = None if bias is None else (mx.ones((1, g.shape[0]), wide) @ g)[0]
        return (g @ mx.conjugate(w)).reshape(x.shape), g.T @ mx.conjugate(a), db

    return y.astype(dtype), rule
