"""What `mx.vmap` makes of a convolution: one convolution, with the batch folded into its samples
or its groups.

MLX has no rule for `as_strided` and for shaders, of which the forms consist, and it maps over the
inside of a `custom_function` even where that has a rule of its own. So under `mapping` that inside
is a form of gathers and scatters. It is computed only where nothing of a call is batched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import mlx.core as mx

_mapping: ContextVar[bool] = ContextVar("mapping", default=False)


@contextmanager
def mapping() -> Iterator[None]:
    """While `mx.vmap` traces a function."""
    token = _mapping.set(True)
    try:
        yield
    finally:
        _mapping.reset(token)


def is_mapping() -> bool:
    return _mapping.get()


# The rules ------------------------------------------------------------------------------------


def into_samples(a: mx.array, of: Callable[[mx.array], mx.array]) -> mx.array:
    """of(a[i]) for every i, stacked, where `of` takes and returns (N, C, L)."""
    y = of(a.flatten(0, 1))
    return y.reshape(*a.shape[:2], *y.shape[1:])


def into_groups(a: mx.array) -> mx.array:
    """(B, N, C, L) to (N, B*C, L): so the batch becomes a factor of the groups."""
    return a.swapaxes(0, 1).flatten(1, 2)


def out_of_groups(y: mx.array, B: int) -> mx.array:
    """(N, B*C, L) to (B, N, C, L)."""
    return y.reshape(y.shape[0], B, y.shape[1] // B, y.shape[2]).swapaxes(0, 1)


def folded(function: Callable[..., mx.array], size: int, settings: dict[str, int]) -> Callable:
    """The rule of `mx.vmap` for function(x, w, size, bias, settings) of x (N, C, L), w (rows, Cg,
    K) and perhaps a bias (C_out,)."""

    def rule(inputs: Any, axes: Any) -> tuple[mx.array, int]:
        (x, w, *bias), B = _leading(inputs, axes)
        if axes[0] is None and axes[1] is None:
            y = function(x, w, size, **settings)
        elif axes[1] is None:
            y = into_samples(x, lambda x: function(x, w, size, **settings))
        else:
            x = into_groups(_repeated(x, axes[0], B))
            place = {**settings, "groups": B * settings["groups"]}
            y = out_of_groups(function(x, w.flatten(0, 1), size, **place), B)
        for b, axis in zip(bias, axes[2:], strict=True):
            y = y + (b[:, None] if axis is None else b[:, None, :, None])
        return y, 0

    return rule


def folded_weight_grad(
    function: Callable[..., mx.array], size: int, settings: dict[str, int]
) -> Callable:
    """The same for function(x, g, size, settings) of x (N, C_in, L) and g (N, C_out, L_out)."""

    def rule(inputs: Any, axes: Any) -> tuple[mx.array, int]:
        arrays, B = _leading(inputs, axes)
        x, g = (into_groups(_repeated(a, i, B)) for a, i in zip(arrays, axes, strict=True))
        w = function(x, g, size, **{**settings, "groups": B * settings["groups"]})
        return w.reshape(B, w.shape[0] // B, *w.shape[1:]), 0

    return rule


def _leading(inputs: Any, axes: Any) -> tuple[list[mx.array], int]:
    """The arrays with their batch in front, and its size."""
    arrays = [a if i is None else mx.moveaxis(a, i, 0) for a, i in zip(inputs, axes, strict=True)]
    return arrays, next(a.shape[0] for a, i in zip(arrays, axes, strict=True) if i is not None)


def _repeated(a: mx.array, axis: int | None, B: int) -> mx.array:
    return mx.broadcast_to(a, (B, *a.shape)) if axis is None else a


# Forms that can be mapped over ----------------------------------------------------------------


def conv1d(x: mx.array, w: mx.array, length: int, *, groups: int, **place: int) -> mx.array:
    """y[n, o, t] = sum over c, k of w[o, c, k] x[n, c, t*stride + k*dilation - left]."""
    (N, _, L), (C_out, Cg, K) = x.shape, w.shape
    u = _windows(x, *_places(K, length, L, **place)).reshape(N, groups, Cg * K, length)
    return (w.reshape(groups, -1, Cg * K) @ u).reshape(N, C_out, length)


def conv_transpose1d(
    x: mx.array, w: mx.array, length: int, *, groups: int, **place: int
) -> mx.array:
    """y[n, o, t] = sum of w[c, o, k] x[n, c, i] where i*stride + k*dilation = t + left."""
    (N, C_in, L), (_, Cg, K) = x.shape, w.shape
    where, inside = _places(K, L, length, **place)
    v = x.reshape(N, groups, -1, L)
    z = w.reshape(groups, C_in // groups, Cg * K).swapaxes(1, 2) @ v
    z = z.reshape(N, groups * Cg, K, L) * inside.astype(x.dtype)
    return mx.zeros((N, groups * Cg, length), x.dtype).at[:, :, where].add(z)


def weight_grad(x: mx.array, g: mx.array, K: int, *, groups: int, **place: int) -> mx.array:
    """gw[o, c, k] = sum over n, t of g[n, o, t] x[n, c, t*stride + k*dilation - left]."""
    (N, C_in, L), (_, C_out, length) = x.shape, g.shape
    u = _windows(x, *_places(K, length, L, **place)).reshape(N, groups, -1, length)
    gw = (g.reshape(N, groups, -1, length) @ u.swapaxes(-1, -2)).sum(0)
    return gw.reshape(C_out, C_in // groups, K)


def _places(
    K: int, length: int, L: int, *, stride: int, left: int, dilation: int
) -> tuple[mx.array, mx.array]:
    """Where tap k of position t lies in a signal of length L, cut to it, and whether it does."""
    i = mx.arange(K)[:, None] * dilation + mx.arange(length) * stride - left
    return mx.clip(i, 0, L - 1), (i >= 0) & (i < L)


def _windows(x: mx.array, where: mx.array, inside: mx.array) -> mx.array:
    """(N, C, K, length) of x (N, C, L), with zeros outside."""
    return mx.where(inside, mx.take(x, where, axis=2), mx.array(0, x.dtype))
