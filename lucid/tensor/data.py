"""What other libraries and Python hold, as an `mx.array`; and our arrays for them (DLPack)."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import numpy as np

from lucid.autograd.tape import Traced
from lucid.ops.device import on_device
from lucid.ops.dtypes import dtype_of, get_default_dtype


def array_of(data: Any, dtype: Any, device: str) -> mx.array:
    """An `mx.array` of numbers, nested lists, NumPy, MLX, DLPack or `__array__`.

    Python's floats, and NumPy's of 64 bits, come in the default dtype, float32 unless it was
    changed; Python's ints in int64; unless a dtype is given.
    """
    wanted = None if dtype is None else dtype_of(dtype)
    with on_device(device):
        if hasattr(data, "__dlpack__") and not isinstance(data, np.ndarray | mx.array):
            data = from_dlpack(data)
        if isinstance(data, mx.array):
            # an array of its own: `data[0] = 1` changes the one object of MLX in place
            return mx.array(data) if wanted is None else data.astype(wanted)
        given = data if isinstance(data, np.ndarray | np.generic) else _numpy(data)
        if given.dtype.kind not in "biufc":
            raise TypeError(
                f"a Tensor holds numbers, got {type(data).__name__} of dtype {given.dtype}"
            )
        given = given.astype(given.dtype.newbyteorder("="), copy=False)  # MLX has this machine's
        if wanted is None and given.dtype == np.float64:
            wanted = _default_of(given is not data)
        if wanted is not None and wanted == mx.float64:
            return mx.array(given.astype(np.float64), mx.float64)
        if given is not data and wanted is not None and mx.issubdtype(wanted, mx.integer):
            _check_range(given, wanted)
        if given.dtype.kind == "f" and given.dtype.itemsize > 4:
            given = given.astype(np.float32)
        return mx.array(np.ascontiguousarray(given).reshape(given.shape), wanted)


def are_sizes(*data: Any) -> bool:
    """Whether all are ints: how torch's old constructors tell a shape from data."""
    return all(isinstance(n, int | np.integer) and not isinstance(n, bool) for n in data)


def _default_of(python: bool) -> mx.Dtype:
    """The dtype of Python's floats, or of NumPy's of 64 bits: those never become shorter than
    float32 by themselves."""
    default = get_default_dtype()
    return default if python or default == mx.float64 else mx.float32


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


def _plain(data: Any) -> Any:
    """Nested lists with tensors inside become nested lists of arrays."""
    if isinstance(data, tuple | list):
        return [_plain(d) for d in data]
    return np.asarray(data) if isinstance(data, Traced) else data


def from_dlpack(data: Any) -> Any:
    """An array of NumPy or MLX of what exports DLPack."""
    try:
        return np.from_dlpack(data)
    except RuntimeError:  # bfloat16, which NumPy does not know
        return mx.array(data)
    except BufferError as error:
        raise TypeError(
            f"cannot take over {type(data).__name__} of dtype {getattr(data, 'dtype', None)}: "
            f"{error}; convert it first, e.g. to float32 on the CPU, detached"
        ) from error


def bits(array: mx.array) -> np.ndarray:
    """A NumPy copy of the values, of bfloat16 the bits as uint16."""
    return np.array(array.view(mx.uint16) if array.dtype == mx.bfloat16 else array)


def from_bits(values: np.ndarray, dtype: mx.Dtype) -> mx.array:
    """The array that `bits` was taken of."""
    if dtype == mx.bfloat16:
        return mx.array(values).view(mx.bfloat16)
    return mx.array(values, dtype)
