"""Sorting."""

from gradient_cases import MIXED

CASES = {
    "sort": (lambda x: x.sort(1, descending=True).values, MIXED),
    "topk": (lambda x: x.topk(2, largest=False).values, MIXED),
}

NO_DERIVATIVE = {"argmax", "argmin", "argsort"}
