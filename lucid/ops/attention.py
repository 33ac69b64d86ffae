"""Scaled dot-product attention, forward and backward, as one operation."""

from __future__ import annotations

import mlx.core as mx

from lucid import _shards
from lucid._device import on_cpu
from lucid.autograd.tape import sum_to
from lucid.ops import precise
from lucid.ops.op import op
from lucid.ops.samplewise import together

_HALF = (mx.float16, mx.bfloat16)


def _by_sample(q, k, v, bias, /, *, allowed=None, keep=None, **_):
    if q.ndim < 3 or not _shards.pays(q, times=16):
        return None
    return together(q, k, v, bias, allowed=allowed, keep=keep)


@op(samples=_by_sample)
def attention(q, k, v, bias, /, *, scale, causal=False, allowed=None, keep=None):
    """softmax(scale * q k^T + bias) v; leading dimensions broadcast.

    Args:
        q, k, v: (..., L, E), (..., S, E), (..., S, D).
        bias: added to the scores, (..., L, S), or None.
        scale: a number.
        causal: position i sees the positions up to i.
        allowed: (..., L, S), False where a position must not see another. One that sees none
            gives zeros.
        keep: factors of the weights, (..., L, S): dropout.

    float16 and bfloat16 are computed in float32.
    """
    dtype, shapes = q.dtype, (q.shape, k.shape, v.shape)
    batch = mx.broadcast_shapes(*(s[:-2] for s in shapes))
    if 0 in (*batch, q.shape[-2], *k.shape[-2:], v.shape[-1]):
        nothing = mx.zeros((*batch, q.shape[-2], v.shape[-1]), dtype)
        return nothing, lambda g: tuple(
            None if a is None else mx.zeros_like(a) for a in (q, k, v, bias)
        )
    fused = _fused(q, k, v, scale, causal, bias is allowed is keep is None)
    q, k, v, b = (a.astype(mx.float32) if _is_half(a) else a for a in (q, k, v, bias))
    p = _weights(scale * q @ mx.swapaxes(k, -1, -2), b, causal, allowed)
    kept = p if keep is None else p * keep

    def rule(g):
        g = g.astype(p.dtype)
        dp = g @ mx.swapaxes(v, -1, -2)
        dp = dp if keep is None else dp * keep
        ds = p * (dp - (p * dp).sum(axis=-1, keepdims=True))
        dq, dk = scale * (ds @ k), scale * (mx.swapaxes(ds, -1, -2) @ q)
        dv = mx.swapaxes(kept, -1, -2) @ g
        gradients = [sum_to(d, s) for d, s in zip((dq, dk, dv), shapes, strict=True)]
        return *gradients, None if bias is None else sum_to(ds, bias.shape)

    # where `fused` is the value, nothing asks for the weights before the rule does
    return (kept @ v).astype(dtype) if fused is None else fused, rule


def _is_half(x: mx.array | None) -> bool:
    return x is not None and x.dtype in _HALF


def _fused(
    q: mx.array, k: mx.array, v: mx.array, scale: float, causal: bool, plain: bool
) -> mx.array | None:
    """MLX's own kernel, on the GPU: it never stores the weights. None where it does not fit."""
    square = q.shape[-2] == k.shape[-2]  # else its causal mask is another one than torch's
    alike = q.shape[:-2] == k.shape[:-2] == v.shape[:-2] and q.dtype == k.dtype == v.dtype
    if not (plain and alike and q.ndim == 4 and q.dtype != mx.float64 and not on_cpu()):
        return None
    if causal and not square:
        return None
    return mx.fast.scaled_dot_product_attention(
        q, k, v, scale=scale, mask="causal" if causal else None
    )


def _weights(
    scores: mx.array, bias: mx.array | None, causal: bool, allowed: mx.array | None
) -> mx.array:
    """The softmax of what may be seen; zeros where nothing may."""
    if bias is not None:
        scores = scores + bias
    if causal:
        seen = mx.tri(scores.shape[-2], scores.shape[-1], dtype=mx.bool_)
        allowed = seen if allowed is None else mx.logical_and(allowed, seen)
    if allowed is not None:
        scores = mx.where(allowed, scores, -mx.inf)
    if allowed is None and bias is None:
        return precise.softmax(scores, axis=-1)
    # -inf alone would be NaN, and so would its derivative
    none = mx.stop_gradient(mx.max(scores, axis=-1, keepdims=True) == -mx.inf)
    return mx.where(none, 0, precise.softmax(mx.where(none, 0, scores), axis=-1))
