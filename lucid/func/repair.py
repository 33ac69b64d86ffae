"""What `mx.vmap` gets wrong, put right while it traces.

MLX 0.32.4 maps these over a batch without an error and with wrong values, where only one operand
is batched: `&`, `|`, `^`, `<<`, `>>` and `!=`, and `y[key] = value` where only y is (so is, always,
its derivative in y). So meanwhile the former are replaced by what makes both operands depend on
both, and a write by one into zeros and a choice. `addmm`, which it refuses to map, is
replaced by its definition, for the sake of LSTM and GRU. Outside of vmap the replacements give
the same values too, so other threads may meet them. `tests/func/test_repair.py` fails as soon as
MLX is right, and then this module can go.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import mlx.core as mx

METHODS = ("and", "or", "xor", "iand", "ior", "ixor", "lshift", "rshift", "ne")
FUNCTIONS = ("bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift", "not_equal")

_lock = threading.Lock()
_inside = 0
_originals: list[tuple[Any, str, Any]] = []


@contextmanager
def repaired() -> Iterator[None]:
    """The replacements are in place."""
    global _inside
    with _lock:
        _inside += 1
        if _inside == 1:
            _replace()
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                while _originals:
                    setattr(*_originals.pop())


def _replace() -> None:
    for owner, names in ((mx.array, [f"__{name}__" for name in METHODS]), (mx, FUNCTIONS)):
        for name in names:
            if hasattr(owner, name):
                original = getattr(owner, name)
                _originals.append((owner, name, original))
                setattr(owner, name, _together(original))
    _originals.append((mx, "addmm", mx.addmm))
    mx.addmm = _addmm
    written = mx.array.__setitem__
    _originals.append((mx.array, "__setitem__", written))

    def write(y: mx.array, key: Any, value: Any) -> None:
        placed, there = mx.zeros_like(y), mx.zeros(y.shape, mx.bool_)
        written(placed, key, value)
        written(there, key, mx.ones_like(y[key], mx.bool_))
        written(y, ..., mx.where(there, placed, y))

    mx.array.__setitem__ = write  # type: ignore[method-assign]


def _together(original: Callable) -> Callable:
    """The function of two operands, each of which depends on both."""

    def function(x: Any, y: Any, **options: Any) -> Any:
        try:
            operands = mx.where(True, x, y), mx.where(True, y, x)
        except (TypeError, ValueError):  # such as `x != None`
            return NotImplemented
        return original(*operands, **options)

    return function


def _addmm(c: Any, a: Any, b: Any, alpha: float = 1.0, beta: float = 1.0, **options: Any) -> Any:
    return beta * c + alpha * mx.matmul(a, b, **options)
