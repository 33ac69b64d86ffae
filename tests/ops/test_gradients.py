"""Every operation's derivatives, of first and second order, against float64 central differences."""

import importlib
import inspect
import pkgutil

import numpy as np
import pytest

import lucid
import lucid.ops
from gradient_cases import collected

CASES, NO_DERIVATIVE = collected()


def inputs_of(case):
    rng = np.random.default_rng(0)
    shaped = [c if isinstance(c, np.ndarray) else rng.permutation(np.prod(c)) for c in case[1:]]
    return [
        s if isinstance(c, np.ndarray) else 0.2 + 0.6 * (s.reshape(c) + 0.3 + 0.1 * i) / s.size
        for i, (s, c) in enumerate(zip(shaped, case[1:], strict=True))
    ]


def tensors(values):
    return [lucid.tensor(v, dtype=lucid.float64, requires_grad=True) for v in values]


@pytest.mark.parametrize("name", CASES)
def test_gradients(name):
    function, xs = CASES[name][0], tensors(inputs_of(CASES[name]))
    step, tolerance = (1e-3, 2e-3) if is_complex(function(*xs)) else (1e-6, 1e-7)
    first = {"eps": step, "atol": tolerance, "rtol": tolerance}
    lucid.autograd.gradcheck(function, xs, **first, check_grad_dtypes=True)
    second = {"eps": step, "atol": 10 * tolerance, "rtol": 10 * tolerance}
    lucid.autograd.gradgradcheck(function, xs, **second, fast_mode=True)


def recorded(tensor):
    """All operations behind a tensor."""
    nodes, stack = [], [tensor._node]
    while stack:
        node = stack.pop()
        nodes.append(node)
        stack += [edge[0] for edge in node.edges if edge and hasattr(edge[0], "edges")]
    return nodes


def is_complex(tensor):
    """Whether complex numbers, which are complex64, are on the way."""
    return any(dtype == lucid.complex64 for node in recorded(tensor) for _, dtype in node.outputs)


def test_every_operation_is_in_the_table():
    seen = set(NO_DERIVATIVE)
    for case in CASES.values():
        seen |= {node.name for node in recorded(case[0](*tensors(inputs_of(case))))}
    for module in pkgutil.walk_packages(lucid.ops.__path__, "lucid.ops."):
        functions = vars(importlib.import_module(module.name)).values()
        names = {
            f.__name__.lstrip("_")
            for f in functions
            if inspect.isfunction(f) and hasattr(f, "broadcasts")
        }
        assert names <= seen, f"{module.name}: add {names - seen} to gradient_cases"


def test_every_function_of_nn_is_in_the_table():
    functions = {
        name.rstrip("_")
        for name, value in vars(lucid.nn.functional).items()
        if inspect.isfunction(value) and not name.startswith("_")
    }
    without = {"check_classes", "floating", "one_hot"} | NO_DERIVATIVE
    missing = functions - without - {name.split()[0] for name in CASES}
    assert not missing, f"add {sorted(missing)} to gradient_cases"
