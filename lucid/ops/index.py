"""Indexing: reading and writing parts of a tensor."""

from __future__ import annotations

import mlx.core as mx

from lucid.ops.op import op


@op(linear=True)
def _slice(x, /, *, key):
    """x[key] for a key of ints, slices, None and Ellipsis."""
    shape = x.shape

    def rule(g):
        zeros = mx.zeros(shape, g.dtype)
        zeros[key] = g
        return zeros

    return x[key], rule


def getitem(x, key):
    """x[key]."""
    return _slice(x, key=key)
