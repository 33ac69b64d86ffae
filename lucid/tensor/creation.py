"""Making tensors. Each function here is a class method of `Tensor` and a function of `lucid`."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import numpy as np

from lucid.ops.cast import dtype_of
from lucid.ops.device import on_device, resolve
from lucid.ops.shape import sizes


def array_of(data: Any, dtype: Any, device: str) -> mx.array:
    """An `mx.array` of numbers, nested lists, NumPy, MLX, DLPack or `__array__`.

    Floats become float32 and Python ints int64, unless a dtype is given.
    """
    wanted = None if dtype is None else dtype_of(dtype)
    with on_device(device):
        if isinstance(data, mx.array):
            return data if wanted is None else data.astype(wanted)
        if hasattr(data, "__dlpack__") and not isinstance(data, np.ndarray):
            data = np.from_dlpack(data)
        given = data if isinstance(data, np.ndarray | np.generic) else _numpy(data)
        if given.dtype.kind not in "biufc":
            raise TypeError(
                f"a Tensor holds numbers, got {type(data).__name__} of dtype {given.dtype}"
            )
        if wanted is not None and wanted == mx.float64:
            return mx.array(given.astype(np.float64), mx.float64)
        if given.dtype.kind == "f" and given.dtype.itemsize > 4:
            given = given.astype(np.float32)
        return mx.array(np.ascontiguousarray(given).reshape(given.shape), wanted)


def _numpy(data: Any) -> np.ndarray:
    try:
        return np.asarray(_plain(data))
    except ValueError as error:
        raise ValueError(
            f"cannot make a Tensor of {type(data).__name__}: its rows differ in length ({error}); "
            "pad them to one length first"
        ) from error


def _plain(data: Any) -> Any:
    """Nested lists with tensors inside become nested lists of arrays."""
    if isinstance(data, tuple | list):
        return [_plain(d) for d in data]
    return np.array(data.array) if hasattr(data, "array") else data


def _finish(cls: type, array: mx.array, requires_grad: bool, device: str) -> Any:
    return cls._wrap(array, device).requires_grad_(requires_grad)  # type: ignore[attr-defined]


def _shape(size: tuple[Any, ...]) -> tuple[int, ...]:
    shape = sizes(size)
    if any(n < 0 for n in shape):
        raise ValueError(f"sizes must not be negative, got {shape}")
    if 8 * int(np.prod(shape, dtype=object)) > 1 << 44:  # MLX would crash the process
        raise MemoryError(f"a tensor of shape {shape} does not fit into memory")
    return shape


def full(
    cls: type,
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
    size = size if isinstance(size, tuple | list) else (size,)
    place = resolve(device)
    if dtype is None:
        kind = bool if isinstance(fill_value, bool) else type(fill_value)
        dtype = kind if kind in (bool, int, complex) else float
    with on_device(place):
        array = mx.full(_shape(tuple(size)), fill_value, dtype_of(dtype))
    return _finish(cls, array, requires_grad, place)


def zeros(
    cls: type, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Any:
    """A tensor of zeros.

    >>> import lucid
    >>> lucid.zeros(2, 3).shape
    (2, 3)
    """
    return full(
        cls,
        sizes(size),
        0.0,
        dtype=dtype or float,
        device=device,
        requires_grad=requires_grad,
    )


def ones(
    cls: type, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Any:
    """A tensor of ones.

    >>> import lucid
    >>> lucid.ones(3)
    Tensor([1., 1., 1.], grad=None)
    """
    return full(
        cls,
        sizes(size),
        1.0,
        dtype=dtype or float,
        device=device,
        requires_grad=requires_grad,
    )


def zeros_like(cls: type, x: Any, *, dtype: Any = None, requires_grad: bool = False) -> Any:
    """Zeros of the shape, dtype and device of `x`."""
    dtype = x.dtype if dtype is None else dtype
    return full(cls, x.shape, 0, dtype=dtype, device=x.device, requires_grad=requires_grad)


def ones_like(cls: type, x: Any, *, dtype: Any = None, requires_grad: bool = False) -> Any:
    """Ones of the shape, dtype and device of `x`."""
    dtype = x.dtype if dtype is None else dtype
    return full(cls, x.shape, 1, dtype=dtype, device=x.device, requires_grad=requires_grad)


def full_like(
    cls: type, x: Any, fill_value: Any, *, dtype: Any = None, requires_grad: bool = False
) -> Any:
    """One value, in the shape, dtype and device of `x`."""
    dtype = x.dtype if dtype is None else dtype
    return full(cls, x.shape, fill_value, dtype=dtype, device=x.device, requires_grad=requires_grad)


def arange(
    cls: type,
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
    if end is None:
        start, end = 0, start
    if step == 0:
        raise ValueError("arange needs a step that is not 0")
    values = np.arange(start, end, step)
    place = resolve(device)
    return _finish(cls, array_of(values, dtype, place), requires_grad, place)


def linspace(
    cls: type,
    start: float,
    end: float,
    steps: int,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    """`steps` evenly spaced numbers from `start` to `end`, both included."""
    place = resolve(device)
    values = np.linspace(start, end, steps)
    return _finish(cls, array_of(values, dtype, place), requires_grad, place)


def eye(
    cls: type,
    n: int,
    m: int | None = None,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    """The identity matrix of n rows and m (default n) columns."""
    place = resolve(device)
    values = np.eye(n, m, dtype=np.float32)
    return _finish(cls, array_of(values, dtype, place), requires_grad, place)


def _draw(cls: type, draw: Any, size: Any, dtype: Any, device: Any, requires_grad: bool) -> Any:
    place = resolve(device)
    wanted = mx.float32 if dtype is None else dtype_of(dtype)
    shape = _shape(size)
    with on_device(place):
        # MLX draws in float32 at most
        array = draw(shape) if 0 not in shape else mx.zeros(shape)
        array = array if array.dtype == wanted else array.astype(wanted)
    return _finish(cls, array, requires_grad, place)


def randn(
    cls: type, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Any:
    """Numbers from the normal distribution of mean 0 and variance 1.

    >>> import lucid
    >>> lucid.randn(1, 4, 5, requires_grad=True).shape
    (1, 4, 5)
    """
    return _draw(cls, mx.random.normal, size, dtype, device, requires_grad)


def rand(
    cls: type, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Any:
    """Numbers from the uniform distribution on [0, 1)."""
    draw = lambda shape: mx.random.uniform(shape=shape)  # noqa: E731
    return _draw(cls, draw, size, dtype, device, requires_grad)


def randint(
    cls: type,
    low: int,
    high: int | None = None,
    size: Any = (),
    *,
    dtype: Any = None,
    device: Any = None,
) -> Any:
    """Integers from `low` up to, not including, `high`; int64 unless told.

    >>> import lucid
    >>> lucid.randint(0, 10, (2, 3)).shape
    (2, 3)
    """
    if isinstance(high, tuple | list):
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    if low >= high:
        raise ValueError(f"randint needs low < high, got low={low} and high={high}")
    draw = lambda shape: mx.random.randint(low, high, shape)  # noqa: E731
    return _draw(cls, draw, (size,), dtype or mx.int64, device, False)


def randperm(cls: type, n: int, *, device: Any = None) -> Any:
    """The numbers 0 to n - 1 in random order."""
    draw = lambda shape: mx.random.permutation(n)  # noqa: E731
    return _draw(cls, draw, (n,), mx.int64, device, False)
