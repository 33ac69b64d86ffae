"""Making tensors. Each class method of `Creation` is also a function of `lucid`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mlx.core as mx
import numpy as np

from lucid.autograd.tape import Traced
from lucid.kernels.memory import check_size
from lucid.ops.cast import dtype_of
from lucid.ops.device import on_device, resolve
from lucid.ops.shape import sizes


def array_of(data: Any, dtype: Any, device: str) -> mx.array:
    """An `mx.array` of numbers, nested lists, NumPy, MLX, DLPack or `__array__`.

    Floats become float32 and Python ints int64, unless a dtype is given.
    """
    wanted = None if dtype is None else dtype_of(dtype)
    with on_device(device):
        if hasattr(data, "__dlpack__") and not isinstance(data, np.ndarray | mx.array):
            data = _from_dlpack(data)
        if isinstance(data, mx.array):
            return data if wanted is None else data.astype(wanted)
        given = data if isinstance(data, np.ndarray | np.generic) else _numpy(data)
        if given.dtype.kind not in "biufc":
            raise TypeError(
                f"a Tensor holds numbers, got {type(data).__name__} of dtype {given.dtype}"
            )
        if wanted is not None and wanted == mx.float64:
            return mx.array(given.astype(np.float64), mx.float64)
        if given is not data and wanted is not None and mx.issubdtype(wanted, mx.integer):
            _check_range(given, wanted)
        if given.dtype.kind == "f" and given.dtype.itemsize > 4:
            given = given.astype(np.float32)
        return mx.array(np.ascontiguousarray(given).reshape(given.shape), wanted)


def _numpy(data: Any) -> np.ndarray:
    try:
        return np.asarray(_plain(data))
    except ValueError as error:
        raise ValueError(
            f"cannot make a Tensor of {type(data).__name__}: its rows differ in length; "
            "pad them to one length first"
        ) from error


def _check_range(values: Any, dtype: mx.Dtype) -> None:
    """Python ints that the dtype cannot hold are refused; NumPy's wrap round, as in NumPy."""
    if values.dtype.kind not in "iu" or not values.size:
        return
    low, high, limits = int(values.min()), int(values.max()), mx.iinfo(dtype)
    if low < limits.min or high > limits.max:
        raise OverflowError(
            f"{low if low < limits.min else high} does not fit into {str(dtype).split('.')[-1]}, "
            f"which goes from {limits.min} to {limits.max}"
        )


def _from_dlpack(data: Any) -> Any:
    try:
        return np.from_dlpack(data)
    except RuntimeError:  # bfloat16, which NumPy does not know
        return mx.array(data)
    except BufferError as error:
        raise TypeError(
            f"cannot take over {type(data).__name__} of dtype {getattr(data, 'dtype', None)}: "
            f"{error}; convert it first, e.g. to float32 on the CPU, detached"
        ) from error


def _plain(data: Any) -> Any:
    """Nested lists with tensors inside become nested lists of arrays."""
    if isinstance(data, tuple | list):
        return [_plain(d) for d in data]
    return np.array(data.array) if hasattr(data, "array") else data


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

        >>> import lucid
        >>> lucid.full((2,), 7.0)
        Tensor([7., 7.], grad=None)
        """
        shape = shape_of(size if isinstance(size, tuple | list) else (size,))
        value = fill_value.item() if hasattr(fill_value, "item") else fill_value
        if not isinstance(value, bool | int | float | complex):
            raise TypeError(f"full expects a number to fill with, got {type(value).__name__}")
        dtype = dtype_of(type(value) if dtype is None else dtype)
        if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
            raise OverflowError(f"the int {value} does not fit into 64 bits; write it as a float")
        make = lambda: mx.full(shape, value, dtype)  # noqa: E731
        return cls._make(make, dtype, device, requires_grad, shape)

    @classmethod
    def zeros(
        cls, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False
    ) -> Any:
        """A tensor of zeros.

        >>> import lucid
        >>> lucid.zeros(2, 3).shape
        (2, 3)
        """
        dtype = mx.float32 if dtype is None else dtype
        return cls.full(sizes(size), 0, dtype=dtype, device=device, requires_grad=requires_grad)

    @classmethod
    def ones(
        cls, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False
    ) -> Any:
        """A tensor of ones.

        >>> import lucid
        >>> lucid.ones(3)
        Tensor([1., 1., 1.], grad=None)
        """
        dtype = mx.float32 if dtype is None else dtype
        return cls.full(sizes(size), 1, dtype=dtype, device=device, requires_grad=requires_grad)

    @classmethod
    def full_like(
        cls,
        x: Any,
        fill_value: Any,
        *,
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool = False,
    ) -> Any:
        """One value, in the shape, dtype and device of `x`."""
        dtype = x.dtype if dtype is None else dtype
        device = x.device if device is None else device
        return cls.full(
            x.shape, fill_value, dtype=dtype, device=device, requires_grad=requires_grad
        )

    @classmethod
    def zeros_like(
        cls, x: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
    ) -> Any:
        """Zeros of the shape, dtype and device of `x`."""
        return cls.full_like(x, 0, dtype=dtype, device=device, requires_grad=requires_grad)

    @classmethod
    def ones_like(
        cls, x: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
    ) -> Any:
        """Ones of the shape, dtype and device of `x`."""
        return cls.full_like(x, 1, dtype=dtype, device=device, requires_grad=requires_grad)

    def new_full(self, size: Any, fill_value: Any, **settings: Any) -> Any:
        """One value, in the dtype and on the device of this tensor."""
        given = {"dtype": self.array.dtype, "device": self._device, **settings}
        return self.full(size, fill_value, **given)

    def new_zeros(self, *size: Any, **settings: Any) -> Any:
        """Zeros in the dtype and on the device of this tensor."""
        return self.new_full(sizes(size), 0, **settings)

    def new_ones(self, *size: Any, **settings: Any) -> Any:
        """Ones in the dtype and on the device of this tensor."""
        return self.new_full(sizes(size), 1, **settings)

    def new_tensor(self, data: Any, requires_grad: bool = False, **settings: Any) -> Any:
        """`data` in the dtype and on the device of this tensor."""
        dtype = settings.get("dtype", self.array.dtype)
        device = resolve(settings.get("device", self._device))
        return self._wrap(array_of(data, dtype, device), device).requires_grad_(requires_grad)

    @classmethod
    def arange(
        cls,
        start: Any,
        end: Any = None,
        step: Any = 1,
        *,
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool = False,
    ) -> Any:
        """Numbers from `start` up to, not including, `end`. Ints give int64, floats float32.

        >>> import lucid
        >>> lucid.arange(3).tolist()
        [0, 1, 2]
        """
        start, end = (0, start) if end is None else (start, end)
        if step == 0 or (end - start) / step < 0:
            raise ValueError(f"arange cannot get from {start} to {end} in steps of {step}")
        check_size("arange", (math.ceil((end - start) / step),), mx.float64)
        make = lambda: array_of(np.arange(start, end, step), dtype, resolve(device))  # noqa: E731
        return cls._make(make, None, device, requires_grad)

    @classmethod
    def linspace(
        cls,
        start: Any,
        end: Any,
        steps: int,
        *,
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool = False,
    ) -> Any:
        """`steps` evenly spaced numbers from `start` to `end`, both included."""
        check_size("linspace", shape_of((steps,)), mx.float64)
        values = np.linspace(float(start), float(end), steps)
        make = lambda: array_of(values, dtype, resolve(device))  # noqa: E731
        return cls._make(make, None, device, requires_grad)

    @classmethod
    def eye(
        cls,
        n: int,
        m: int | None = None,
        *,
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool = False,
    ) -> Any:
        """The identity matrix of n rows and m (default n) columns."""
        shape = shape_of((n, n if m is None else m))
        return cls._make(lambda: mx.eye(shape[0], shape[1]), dtype, device, requires_grad, shape)


def shape_of(size: Any) -> tuple[int, ...]:
    shape = sizes(tuple(size))
    if any(n < 0 for n in shape):
        raise ValueError(f"sizes must not be negative, got {shape}")
    return shape
