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


def numeric(function, values, step):
    """The gradient of a function of arrays that returns a number."""
    gradients = []
    for position, value in enumerate(values):
        gradient = np.zeros_like(value)
        for place in np.ndindex(value.shape):
            shifted = [v.copy() for v in values]
            shifted[position][place] += step
            above = function(shifted)
            shifted[position][place] -= 2 * step
            gradient[place] = (above - function(shifted)) / (2 * step)
        gradients.append(gradient)
    return gradients


def weights(shape):
    return np.cos(np.arange(1.0, 1 + np.prod(shape, dtype=int))).reshape(shape)


def projected(function, values):
    """A number out of the function: its value times fixed weights, summed."""
    y = function(*values)
    return (y * lucid.tensor(weights(y.shape), dtype=y.dtype)).sum()


@pytest.mark.parametrize("name", CASES)
def test_gradients(name):
    function, values = CASES[name][0], inputs_of(CASES[name])
    coarse = is_complex(function(*tensors(values)))
    step, tolerance = (1e-3, 2e-3) if coarse else (1e-6, 1e-7)

    def value(arrays):
        return projected(function, tensors(arrays)).item()

    def gradients(arrays):
        xs = tensors(arrays)
        return lucid.autograd.grad(projected(function, xs), xs, create_graph=True), xs

    def slope(arrays):
        """The gradients times fixed weights, summed."""
        found, xs = gradients(arrays)
        total = sum((g * lucid.tensor(weights(g.shape), dtype=g.dtype)).sum() for g in found)
        return total, xs

    found, _ = gradients(values)
    for g, expected in zip(found, numeric(value, values, step), strict=True):
        assert g.dtype == lucid.float64
        np.testing.assert_allclose(g.numpy(), expected, rtol=tolerance, atol=tolerance)
    total, xs = slope(values)
    if not total.requires_grad:
        second = [np.zeros_like(v) for v in values]
    else:
        second = [
            np.zeros_like(v) if g is None else g.numpy()
            for g, v in zip(lucid.autograd.grad(total, xs, allow_unused=True), values, strict=True)
        ]
    expected = numeric(lambda arrays: slope(arrays)[0].item(), values, step)
    for g, e in zip(second, expected, strict=True):
        np.testing.assert_allclose(g, e, rtol=10 * tolerance, atol=10 * tolerance)


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
    for module in pkgutil.iter_modules(lucid.ops.__path__, "lucid.ops."):
        functions = vars(importlib.import_module(module.name)).values()
        names = {
            f.__name__.lstrip("_")
            for f in functions
            if inspect.isfunction(f) and hasattr(f, "broadcasts")
        }
        assert names <= seen, f"{module.name}: add {names - seen} to gradient_cases"
