"""Other dtypes and devices, and the way out to Python and NumPy."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import numpy as np

from lucid import _shards, ops
from lucid.autograd.tape import Traced
from lucid.ops.device import is_device, on_device
from lucid.ops.dtypes import dtype_of, name_of
from lucid.tensor.data import bits, from_bits


def _converted(x: Any, dtype: Any) -> Any:
    """x in another dtype; itself where it has that one, as in torch."""
    return x if dtype_of(dtype) == x.array.dtype else ops.astype(x, dtype)


def _converter(name: str, dtype: mx.Dtype, remark: str = "") -> Any:
    """The method of this name, that gives a tensor in `dtype`."""

    def method(self: Conversion, memory_format: Any = None) -> Any:
        return _converted(self, dtype)

    method.__name__ = name
    method.__doc__ = f"""In {name_of(dtype)}{", " * bool(remark)}{remark}.

    >>> lucid.ones(2).{name}().type()
    '{name_of(dtype)}'
    """
    return method


def _readable(array: mx.array) -> mx.array:
    return array.astype(mx.float32) if array.dtype == mx.bfloat16 else array


class Conversion(Traced):
    """Methods that convert. Those of dtype and device let gradients pass."""

    def numpy(self, *, force: bool = False) -> np.ndarray:
        """The values as a NumPy array of their own; bfloat16 comes as float32.

        torch needs `force` for tensors that require grad or lie on a GPU; here none does.

        >>> lucid.tensor([1.0, 2.0]).numpy()
        array([1., 2.], dtype=float32)
        """
        shards = _shards.of(self.array)
        if shards is None:
            return np.array(_readable(self.array))
        return np.concatenate([np.asarray(_readable(part)) for part in shards])

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        if copy is False:
            raise ValueError("a Tensor cannot be a NumPy array without a copy: it is immutable")
        values = self.numpy()
        return values if dtype is None else values.astype(dtype)

    def __dlpack__(self, **settings: Any) -> Any:
        values = bits(self.array)  # a copy: nobody may write into ours
        if self.array.dtype != mx.bfloat16:
            return values.__dlpack__(**settings)
        with on_device("cpu"):  # NumPy has no bfloat16
            copied = from_bits(values, mx.bfloat16)
            mx.eval(copied)
        return copied.__dlpack__()

    def __dlpack_device__(self) -> tuple[Any, Any]:
        return (1, 0)  # the CPU

    def item(self) -> Any:
        """The single value as a Python number of its own kind: 3.0 stays a float.

        Raises:
            ValueError: not exactly one element.

        >>> lucid.tensor([3.0]).item()
        3.0
        """
        if self.array.size != 1:
            raise ValueError(
                f"item() needs a Tensor of one element, got shape {self.array.shape}; use tolist()"
            )
        return self.array.item()

    def tolist(self) -> Any:
        """The values as nested lists of Python numbers.

        >>> lucid.tensor([[1, 2], [3, 4]]).tolist()
        [[1, 2], [3, 4]]
        """
        return self.array.tolist()

    def __float__(self) -> Any:
        return float(self.item())

    def __int__(self) -> Any:
        return int(self.item())

    def __complex__(self) -> Any:
        return complex(self.item())

    def __bool__(self) -> Any:
        if self.array.size != 1:
            raise ValueError(
                f"the truth of a Tensor of shape {self.array.shape} is ambiguous; "
                "use .any() or .all()"
            )
        return bool(self.array.item())

    def __index__(self) -> Any:
        if mx.issubdtype(self.array.dtype, mx.inexact):
            raise TypeError(f"only integer tensors can be an index, got {self.array.dtype}")
        return int(self.item())

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if self.array.ndim == 0 else format(str(self), spec)

    def to(
        self,
        *args: Any,
        dtype: Any = None,
        device: Any = None,
        copy: bool = False,
        non_blocking: bool = False,
        memory_format: Any = None,
        other: Any = None,
    ) -> Any:
        """In another dtype, on another device, or both, or as another tensor is.

        `to(dtype)`, `to(device)`, `to(device, dtype)` and `to(other)`, in this order and by
        keyword, may be followed by `non_blocking`, which says nothing here, and `copy`.

        >>> import lucid
        >>> lucid.ones(1).to(lucid.float16).dtype == lucid.float16
        True
        """
        flags = [a for a in args if isinstance(a, bool)]  # non_blocking, copy
        for a in [other, *args]:
            if isinstance(a, Traced):
                dtype, device = a.array.dtype, a._device
            elif is_device(a):
                device = a
            elif a is not None and not isinstance(a, bool):
                dtype = a
        tensor = self if dtype is None else _converted(self, dtype)
        tensor = tensor if device is None else ops.to_device(tensor, device)
        return ops.clone(tensor) if tensor is self and (copy or flags[1:] == [True]) else tensor

    astype = ops.astype

    def type(self, dtype: Any = None, non_blocking: bool = False) -> Any:
        """In another dtype; without one, the name of its own.

        >>> lucid.ones(2).type(), lucid.ones(2).type(lucid.int8).type()
        ('float32', 'int8')
        """
        return name_of(self.array.dtype) if dtype is None else _converted(self, dtype)

    def type_as(self, other: Traced) -> Any:
        """In the dtype of `other`.

        >>> lucid.ones(2).type_as(lucid.tensor([1]))
        Tensor([1, 1], grad=None)
        """
        return _converted(self, other.array.dtype)

    def cpu(self, memory_format: Any = None) -> Any:
        """On the CPU.

        >>> lucid.ones(2).cpu().device
        'cpu'
        """
        return ops.to_device(self, "cpu")

    def cuda(self, device: Any = None, non_blocking: bool = False) -> Any:
        """Refused: there is no CUDA here.

        Raises:
            ValueError: always; the message says what to write.
        """
        return ops.to_device(self, "cuda")

    def pin_memory(self, device: Any = None) -> Any:
        """Itself: CPU and GPU share their memory.

        >>> x = lucid.ones(2)
        >>> x.pin_memory() is x
        True
        """
        return self

    def contiguous(self, memory_format: Any = None) -> Any:
        """Itself: MLX arranges memory on its own.

        >>> x = lucid.ones(2)
        >>> x.contiguous() is x
        True
        """
        return self

    half = _converter("half", mx.float16)
    bfloat16 = _converter("bfloat16", mx.bfloat16)
    double = _converter("double", mx.float64, "which only the CPU has")
    long = _converter("long", mx.int64)
    short = _converter("short", mx.int16)
    char = _converter("char", mx.int8)
    byte = _converter("byte", mx.uint8)
    cfloat = _converter("cfloat", mx.complex64)
    # the last ones, as their names hide Python's own
    float = _converter("float", mx.float32)
    int = _converter("int", mx.int32)
    bool = _converter("bool", mx.bool_, "True where not 0")
