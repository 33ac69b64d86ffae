"""Losses."""

import lucid
from gradient_cases import MIXED
from lucid.ops import loss

CASES = {
    "binary_cross_entropy": (
        loss.binary_cross_entropy_with_logits,
        MIXED,
        (2, 3),
        (3,),
    ),
    "huber": (lambda x, y: loss.huber(x, y, delta=1.0), MIXED, (2, 3)),
    "soft_cross_entropy": (
        lambda x, q: loss.soft_cross_entropy(x, q, axis=1),
        MIXED,
        (2, 3),
    ),
    "weighted_sum": (
        lambda x: loss.weighted_sum(x, lucid.tensor([1.0, 0.0, 2.0]), axis=1),
        (2, 3),
    ),
}
