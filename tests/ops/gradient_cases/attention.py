"""Scaled dot-product attention."""

import mlx.core as mx
import numpy as np

from lucid.ops.attention import attention

ALLOWED = mx.array([[True, False], [False, False], [True, True]])
BIAS = np.array([[0.3, -np.inf], [0.1, 0.8], [-0.5, 0.2]])
KEEP = mx.array([[2.0, 0.0], [2.0, 2.0], [0.0, 2.0]])
SIZES = (2, 3, 2), (2, 2), (2, 2, 3)


def case(**settings):
    return lambda q, k, v, bias=None: attention(q, k, v, bias, scale=0.7, **settings)


CASES = {
    "attention": (case(), *SIZES),
    "attention causal": (case(causal=True), *SIZES),
    "attention bias": (case(), *SIZES, (3, 1)),
    "attention masked": (case(allowed=ALLOWED), *SIZES),
    "attention dropout": (case(keep=KEEP, allowed=ALLOWED), *SIZES, (3, 2)),
}
