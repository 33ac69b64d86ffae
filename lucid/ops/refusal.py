"""What is no tensor, in the place of one, is refused by the name of the function that got it.

An operation (`@op`) does so itself. A function that is made of operations asks its arguments for
their shape or dtype, and that a list has none is an AttributeError that says neither whose argument
it was nor what to do.
"""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable, Iterable
from typing import Any

from lucid.autograd.tape import Traced


def refuse_all(module: types.ModuleType) -> None:
    """Let the functions that a module offers refuse, those of `lucid` that are no operations.

    The module that defines a function holds it in the same form, so that it can be pickled.
    """
    for name, function in list(vars(module).items()):
        if not isinstance(function, types.FunctionType) or name.startswith("_"):
            continue
        done = hasattr(function, "broadcasts") or hasattr(function, "refuses")
        if done or not function.__module__.startswith("lucid."):
            continue
        home = vars(sys.modules[function.__module__])
        kept = home.get(function.__name__)
        if getattr(kept, "__wrapped__", None) is not function:
            kept = _refusing(name, function)
            home[function.__name__] = kept
        setattr(module, name, kept)


def _refusing(name: str, function: Callable) -> Callable:
    @functools.wraps(function)
    def call(*args: Any, **settings: Any) -> Any:
        try:
            return function(*args, **settings)
        except AttributeError as error:
            wrong = error.obj
            kind = type(wrong).__name__
            given = _holds((*args, *settings.values()), wrong) and kind in str(error)
            if isinstance(wrong, Traced) or not given:
                raise
            raise TypeError(
                f"{name} expects a Tensor, got {kind}: {wrong!r:.60}; "
                "wrap the data with lucid.tensor(...)"
            ) from error

    call.refuses = True  # type: ignore[attr-defined]
    return call


def _holds(values: Iterable[Any], wrong: Any) -> bool:
    return any(
        v is wrong or (isinstance(v, tuple | list) and any(e is wrong for e in v)) for v in values
    )
