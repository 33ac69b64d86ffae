"""Rows of a table by number: one operation, with the gradient that `nn.Embedding` asks for."""

from __future__ import annotations

import mlx.core as mx

from lucid._shards import pays
from lucid.ops.op import op
from lucid.ops.samplewise import Which


def _by_index(table, /, *, index, padding=None, by_frequency=False):
    """A sample is what a sample of the index names; frequencies are of all samples."""
    worth = index.ndim and not by_frequency and pays(index, times=table.shape[1])
    return Which([False], ["index"]) if worth else None


@op(linear=True, samples=_by_index)
def rows(table, /, *, index, padding=None, by_frequency=False):
    """table[index].

    Args:
        table: (rows, D).
        index: of any shape, from 0 to rows - 1.
        padding: a row that gets no gradient, or None.
        by_frequency: divide each row's gradient by how often the row is taken.
    """
    count, size = table.shape
    if index.size == 0:
        return mx.zeros((*index.shape, size), table.dtype), lambda g: mx.zeros(table.shape, g.dtype)

    def rule(g):
        places, dtype = index.reshape(-1), g.dtype
        g = g.reshape(-1, size)
        g = g.astype(mx.float32) if dtype in (mx.float16, mx.bfloat16) else g  # adds up long sums
        if padding is not None:
            g = mx.where((places == padding)[:, None], 0, g)
        if by_frequency:
            times = mx.zeros(count, g.dtype).at[places].add(1)
            g = g / times[places][:, None]
        return mx.zeros((count, size), g.dtype).at[places].add(g).astype(dtype)

    return mx.take(table, index, axis=0), rule
