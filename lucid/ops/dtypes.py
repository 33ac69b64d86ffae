"""dtypes: finding them, what they hold, how they combine, and the default one of floats."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import mlx.core as mx
import numpy as np

from lucid.autograd.tape import Traced
from lucid.ops import promotion

_PYTHON = {int: mx.int64, bool: mx.bool_, complex: mx.complex64}
_ALIASES = {"float": "float32", "double": "float64", "half": "float16", "long": "int64",
            "int": "int32", "short": "int16", "bool": "bool_", "cfloat": "complex64"}  # fmt: skip
_default = mx.float32


def dtype_of(dtype: Any) -> mx.Dtype:
    """An MLX dtype from an MLX dtype, its name, a NumPy dtype or a Python type.

    Raises:
        TypeError: it names no dtype that MLX has.
    """
    if isinstance(dtype, mx.Dtype):
        return dtype
    if dtype is float:
        return _default
    if isinstance(dtype, type) and dtype in _PYTHON:
        return _PYTHON[dtype]
    name = dtype if isinstance(dtype, str) else None
    if name is None:
        try:
            name = np.dtype(dtype).name
        except TypeError:
            name = str(dtype)
    name = name.split(".")[-1]
    found = getattr(mx, _ALIASES.get(name, name), None)
    if not isinstance(found, mx.Dtype):
        raise TypeError(
            f"unknown dtype {dtype!r}; use lucid.float32, float16, bfloat16, float64, "
            "int8 to int64, uint8 to uint64, bool or complex64"
        )
    return found


def name_of(dtype: mx.Dtype) -> str:
    """The name without its module: "float32"."""
    return str(dtype).split(".")[-1]


def get_default_dtype() -> mx.Dtype:
    """The dtype of tensors made of Python floats, and of `zeros`, `randn` and their kind.

    >>> lucid.get_default_dtype()
    mlx.core.float32
    """
    return _default


def set_default_dtype(dtype: Any) -> None:
    """Make new tensors of Python floats, and `zeros`, `randn` and their kind, in `dtype`.

    Raises:
        TypeError: not a floating point dtype.

    >>> import lucid
    >>> lucid.set_default_dtype(lucid.float32)
    """
    global _default
    wanted = dtype_of(dtype)
    if not mx.issubdtype(wanted, mx.floating):
        raise TypeError(f"the default dtype must be a floating point dtype, got {dtype}")
    _default = wanted


def promote_types(type1: Any, type2: Any) -> mx.Dtype:
    """The narrowest dtype that holds the values of both, as arithmetic gives it.

    >>> import lucid
    >>> lucid.promote_types(lucid.int32, lucid.float16) == lucid.float16
    True
    """
    a, b = dtype_of(type1), dtype_of(type2)
    return mx.result_type(mx.zeros((), a), mx.zeros((), b)) if a != b else a


def result_type(tensor1: Any, tensor2: Any) -> mx.Dtype:
    """The dtype that arithmetic gives two tensors or numbers.

    >>> import lucid
    >>> lucid.result_type(lucid.arange(2), 1.0) == lucid.float32
    True
    """
    values = [x.array if isinstance(x, Traced) else x for x in (tensor1, tensor2)]
    return promotion.result_type(values)


def can_cast(from_: Any, to: Any) -> bool:
    """Whether values may go over to `to`: to the same kind or a higher one.

    The kinds are bool, int, float and complex.

    >>> import lucid
    >>> lucid.can_cast(lucid.float64, lucid.float32), lucid.can_cast(lucid.float32, lucid.int64)
    (True, False)
    """
    return _kind(dtype_of(from_)) <= _kind(dtype_of(to))


def _kind(dtype: mx.Dtype) -> int:
    kinds: tuple[Any, ...] = (mx.bool_, mx.integer, mx.floating, mx.complexfloating)
    return next(i for i, kind in enumerate(kinds) if mx.issubdtype(dtype, kind))


# Bits of the mantissa and of the exponent.
_FLOATS = {
    mx.float16: (10, 5),
    mx.bfloat16: (7, 8),
    mx.float32: (23, 8),
    mx.float64: (52, 11),
    mx.complex64: (23, 8),
}


@dataclass(frozen=True, init=False)
class finfo:
    """What a floating point dtype can hold.

    >>> import lucid
    >>> lucid.finfo(lucid.bfloat16).eps
    0.0078125
    """

    bits: int
    max: float
    min: float
    eps: float
    tiny: float
    smallest_normal: float = field(repr=False)
    resolution: float
    dtype: str

    def __init__(self, type: Any = None) -> None:
        dtype = _default if type is None else dtype_of(type)
        if dtype not in _FLOATS:
            raise TypeError(f"finfo expects a floating point dtype, got {type}; use lucid.iinfo")
        mantissa, exponent = _FLOATS[dtype]
        largest = math.ldexp(2 - 2.0**-mantissa, 2 ** (exponent - 1) - 1)
        tiny = 2.0 ** (2 - 2 ** (exponent - 1))
        values = {
            "bits": 1 + mantissa + exponent,
            "max": largest,
            "min": -largest,
            "eps": 2.0**-mantissa,
            "tiny": tiny,
            "smallest_normal": tiny,
            "resolution": float(f"1e-{math.floor(mantissa * math.log10(2))}"),
            "dtype": "float32" if dtype == mx.complex64 else name_of(dtype),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True, init=False)
class iinfo:
    """What an integer dtype can hold.

    >>> import lucid
    >>> lucid.iinfo(lucid.int8).max
    127
    """

    bits: int
    max: int
    min: int
    dtype: str

    def __init__(self, type: Any) -> None:
        dtype = dtype_of(type)
        if not mx.issubdtype(dtype, mx.integer):
            raise TypeError(f"iinfo expects an integer dtype, got {type}; use lucid.finfo")
        limits = mx.iinfo(dtype)
        values = {"bits": 8 * dtype.size, "max": limits.max, "min": limits.min}
        for name, value in {**values, "dtype": name_of(dtype)}.items():
            object.__setattr__(self, name, value)
