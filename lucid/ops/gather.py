"""Picking along one dimension: gather, take_along_dim, index_select."""

from __future__ import annotations

import mlx.core as mx

from lucid.ops.cast import clone
from lucid.ops.index import checked, take, take_slice
from lucid.ops.op import op
from lucid.ops.reduce import axes_of
from lucid.ops.shape import expand


def gather(x, dim, index):
    """y[i][j][k] = x[i][index[i][j][k]][k] for dim = 1, and so on; as `torch.gather`.

    `index` has as many dimensions as x, and is no longer than x except along `dim`.

    >>> import lucid
    >>> lucid.gather(lucid.tensor([[1.0, 2.0], [3.0, 4.0]]), 1, lucid.tensor([[1], [0]])).tolist()
    [[2.0], [3.0]]
    """
    (axis,) = axes_of(x.ndim, dim) or (0,)
    indices = checked(index, x.shape[axis] if x.ndim else 1, axis)
    longer = [i for i, n in enumerate(x.shape) if i != axis and indices.shape[i : i + 1] > (n,)]
    if indices.ndim != x.ndim or longer:
        raise ValueError(
            f"gather expects an index of {x.ndim} dimensions that fits into {x.shape} except along "
            f"dim {axis}, got shape {indices.shape}"
        )
    if x.ndim == 0:
        return clone(x)
    key = tuple(slice(None) if i == axis else slice(n) for i, n in enumerate(indices.shape))
    return _gather(
        x if indices.shape == x.shape else take_slice(x, key=key), index=indices, axis=axis
    )


def take_along_dim(x, indices, dim):
    """As `gather`, with the sizes other than `dim` broadcast against each other."""
    (axis,) = axes_of(x.ndim, dim)
    indices = checked(indices, x.shape[axis], axis)
    if indices.ndim != x.ndim:
        raise ValueError(
            f"take_along_dim expects as many dimensions in the indices as in the input ({x.ndim}), "
            f"got shape {indices.shape}"
        )
    rest = mx.broadcast_shapes(
        (*x.shape[:axis], 1, *x.shape[axis + 1 :]),
        (*indices.shape[:axis], 1, *indices.shape[axis + 1 :]),
    )
    indices = mx.broadcast_to(indices, (*rest[:axis], indices.shape[axis], *rest[axis + 1 :]))
    x = expand(x, (*rest[:axis], x.shape[axis], *rest[axis + 1 :]))
    return _gather(x, index=indices, axis=axis)


def index_select(x, dim, index):
    """The slices of x along `dim` that a 1-D `index` names, in its order."""
    (axis,) = axes_of(x.ndim, dim)
    indices = checked(index, x.shape[axis], axis)
    if indices.ndim > 1:
        raise ValueError(f"index_select expects a 1-D index, got shape {indices.shape}")
    return take(x, index=indices.reshape(-1), axis=axis)


@op(linear=True)
def _gather(x, /, *, index, axis):
    """x at `index` along `axis`; the shapes agree on the other axes."""
    shape = x.shape

    def pick(a):
        return mx.take_along_axis(a, index, axis)

    def rule(g):
        zeros = mx.zeros(shape, g.dtype)
        if g.size == 0:
            return zeros
        return mx.vjp(pick, [zeros], [g])[1][0]  # a sum over repeated indices

    return (pick(x) if index.size else mx.zeros(index.shape, x.dtype)), rule
