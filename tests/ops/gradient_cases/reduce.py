"""Reductions."""

import numpy as np

from gradient_cases import MIXED

ZEROS = np.array([[1.5, 0.0, -2.0], [0.0, 0.0, 3.0], [0.5, 2.0, 4.0]])

CASES = {
    "amax": (lambda x: x.amax(1), (2, 3)),
    "amin": (lambda x: x.amin((0, 1), keepdim=True), (2, 3)),
    "cumsum": (lambda x: x.cumsum(1), (2, 3)),
    "logsumexp": (lambda x: x.logsumexp(-1), MIXED),
    "max": (lambda x: x.max(1).values, (2, 3)),
    "mean": (lambda x: x.mean((0, 2)), (2, 3, 2)),
    "min": (lambda x: x.min(), (2, 3)),
    "norm": (lambda x: x.norm(), MIXED),
    "norm 1": (lambda x: x.norm(1, dim=1), MIXED),
    "norm 3": (lambda x: x.norm(3, dim=(0, 1), keepdim=True), MIXED),
    "norm inf": (lambda x: x.norm(float("inf"), dim=1), MIXED),
    "prod": (lambda x: x.prod(1), ZEROS),
    "prod all": (lambda x: x.prod(), (5,)),
    "std": (lambda x: x.std(1, correction=0), MIXED),
    "sum": (lambda x: x.sum(-1), (2, 3)),
    "var": (lambda x: x.var((0, 1)), MIXED),
}

NO_DERIVATIVE = {"all", "any"}
