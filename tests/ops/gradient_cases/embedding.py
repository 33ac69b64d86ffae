"""Rows of a table."""

import mlx.core as mx

from lucid.ops.embedding import rows

INDEX = mx.array([[0, 2, 2], [1, 0, 2]])

CASES = {"rows": (lambda x: rows(x, index=INDEX), (4, 2))}
