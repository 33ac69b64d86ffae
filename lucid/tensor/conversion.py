"""Other dtypes and devices, and the way out to Python and NumPy."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import numpy as np

from lucid import ops
from lucid.autograd.tape import Traced

_DEVICES = ("cpu", "gpu", "metal", "mps")


class Conversion(Traced):
    """Methods that convert. Those of dtype and device let gradients pass."""

    def numpy(self) -> np.ndarray:
        """The values as a NumPy array of their own; bfloat16 comes as float32."""
        array = self.array
        return np.array(array.astype(mx.float32) if array.dtype == mx.bfloat16 else array)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        values = self.numpy()
        return values if dtype is None else values.astype(dtype)

    def __dlpack__(self, **settings: Any) -> Any:
        return self.numpy().__dlpack__(**settings)  # a copy: nobody may write into ours

    def __dlpack_device__(self) -> tuple[Any, Any]:
        return (1, 0)  # the CPU

    def item(self) -> Any:
        """The single value as a Python number of its own kind: 3.0 stays a float.

        Raises:
            ValueError: not exactly one element.
        """
        if self.array.size != 1:
            raise ValueError(
                f"item() needs a Tensor of one element, got shape {self.array.shape}; use tolist()"
            )
        return self.array.item()

    def tolist(self) -> Any:
        """The values as nested lists of Python numbers."""
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

    def to(self, *args: Any, dtype: Any = None, device: Any = None) -> Any:
        """In another dtype, on another device, or both, or as another tensor is.

        >>> import lucid
        >>> lucid.ones(1).to(lucid.float16).dtype == lucid.float16
        True
        """
        for a in args:
            if isinstance(a, Traced):
                dtype, device = a.array.dtype, a._device
            elif isinstance(a, mx.Device | mx.DeviceType) or (isinstance(a, str) and a in _DEVICES):
                device = a
            else:
                dtype = a
        tensor = self if dtype is None else ops.astype(self, dtype)
        return tensor if device is None else ops.to_device(tensor, device)

    astype = ops.astype
    type = ops.astype

    def type_as(self, other: Traced) -> Any:
        """In the dtype of `other`."""
        return ops.astype(self, other.array.dtype)

    def cpu(self) -> Any:
        """On the CPU."""
        return ops.to_device(self, "cpu")

    def contiguous(self) -> Any:
        """Itself: MLX arranges memory on its own."""
        return self

    def half(self) -> Any:
        """In float16."""
        return ops.astype(self, mx.float16)

    def bfloat16(self) -> Any:
        """In bfloat16."""
        return ops.astype(self, mx.bfloat16)

    def double(self) -> Any:
        """In float64, which only the CPU has."""
        return ops.astype(self, mx.float64)

    def long(self) -> Any:
        """In int64."""
        return ops.astype(self, mx.int64)

    # the last ones, as their names hide Python's own

    def float(self) -> Any:
        """In float32."""
        return ops.astype(self, mx.float32)

    def int(self) -> Any:
        """In int32."""
        return ops.astype(self, mx.int32)

    def bool(self) -> Any:
        """In bool: True where not 0."""
        return ops.astype(self, mx.bool_)
