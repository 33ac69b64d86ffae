"""The gradient table: one module per family of operations, each with a dict CASES.

A case is a name, a function of tensors, and an array or a shape for each of them:

    "lerp": (lucid.lerp, (3,), (3,), (1,)),

A shape stands for numbers in (0.2, 0.8), all different, so that no function is near a kink or a
pole. `tests/ops/test_gradients.py` differentiates each of them twice. Operations without a
derivative are in the module's set NO_DERIVATIVE.
"""

import importlib
import pkgutil

import numpy as np

MIXED = np.array([[-1.3, 0.4, 2.1], [0.7, -0.2, -2.6]])


def collected():
    """All cases by name, and the names of all operations without a derivative."""
    cases, without = {}, set()
    for found in pkgutil.iter_modules(__path__, __name__ + "."):
        module = importlib.import_module(found.name)
        twice = cases.keys() & module.CASES.keys()
        assert not twice, f"{found.name}: these names are taken, choose others: {sorted(twice)}"
        cases |= module.CASES
        without |= getattr(module, "NO_DERIVATIVE", set())
    return cases, without
