"""From an entry of torch's table to what lucid offers under its name."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable

import lucid
import lucid.nn.functional

# Entries of torch's table whose name is not a name that a user types.
NO_NAME = {"max_pool2d_with_indices_backward"}


def entry_name(op) -> str:
    """torch's dotted name, with the variant of the entry where there are several."""
    return f"{op.name}:{op.variant_test_name}" if op.variant_test_name else op.name


def _attribute(root, dotted: str):
    for part in dotted.split("."):
        root = getattr(root, part, None)
        if root is None:
            return None
    return root


def _is_function(value) -> bool:
    # lucid.float and its kind are dtypes, of which MLX makes callables; lucid.fft is a module
    return callable(value) and not isinstance(value, types.ModuleType | type(lucid.float32))


def resolve(op) -> Callable | None:
    """lucid's counterpart of `op.op`, which takes the same arguments, or None."""
    if not named(op.name):
        return None
    function = op.op
    if is_adapter(function):
        # an adapter of torch's tests, such as lambda *a: torch.where(...): the same with lucid
        names = {**function.__globals__, "torch": _AsTorch()}
        return types.FunctionType(
            function.__code__, names, function.__name__, function.__defaults__, function.__closure__
        )
    return named(op.name)


class _AsTorch:
    """lucid under the name of torch; torch.zero_ and its kind, which nobody types, are methods."""

    def __getattr__(self, name: str):
        return getattr(lucid if hasattr(lucid, name) else lucid.Tensor, name)


def is_adapter(function) -> bool:
    """A function of torch's tests around the one that users call."""
    return isinstance(function, types.FunctionType) and function.__module__.startswith(
        "torch.testing"
    )


@functools.cache
def named(name: str) -> Callable | None:
    """`lucid.<name>`, else the method of that name, else the in-place method (`uniform_`)."""
    if name in NO_NAME:
        return None
    function = _attribute(lucid, name)
    if _is_function(function):
        return function
    if "." in name:
        return None
    method = getattr(lucid.Tensor, name, None) or getattr(lucid.Tensor, f"{name}_", None)
    if isinstance(method, property):
        return method.fget
    return method if _is_function(method) else None


def variant(name: str, theirs: Callable | None) -> Callable | str | None:
    """lucid's counterpart of a method or in-place variant.

    None where torch has no variant that a user could name, a name where lucid lacks it.
    """
    if isinstance(theirs, functools.partial):  # relu(..., inplace=True)
        return functools.partial(named(name), **theirs.keywords)
    dotted = getattr(theirs, "__name__", "<lambda>")
    if dotted == "<lambda>":
        return None
    return getattr(lucid.Tensor, dotted, None) or dotted


def unseeded(op) -> Callable:
    """torch's function without the fixed seed that its tests wrap around the random ones."""
    function = op.op
    if not is_adapter(function):
        return function
    names = {**function.__globals__, "wrapper_set_seed": lambda f, *a, **k: f(*a, **k)}
    return types.FunctionType(
        function.__code__, names, function.__name__, function.__defaults__, function.__closure__
    )
