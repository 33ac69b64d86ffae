"""Diagonals and triangles."""

import lucid

CASES = {
    "diag": (lambda x: x.diag(1), (2, 3)),
    "diag_embed": (lambda x: x.diag_embed(1), (2, 3)),
    "diagflat": (lucid.diagflat, (2, 2)),
    "diagonal": (lambda x: x.diagonal(1, 0, 2), (2, 1, 3)),
    "diagonal_scatter": (lambda x, y: x.diagonal_scatter(y, -1), (3, 3), (2,)),
    "fill_diagonal": (lambda x, y: lucid.ops.fill_diagonal(x, y[0]), (3, 2), (1,)),
    "tril": (lambda x: x.tril(-1), (3, 3)),
    "triu": (lambda x: x.triu(1), (3, 3)),
}
