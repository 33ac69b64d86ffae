"""The structures of runtime.h for ctypes, and arrays as bytes."""

from __future__ import annotations

import ctypes
from ctypes import c_char_p, c_int, c_longlong, c_uint32, c_uint64, c_void_p

import mlx.core as mx
import numpy as np

MAX_FAILURES = 64


class Buffer(ctypes.Structure):
    _fields_ = (
        ("base", c_void_p),
        ("size", c_uint64),
        ("name", c_char_p),
        ("element", c_uint32),
        ("output", c_uint32),
        ("initialised", c_uint32),
        ("constant", c_uint32),
        ("data", c_void_p),
        ("result", c_void_p),
        ("misalign", c_uint32),
        ("fill", c_uint32),
        ("start", c_uint64),
    )


class Failure(ctypes.Structure):
    _fields_ = (
        ("kind", c_char_p),
        ("object", c_char_p),
        ("offset", c_longlong),
        ("size", c_uint32),
        ("site", c_int),
        ("line", c_uint32),
        ("col", c_uint32),
        ("other", c_int),
        ("group", c_uint32 * 3),
        ("thread", c_uint32 * 3),
        ("count", c_uint64),
    )


class Launch(ctypes.Structure):
    _fields_ = (
        ("entry", c_void_p),
        ("grid", c_uint32 * 3),
        ("group", c_uint32 * 3),
        ("order", c_uint32),
        ("buffer_count", c_uint32),
        ("buffers", ctypes.POINTER(Buffer)),
        ("last_groups", c_uint32),
        ("trace_groups", c_uint32),
        ("checked", c_uint32),
        ("budget", c_uint64),
        ("failures", Failure * MAX_FAILURES),
        ("failure_count", c_uint32),
        ("aborted", c_uint32),
        ("threads", c_uint64),
        ("groups", c_uint64),
        ("barriers", c_uint64),
        ("simd_ops", c_uint64),
        ("matrix_macs", c_uint64),
        ("threadgroup_bytes", c_uint32),
    )


def to_numpy(array: mx.array) -> np.ndarray:
    """The elements of an array in row-major order; those of bfloat16 as the uint16 of their bits,
    for numpy has no such dtype."""
    bits = array.view(mx.uint16) if array.dtype == mx.bfloat16 else array
    return np.ascontiguousarray(np.array(bits))


def from_bytes(content: np.ndarray, shape: tuple[int, ...], dtype: mx.Dtype) -> mx.array:
    """The array of `shape` and `dtype` with these bytes."""
    kind = np.uint16 if dtype == mx.bfloat16 else np.array(mx.zeros((), dtype)).dtype
    array = mx.array(content.view(kind).reshape(shape))
    return array.view(mx.bfloat16) if dtype == mx.bfloat16 else array
