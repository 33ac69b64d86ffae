"""Pooling."""

from lucid.ops.pool import max_pool, sum_pool

CASES = {
    "max_pool": (lambda x: max_pool(x, K=3, s=2, p=1, d=1, count=3), (2, 5)),
    "sum_pool": (lambda x: sum_pool(x, K=3, s=2, p=1, count=3), (2, 5)),
}
