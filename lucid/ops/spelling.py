"""NumPy's names of arguments, which torch takes too: axis for dim, keepdims for keepdim."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

_TORCHS = {"axis": "dim", "keepdims": "keepdim"}


def as_torch(settings: dict[str, Any]) -> dict[str, Any]:
    """The same keyword arguments under torch's names."""
    return {_TORCHS.get(name, name): value for name, value in settings.items()}


def numpy_names(function: Callable) -> Callable:
    """Let a function with a `dim` take NumPy's names too; what `@op` decorates does anyway."""

    @functools.wraps(function)
    def call(*args: Any, **settings: Any) -> Any:
        return function(*args, **(as_torch(settings) if settings else settings))

    return call
