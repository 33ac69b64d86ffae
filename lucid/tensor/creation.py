"""Making tensors. Each class method of `Creation` is also a function of `lucid`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlx.core as mx
import numpy as np

from lucid.autograd.tape import Traced
from lucid.kernels.memory import check_size
from lucid.ops.cast import astype, clone, to_device
from lucid.ops.device import on_device, resolve
from lucid.ops.dtypes import dtype_of, get_default_dtype
from lucid.ops.shape import sizes
from lucid.tensor.data import array_of, from_dlpack


class Creation(Traced):
    """Class methods that make tensors."""

    @classmethod
    def _make(
        cls,
        make: Callable[[], mx.array],
        dtype: Any,
        device: Any,
        requires_grad: bool,
        shape: tuple[int, ...] = (),
    ) -> Any:
        """A tensor of what `make` gives, in `dtype` (None: as it comes), if `shape` fits."""
        place = resolve(device)
        wanted = None if dtype is None else dtype_of(dtype)
        check_size("a tensor", shape, wanted or mx.float32)
        with on_device(place):
            array = make()
            if wanted is not None and array.dtype != wanted:
                array = array.astype(wanted)
        return cls._wrap(array, place).requires_grad_(requires_grad)

    @classmethod
    def full(
        cls,
        size: Any,
        fill_value: Any,
        *,
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool = False,
    ) -> Any:
        """A tensor filled with one value.

        Raises:
            TypeError: a value that is not a number.
            ValueError: a tensor of one dimension or more as the value.

        >>> import lucid
        >>> lucid.full((2,), 7.0)
        Tensor([7., 7.], grad=None)
        """
        shape = shape_of(size if isinstance(size, tuple | list) else (size,))
        if getattr(fill_value, "ndim", 0):
            raise ValueError(f"full expects one value to fill with, got shape {fill_value.shape}")
        value = fill_value.item() if hasattr(fill_value, "item") else fill_value
        if not isinstance(value, bool | int | float | complex):
            raise TypeError(f"full expects a number to fill with, got {type(value).__name__}")
        dtype = dtype_of(type(value) if dtype is None else dtype)
        if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
            raise OverflowError(f"the int {value} does not fit into 64 bits; write it as a float")
        make = lambda: mx.full(shape, value, dtype)  # noqa: E731
        return cls._make(make, dtype, device, requires_grad, shape)

    @classmethod
    def _constant(cls, value: int, shape: tuple[int, ...], dtype: Any, settings: Any) -> Any:
        dtype = get_default_dtype() if dtype is None else dtype
        return cls.full(shape, value, dtype=dtype, **settings)

    @classmethod
    def zeros(cls, *shape: Any, size: Any = None, dtype: Any = None, **settings: Any) -> Any:
        """A tensor of zeros; `device` and `requires_grad` as in `full`.

        >>> import lucid
        >>> lucid.zeros(2, 3).shape
        (2, 3)
        """
        return cls._constant(0, sizes(shape, size), dtype, settings)

    @classmethod
    def ones(cls, *shape: Any, size: Any = None, dtype: Any = None, **settings: Any) -> Any:
        """A tensor of ones; `device` and `requires_grad` as in `full`.

        >>> import lucid
        >>> lucid.ones(3)
        Tensor([1., 1., 1.], grad=None)
        """
        return cls._constant(1, sizes(shape, size), dtype, settings)

    @classmethod
    def empty(cls, *shape: Any, size: Any = None, dtype: Any = None, **settings: Any) -> Any:
        """A tensor to be filled later. It holds zeros: there is no uninitialised memory here.

        >>> lucid.empty(2, 3).shape
        (2, 3)
        """
        return cls._constant(0, sizes(shape, size), dtype, settings)

    @classmethod
    def empty_strided(cls, size: Any, stride: Any, **settings: Any) -> Any:
        """As `empty`; a program sees no strides here, and `stride` is only counted.

        Raises:
            ValueError: not as many strides as sizes.

        >>> lucid.empty_strided((2, 3), (3, 1)).shape
        (2, 3)
        """
        if len(size) != len(stride):
            raise ValueError(f"expects as many strides as sizes, got {size} and {stride}")
        return cls.empty(size, **settings)

    @classmethod
    def empty_permuted(cls, size: Any, physical_layout: Any, **settings: Any) -> Any:
        """As `empty`; a program sees no layout here, and it is only checked.

        Raises:
            ValueError: not an order of the dimensions.

        >>> lucid.empty_permuted((2, 3), (1, 0)).shape
        (2, 3)
        """
        if sorted(physical_layout) != list(range(len(size))):
            raise ValueError(f"expects an order of {len(size)} dimensions, got {physical_layout}")
        return cls.empty(size, **settings)

    @classmethod
    def scalar_tensor(cls, s: Any, *, dtype: Any = None, **settings: Any) -> Any:
        """A number as a 0-dimensional tensor of the default dtype.

        >>> lucid.scalar_tensor(3)
        Tensor(3., grad=None)
        """
        dtype = get_default_dtype() if dtype is None else dtype
        return cls.full((), s, dtype=dtype, **settings)

    @classmethod
    def full_like(cls, input: Any, fill_value: Any, **settings: Any) -> Any:
        """One value, in the shape, dtype and device of `input`, unless told otherwise.

        >>> lucid.full_like(lucid.zeros(2), 7)
        Tensor([7., 7.], grad=None)
        """
        for name, own in (("dtype", input.dtype), ("device", input.device)):
            settings[name] = own if settings.get(name) is None else settings[name]
        settings.pop("memory_format", None)  # a program sees no memory format here
        return cls.full(input.shape, fill_value, **settings)

    @classmethod
    def zeros_like(cls, input: Any, **settings: Any) -> Any:
        """Zeros of the shape, dtype and device of `input`.

        >>> lucid.zeros_like(lucid.tensor([1, 2]))
        Tensor([0, 0], grad=None)
        """
        return cls.full_like(input, 0, **settings)

    @classmethod
    def ones_like(cls, input: Any, **settings: Any) -> Any:
        """Ones of the shape, dtype and device of `input`.

        >>> lucid.ones_like(lucid.tensor([1, 2]))
        Tensor([1, 1], grad=None)
        """
        return cls.full_like(input, 1, **settings)

    @classmethod
    def empty_like(cls, input: Any, **settings: Any) -> Any:
        """As `empty`, of the shape, dtype and device of `input`.

        >>> lucid.empty_like(lucid.ones(2, 3)).shape
        (2, 3)
        """
        return cls.full_like(input, 0, **settings)

    def new_full(self, size: Any, fill_value: Any, **settings: Any) -> Any:
        """One value, in the dtype and on the device of this tensor.

        >>> lucid.tensor([1, 2]).new_full((3,), 7)
        Tensor([7, 7, 7], grad=None)
        """
        for name, own in (("dtype", self.array.dtype), ("device", self._device)):
            settings[name] = own if settings.get(name) is None else settings[name]
        return self.full(size, fill_value, **settings)

    def new_zeros(self, *shape: Any, size: Any = None, **settings: Any) -> Any:
        """Zeros in the dtype and on the device of this tensor.

        >>> lucid.tensor([1, 2]).new_zeros(3)
        Tensor([0, 0, 0], grad=None)
        """
        return self.new_full(sizes(shape, size), 0, **settings)

    def new_ones(self, *shape: Any, size: Any = None, **settings: Any) -> Any:
        """Ones in the dtype and on the device of this tensor.

        >>> lucid.tensor([1, 2]).new_ones(3)
        Tensor([1, 1, 1], grad=None)
        """
        return self.new_full(sizes(shape, size), 1, **settings)

    new_empty = new_zeros

    def new_empty_strided(self, size: Any, stride: Any, **settings: Any) -> Any:
        """As `new_empty`; a program sees no strides here, and `stride` is only counted.

        Raises:
            ValueError: not as many strides as sizes.

        >>> lucid.ones(1).new_empty_strided((2, 3), (3, 1)).shape
        (2, 3)
        """
        if len(size) != len(stride):
            raise ValueError(f"expects as many strides as sizes, got {size} and {stride}")
        return self.new_zeros(size, **settings)

    def new_tensor(self, data: Any, requires_grad: bool = False, **settings: Any) -> Any:
        """`data` in the dtype and on the device of this tensor.

        >>> lucid.zeros(1).new_tensor([1, 2])
        Tensor([1., 2.], grad=None)
        """
        dtype = settings.get("dtype", self.array.dtype)
        device = resolve(settings.get("device", self._device))
        return self._wrap(array_of(data, dtype, device), device).requires_grad_(requires_grad)

    @classmethod
    def as_tensor(cls, data: Any, dtype: Any = None, device: Any = None) -> Any:
        """A Tensor as it is, or moved and converted with its graph; of anything else, a Tensor.

        >>> import lucid
        >>> x = lucid.ones(1)
        >>> lucid.as_tensor(x) is x
        True
        """
        if not isinstance(data, Traced):
            place = resolve(device)
            return cls._wrap(array_of(data, dtype, place), place)
        tensor: Any = data
        if dtype is not None and dtype_of(dtype) != data.array.dtype:
            tensor = astype(tensor, dtype)
        return tensor if device is None else to_device(tensor, device)

    @classmethod
    def asarray(
        cls,
        obj: Any,
        *,
        dtype: Any = None,
        device: Any = None,
        copy: bool | None = None,
        requires_grad: bool = False,
    ) -> Any:
        """As `as_tensor`; `copy=True` makes a new Tensor in any case.

        Raises:
            ValueError: `copy=False`, which is to share memory, for anything but a Tensor.

        >>> lucid.asarray([1.0, 2.0])
        Tensor([1., 2.], grad=None)
        """
        if copy is False and not isinstance(obj, Traced):
            raise ValueError("asarray(copy=False) cannot share memory: arrays are immutable here")
        tensor = cls.as_tensor(obj, dtype, device)
        if tensor is obj and (copy or requires_grad):
            tensor = clone(tensor) if copy else tensor
        return tensor.requires_grad_() if requires_grad else tensor

    @classmethod
    def from_numpy(cls, ndarray: Any) -> Any:
        """A NumPy array as a Tensor of the same dtype, float64 on the CPU. Memory is not shared.

        Raises:
            TypeError: not a NumPy array.

        >>> import lucid, numpy as np
        >>> lucid.from_numpy(np.zeros(2, np.int8)).dtype == lucid.int8
        True
        """
        if not isinstance(ndarray, np.ndarray):
            raise TypeError(f"from_numpy expects a NumPy array, got {type(ndarray).__name__}")
        wide = ndarray.dtype == np.float64
        return cls.as_tensor(ndarray, mx.float64 if wide else None, "cpu" if wide else None)

    @classmethod
    def from_dlpack(cls, ext_tensor: Any, *, device: Any = None, copy: Any = None) -> Any:
        """What another library exports by DLPack, in its dtype. Memory is not shared.

        Raises:
            TypeError: what does not export DLPack.
            ValueError: copy=False.

        >>> import lucid, numpy as np
        >>> lucid.from_dlpack(np.arange(2)).tolist()
        [0, 1]
        """
        if not hasattr(ext_tensor, "__dlpack__"):
            raise TypeError(
                f"from_dlpack expects an array that exports DLPack, got {type(ext_tensor).__name__}"
            )
        if copy is False:
            raise ValueError("from_dlpack(copy=False) cannot share memory: arrays are immutable")
        given = from_dlpack(ext_tensor)
        if isinstance(given, np.ndarray) and device is None:
            return cls.from_numpy(given)
        return cls.as_tensor(given, None, device)


def shape_of(size: Any) -> tuple[int, ...]:
    shape = sizes(tuple(size))
    if any(n < 0 for n in shape):
        raise ValueError(f"sizes must not be negative, got {shape}")
    return shape
