"""PyTorch's files (`.pt`, `.pth`, `.th`), read without PyTorch and without running anything.

Since PyTorch 1.6 such a file is a zip archive: `NAME/data.pkl` describes the objects,
`NAME/data/KEY` holds each storage's bytes. Before, it was pickles one after the other, followed
by the storages. Format: `torch/serialization.py`.
"""

from __future__ import annotations

import errno
import io
import math
import zipfile
from collections.abc import Callable
from typing import Any, BinaryIO

import mlx.core as mx
import numpy as np

from lucid.serialization import torch_pickle
from lucid.serialization.safetensors import DTYPES, tensor
from lucid.serialization.torch_pickle import Storage, View, shown

ZIP = b"PK\x03\x04"
LEGACY = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."  # the pickle of 0x1950a86a20f9469cfc6c

# torch's names of storages and dtypes, and the dtype's name in DTYPES
_KINDS = {
    "Double": "F64",
    "Float": "F32",
    "Half": "F16",
    "BFloat16": "BF16",
    "ComplexFloat": "C64",
    "Long": "I64",
    "Int": "I32",
    "Short": "I16",
    "Char": "I8",
    "Byte": "U8",
    "Bool": "BOOL",
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "complex64": "C64",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint64": "U64",
    "uint32": "U32",
    "uint16": "U16",
    "uint8": "U8",
    "bool": "BOOL",
}
_WIDE = {"ComplexDouble", "complex128"}  # MLX has no such dtype: they come as NumPy arrays
_EXPANDED = 1 << 30  # bytes by which tensors, expanded or overlapping, may exceed the storages


def load(file: BinaryIO) -> Any:
    """The objects of a file that begins with `ZIP` or `LEGACY`.

    Raises:
        ValueError: a damaged file, or one that holds more than tensors and plain containers.
    """
    begin = file.read(len(LEGACY))
    file.seek(0)
    try:
        return _from_pickles(file) if begin == LEGACY else _from_zip(file)
    except (TypeError, OverflowError, MemoryError) as error:
        raise ValueError(f"it is damaged ({type(error).__name__}: {error})") from error


def _from_zip(file: BinaryIO) -> Any:
    try:
        with zipfile.ZipFile(file) as archive:
            places = {info.filename.partition("/")[2]: info for info in archive.infolist()}
            if sum(info.compress_size for info in places.values()) > file.seek(0, io.SEEK_END):
                raise ValueError("the entries of its zip archive overlap")
            if "data.pkl" not in places:
                raise ValueError("it is a zip archive, but not one of PyTorch's: no data.pkl in it")
            if "constants.pkl" in places:
                raise ValueError(
                    "it is a TorchScript program; save the model's state_dict() with torch.save"
                )

            def content(name: str) -> bytes:
                if name not in places:
                    raise ValueError(f"the archive misses {name}")
                if places[name].compress_type != zipfile.ZIP_STORED:
                    raise ValueError(f"{name} in it is compressed; PyTorch stores as is")
                return archive.read(places[name])

            swapped = "byteorder" in places and content("byteorder") == b"big"
            tree = torch_pickle.read(io.BytesIO(content("data.pkl")))
            return _with_tensors(tree, lambda storage: content(f"data/{storage.key}"), swapped)
    except RecursionError:  # a RuntimeError, but none of the archive's
        raise
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:  # a place before the file
            raise
        raise ValueError(f"its zip archive is damaged ({error})") from error


def _from_pickles(file: BinaryIO) -> Any:
    torch_pickle.read(file)  # the magic number
    version, system = torch_pickle.read(file), torch_pickle.read(file)
    if version != 1001 or not isinstance(system, dict):
        raise ValueError(
            f"it has version {shown(version):.40} of PyTorch's old format, known is 1001"
        )
    swapped = not system.get("little_endian", True)
    tree, keys = torch_pickle.read(file), torch_pickle.read(file)
    if not isinstance(keys, list):
        raise ValueError("its list of storages is missing")
    storages = _storages(tree)
    contents: dict[str, bytes] = {}
    for key in keys:
        if key not in storages:
            raise ValueError(f"it lists a storage {key!r:.40} that nothing uses")
        count = int.from_bytes(file.read(8), "big" if swapped else "little")
        if count != storages[key].numel:
            raise ValueError(f"storage {key!r:.40} has {count} elements, not {storages[key].numel}")
        contents[key] = _exactly(file, count * _numpy(storages[key].dtype).itemsize)

    def content(storage: Storage) -> bytes:
        if storage.key not in contents:
            raise ValueError(f"the file misses storage {storage.key!r:.40}")
        return contents[storage.key]

    return _with_tensors(tree, content, swapped)


def _storages(tree: Any) -> dict[str, Storage]:
    found: dict[str, Storage] = {}

    def note(view: View) -> None:
        found[view.storage.key] = view.storage

    torch_pickle.unpacked(tree, note)
    return found


def _exactly(file: BinaryIO, size: int) -> bytes:
    begin = file.tell()
    left = file.seek(0, io.SEEK_END) - begin
    file.seek(begin)
    data = file.read(min(size, left))
    if len(data) != size:
        raise ValueError(f"it was cut short: a storage of {size} bytes has {len(data)}")
    return data


def _with_tensors(tree: Any, content: Callable[[Storage], bytes], swapped: bool) -> Any:
    """The tree with its tensors; `content` gives a storage's bytes."""
    read: dict[str, bytes] = {}
    built: dict[View, Any] = {}  # views that are the same share their array
    surplus = 0  # bytes of tensors beyond those of the storages

    def tensor_of(view: View) -> Any:
        same = view._replace(requires_grad=False)
        if same not in built:
            built[same] = _as_tensor(values_of(same), same)
        found = built[same]
        if isinstance(found, np.ndarray):
            return found
        return found.detach().requires_grad_(
            view.requires_grad and mx.issubdtype(found.dtype, mx.inexact)
        )

    def values_of(view: View) -> np.ndarray:
        nonlocal surplus
        storage, kind = view.storage, _numpy(view.dtype or view.storage.dtype)
        if storage.key not in read:
            read[storage.key] = content(storage)
            surplus -= len(read[storage.key])
        data = read[storage.key]
        if len(data) != storage.numel * _numpy(storage.dtype).itemsize:
            raise ValueError(
                f"storage {storage.key!r:.40} has {len(data)} bytes where {storage.numel} elements "
                f"of {storage.dtype} are expected"
            )
        values = np.frombuffer(data, kind.newbyteorder(">") if swapped else kind)
        size = math.prod(view.shape)
        surplus += size * kind.itemsize
        last = view.offset + sum(
            (n - 1) * s for n, s in zip(view.shape, view.strides, strict=True) if size
        )
        if (size and last >= values.size) or surplus > _EXPANDED or len(view.shape) > 32:
            raise ValueError(
                f"a tensor of shape {view.shape}, strides {view.strides} and offset {view.offset} "
                f"does not fit its storage of {values.size} elements"
            )
        if not size:
            values = np.empty(view.shape, kind)
        else:
            steps = zip(view.shape, view.strides, strict=True)
            strides = [s * kind.itemsize if n > 1 else 0 for n, s in steps]
            values = np.lib.stride_tricks.as_strided(values[view.offset :], view.shape, strides)
        return np.array(values, kind, order="C")

    return torch_pickle.unpacked(tree, tensor_of)


def _numpy(name: str) -> np.dtype:
    """How NumPy sees the bytes of one of torch's dtypes."""
    if name == "Untyped":
        return np.dtype("u1")
    if name in _WIDE:
        return np.dtype("<c16")
    if name not in _KINDS:
        raise ValueError(f"a tensor in it is of kind {name!r:.40}; known are {', '.join(_KINDS)}")
    return np.dtype(DTYPES[_KINDS[name]][0])


def _as_tensor(values: np.ndarray, view: View) -> Any:
    name = view.dtype or view.storage.dtype
    if name in _WIDE:
        return values
    dtype = DTYPES[_KINDS[name]][1] if name in _KINDS else mx.uint8
    return tensor(values, dtype)
