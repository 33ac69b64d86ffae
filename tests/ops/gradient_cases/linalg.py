"""Linear algebra."""

import lucid

CASES = {
    "einsum": (lambda x, y: lucid.einsum("nij,jk->ik", x, y), (2, 2, 3), (3, 2)),
    "einsum diagonal": (lambda x: lucid.einsum("ii->i", x), (3, 3)),
    "matmul": (lambda x, y: x @ y, (2, 3, 2), (2, 3)),
    "matmul batched": (lambda x, y: x @ y, (2, 1, 2, 3), (2, 3, 2)),
    "matmul column": (lambda x, y: x @ y, (2, 2, 3), (3,)),
    "matmul dot": (lambda x, y: x @ y, (3,), (3,)),
    "matmul row": (lambda x, y: x @ y, (3,), (2, 3, 2)),
}
