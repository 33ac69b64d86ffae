"""torch's old constructors, `FloatTensor`, `LongTensor` and so on.

>>> import lucid
>>> lucid.FloatTensor(2, 3).shape
(2, 3)
>>> lucid.LongTensor([1, 2])
Tensor([1, 2], grad=None)
>>> isinstance(lucid.zeros(2), lucid.FloatTensor)
True
"""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from lucid.tensor.data import are_sizes
from lucid.tensor.tensor import Tensor


class Typed(type):
    """A class of no instances: its call gives a Tensor, its `isinstance` looks at the dtype."""

    dtype: mx.Dtype

    def __call__(cls, data: Any = (), *sizes: int) -> Tensor:
        """Zeros of the sizes that are given, or the data, in the dtype of the name."""
        if are_sizes(data, *sizes):
            return Tensor.zeros((data, *sizes), dtype=cls.dtype)
        if sizes:
            raise TypeError(f"{cls.__name__} takes data or ints that are sizes, got {data!r:.40}")
        return Tensor(data, dtype=cls.dtype)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance.dtype == cls.dtype


def _typed(name: str, dtype: mx.Dtype) -> Typed:
    return Typed(name, (), {"dtype": dtype, "__doc__": f"Zeros of sizes, or data, in {dtype}."})


FloatTensor = _typed("FloatTensor", mx.float32)
DoubleTensor = _typed("DoubleTensor", mx.float64)
HalfTensor = _typed("HalfTensor", mx.float16)
BFloat16Tensor = _typed("BFloat16Tensor", mx.bfloat16)
LongTensor = _typed("LongTensor", mx.int64)
IntTensor = _typed("IntTensor", mx.int32)
ShortTensor = _typed("ShortTensor", mx.int16)
CharTensor = _typed("CharTensor", mx.int8)
ByteTensor = _typed("ByteTensor", mx.uint8)
BoolTensor = _typed("BoolTensor", mx.bool_)
