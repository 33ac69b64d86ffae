"""The safetensors format: a JSON header with the place of every array, then the arrays.

Source: https://github.com/huggingface/safetensors. It is read and written here, not through MLX:
MLX knows no float64 in it, reports success on a full disk, reads lazily (and then sees what was
written to the file since), and lets sizes overflow.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import mlx.core as mx
import numpy as np

from lucid.ops.device import default_device
from lucid.tensor import Tensor

# The dtype's name in the file: how NumPy sees its bytes, and what it is in MLX.
DTYPES = {
    "F64": ("<f8", mx.float64),
    "F32": ("<f4", mx.float32),
    "F16": ("<f2", mx.float16),
    "BF16": ("<u2", mx.bfloat16),
    "C64": ("<c8", mx.complex64),
    "I64": ("<i8", mx.int64),
    "I32": ("<i4", mx.int32),
    "I16": ("<i2", mx.int16),
    "I8": ("i1", mx.int8),
    "U64": ("<u8", mx.uint64),
    "U32": ("<u4", mx.uint32),
    "U16": ("<u2", mx.uint16),
    "U8": ("u1", mx.uint8),
    "BOOL": ("?", mx.bool_),
}
_OF_MLX = {dtype: name for name, (_, dtype) in DTYPES.items()}
OF_NUMPY = {np.dtype(view): name for name, (view, _) in DTYPES.items() if name != "BF16"}
_LONGEST_HEADER = 100_000_000  # as the reference implementation has it


class Entry(NamedTuple):
    """Where an array lies."""

    dtype: str  # a name of DTYPES
    shape: tuple[int, ...]
    begin: int  # bytes after the header
    end: int


def laid_out(found: dict[str, Any], metadata: dict[str, str]) -> tuple[bytes, list[np.ndarray]]:
    """The header, padded to 8 bytes, and the arrays in the order of the file."""
    named = []
    for name, array in found.items():
        if isinstance(array, mx.array):
            kind = _OF_MLX[array.dtype]
            viewed = array.view(mx.uint16) if array.dtype == mx.bfloat16 else array
            named.append((name, kind, array.shape, np.array(viewed, copy=False)))
        else:
            named.append((name, OF_NUMPY[array.dtype], array.shape, array))
    named.sort(key=lambda entry: -entry[3].itemsize)  # so that each array is aligned
    header: dict[str, Any] = {"__metadata__": metadata}
    end = 0
    for name, kind, shape, values in named:
        begin, end = end, end + values.nbytes
        header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    return text + b" " * (-len(text) % 8), [values for *_, values in named]


def write(path: Path, header: bytes, arrays: list[np.ndarray]) -> None:
    """Write, sync, and look whether all of it is there."""
    with open(path, "wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for values in arrays:
            if values.size:
                file.write(np.ascontiguousarray(values).data)
        file.flush()
        os.fsync(file.fileno())
    with open(path, "rb") as file:
        try:
            read_header(file)
        except ValueError as error:
            raise OSError(errno.EIO, f"reading it back failed, {error}") from error


def sync_folder(folder: Path) -> None:
    """Make the new name last; where a system cannot do it, the rename has happened all the same."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def read_header(file: BinaryIO) -> tuple[dict[str, Entry], dict[str, str], int]:
    """The arrays' places, the metadata, and where the arrays begin; all of it checked."""
    size = os.fstat(file.fileno()).st_size
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > min(size - 8, _LONGEST_HEADER):
        raise ValueError(
            f"it is not a safetensors file, or is cut short (a header of {length} bytes in a file "
            f"of {size})"
        )
    try:
        header = json.loads(file.read(length), object_pairs_hook=_unique)
    except ValueError as error:
        raise ValueError(f"its header is not valid JSON ({error})") from error
    if not isinstance(header, dict):
        raise ValueError("its header is not a JSON object")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise ValueError("its metadata are not strings")
    entries = {name: _entry(name, entry) for name, entry in header.items()}
    end = 0
    for name, entry in sorted(entries.items(), key=lambda item: item[1][2:]):
        if entry.begin != end:
            raise ValueError(f"array {name!r} begins at byte {entry.begin}, expected {end}")
        end = entry.end
    if 8 + length + end != size:
        raise ValueError(
            f"it has {size} bytes where its header says {8 + length + end}; "
            f"it was {'cut short' if size < 8 + length + end else 'written over'}"
        )
    return entries, metadata, 8 + length


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name comes twice")
    return found


def _entry(name: str, entry: Any) -> Entry:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"the entry of array {name!r} is {entry!r:.80}")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise ValueError(f"array {name!r} has dtype {dtype!r:.40}; known are {', '.join(DTYPES)}")
    if not _counts(shape) or len(shape) > 32 or any(n >= 1 << 31 for n in shape):
        raise ValueError(f"array {name!r} has shape {shape!r:.80}")
    if not _counts(offsets) or len(offsets) != 2:
        raise ValueError(f"array {name!r} has offsets {offsets!r:.80}")
    needed = math.prod(shape) * np.dtype(DTYPES[dtype][0]).itemsize
    begin, end = offsets
    if end - begin != needed:
        raise ValueError(
            f"array {name!r} of {dtype} and shape {shape} needs {needed} bytes, has {end - begin}"
        )
    return Entry(dtype, tuple(shape), begin, end)


def _counts(values: Any) -> bool:
    return isinstance(values, list) and all(type(n) is int and n >= 0 for n in values)


def read(file: BinaryIO, start: int, name: str, entry: Entry) -> np.ndarray:
    file.seek(start + entry.begin)
    view = np.dtype(DTYPES[entry.dtype][0])
    raw = np.empty(entry.end - entry.begin, np.uint8)
    if file.readinto(raw.data) != raw.size:  # type: ignore[attr-defined]
        raise ValueError(f"it ended while array {name!r} was read")
    values = raw != 0 if entry.dtype == "BOOL" else raw.view(view)
    return values.reshape(entry.shape)


def tensor(values: np.ndarray, dtype: mx.Dtype) -> Tensor:
    """Values as they lie in a file (bfloat16 as uint16) as a Tensor: float64 on the CPU."""
    device = "cpu" if dtype == mx.float64 else default_device()
    array = mx.array(values, mx.float64 if dtype == mx.float64 else None)
    if dtype == mx.bfloat16:
        array = array.view(mx.bfloat16)
        mx.eval(array)
    return Tensor._wrap(array, device)
