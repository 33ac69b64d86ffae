"""Checks of constructor arguments and inputs that many layers share."""

from __future__ import annotations

from typing import Any

import numpy as np

from lucid.tensor import Tensor


def integer(layer: str, name: str, value: Any, least: int) -> int:
    """An int of at least `least`, NumPy's too; a bool is none."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{layer}: {name} must be an int, got {type(value).__name__}: {value!r}")
    if not least <= value < 1 << 31:  # sizes in MLX are 32-bit ints
        bounds = f"at least {least}" if value < least else "below 2**31"
        raise ValueError(f"{layer}: {name} must be {bounds}, got {value}")
    return int(value)


def positive(layer: str, name: str, value: Any) -> int:
    """An int of at least 1."""
    return integer(layer, name, value, 1)


def single(layer: str, name: str, value: Any, least: int = 1) -> int:
    """An int of at least `least`, or a 1-tuple of one."""
    if type(value) is int and least <= value < 1 << 31:  # as it mostly is, in each call
        return value
    return sizes(layer, name, value, 1, least)[0]


def sizes(layer: str, name: str, value: Any, count: int, least: int = 1) -> tuple[int, ...]:
    """`count` ints of at least `least`, given one by one, or one for all."""
    values = tuple(value) if isinstance(value, tuple | list) else (value,)
    if len(values) == 1:
        values *= count
    if len(values) != count:
        wanted = "an int or a 1-tuple" if count == 1 else f"an int or {count} ints"
        raise ValueError(f"{layer}: {name} must be {wanted}, got {value!r}")
    return tuple(integer(layer, name, v, least) for v in values)


def floating(name: str, x: Any) -> None:
    """A Tensor of floating point numbers."""
    if not isinstance(x, Tensor):
        raise TypeError(
            f"{name} expects a Tensor, got {type(x).__name__}; wrap it with lucid.tensor(...)"
        )
    if not x.is_floating_point():
        raise TypeError(f"{name} expects a floating point Tensor, got {x.dtype}; use x.float()")
