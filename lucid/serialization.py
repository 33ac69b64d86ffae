"""`save` and `load`: nested dicts and lists of arrays and values as one safetensors file.

The file is an ordinary safetensors file (https://github.com/huggingface/safetensors): 8 bytes
with the length of a JSON header, the header with dtype, shape and place of every array, then the
arrays. An array's name is its path, such as `model.conv.weight`, so that a flat state dict can be
read by any safetensors reader. What is not an array stands in the header's metadata, as JSON.

The format is read and written here, not through MLX: MLX knows no float64 in it, reports success
on a full disk, reads lazily (and then sees what was written to the file since), and lets sizes
overflow. Nothing is ever pickled, so that loading a file cannot run code.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import mlx.core as mx
import numpy as np

from lucid.ops.device import default_device
from lucid.tensor import Tensor

# The dtype's name in the file: how NumPy sees its bytes, and what it is in MLX.
_DTYPES = {
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
_OF_MLX = {dtype: name for name, (_, dtype) in _DTYPES.items()}
_OF_NUMPY = {np.dtype(view): name for name, (view, _) in _DTYPES.items() if name != "BF16"}
_LONGEST_HEADER = 100_000_000  # as the reference implementation has it
_VERSION = 1


def save(state: Any, path: str | os.PathLike[str]) -> None:
    """Write `state` to one safetensors file: completely, or not at all.

    The file is written under a temporary name in the same folder, synced to the disk, checked,
    and then renamed. Whatever happens, a kill or a full disk, there is either the old file or
    the new one. (A kill may leave the temporary file, `.NAME.*.tmp`, behind.)

    Args:
        state: dicts (with str or int keys), lists and tuples, nested, of Tensors, NumPy arrays,
            `mx.array`s, and plain values: numbers, bools, strings, None.
        path: the file; the suffix `.safetensors` lets other programs know it.

    Raises:
        TypeError: a value of another type; the message names its place.
        OSError: the file cannot be written; the old one is untouched.

    >>> import lucid, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "checkpoint.safetensors")
    >>> lucid.save({"weights": [lucid.ones(2)], "epoch": 3, "best": float("inf")}, path)
    >>> lucid.load(path)
    {'weights': [Tensor([1., 1.], grad=None)], 'epoch': 3, 'best': inf}
    """
    target = Path(os.path.realpath(path))
    found: dict[str, Any] = {}
    try:
        structure = json.dumps({"version": _VERSION, "state": _packed(state, (), found)})
    except RecursionError:
        raise ValueError(
            "cannot save: the state is nested too deeply, or contains itself"
        ) from None
    mx.eval([a for a in found.values() if isinstance(a, mx.array)])
    header, arrays = _laid_out(found, {"format": "lucid", "lucid": structure})
    if target.exists() and not target.is_file() and not target.is_dir():
        raise OSError(errno.EINVAL, f"could not save {target}: it is a device or a pipe")
    temporary = target.with_name(f".{target.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        _write(temporary, header, arrays)
        os.replace(temporary, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            reason = f"could not save {target}: {error.strerror}; nothing there was changed"
            raise OSError(error.errno, reason) from error
        raise
    _sync_folder(target.parent)


def load(path: str | os.PathLike[str]) -> Any:
    """What `save` wrote, bit for bit: Tensors come back as Tensors, arrays as arrays.

    Any other safetensors file loads too, as a dict of Tensors. Everything is read at once, so
    the file may be overwritten afterwards.

    Raises:
        OSError: there is no such file, or it cannot be read.
        ValueError: not a safetensors file, or a damaged one; the message says what is wrong.
    """
    with open(path, "rb") as file:
        try:
            entries, metadata, start = _header(file)
            if "lucid" not in metadata:
                return {
                    name: _tensor(_read(file, start, name, entry), entry)
                    for name, entry in entries.items()
                }
            return _restored(
                metadata["lucid"], entries, lambda name: _read(file, start, name, entries[name])
            )
        except RecursionError:
            raise ValueError(f"cannot load {path}: its header is nested too deeply") from None
        except ValueError as error:
            raise ValueError(f"cannot load {path}: {error}") from error


# Structure: what is not an array, as JSON ------------------------------------------------------
# A JSON object with one key that begins with "$" stands for what JSON does not have.


def _packed(value: Any, place: tuple[Any, ...], found: dict[str, Any]) -> Any:
    """`value` as JSON; its arrays go to `found`."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Tensor | mx.array | np.ndarray):
        name = ".".join(map(str, place)) or "tensor"
        while name in found or name == "__metadata__":
            name += "_"
        if isinstance(value, Tensor):
            found[name] = value.array
            return {"$tensor": name}
        found[name] = _storable(value, place) if isinstance(value, np.ndarray) else value
        return {"$numpy" if isinstance(value, np.ndarray) else "$mlx": name}
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str | int) or isinstance(key, bool):
                raise TypeError(
                    f"cannot save {_shown(place)}: keys must be str or int, got {key!r:.60}"
                )
        items = {k: _packed(v, (*place, k), found) for k, v in value.items()}
        if all(isinstance(key, str) and key[:1] != "$" for key in items):
            return items
        return {"$dict": [[k, v] for k, v in items.items()]}
    if isinstance(value, list | tuple):
        values = [_packed(v, (*place, i), found) for i, v in enumerate(value)]
        return {"$tuple": values} if isinstance(value, tuple) else values
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": str(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(
        f"cannot save {_shown(place)}: expected a Tensor, an array, a number, a str, a bool, None "
        f"or a dict, list or tuple of them, got {type(value).__name__}"
    )


def _storable(array: np.ndarray, place: tuple[Any, ...]) -> np.ndarray:
    little = array.dtype.newbyteorder("<")
    if little not in _OF_NUMPY:
        raise TypeError(f"cannot save {_shown(place)}: a NumPy array of dtype {array.dtype}")
    return array.astype(little, copy=False)


def _shown(place: tuple[Any, ...]) -> str:
    return "state" + "".join(f"[{key!r}]" for key in place)


def _restored(text: str, entries: dict[str, _Entry], read: Callable[[str], np.ndarray]) -> Any:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ValueError(f"its structure is not valid JSON ({error})") from error
    if not isinstance(document, dict) or document.get("version") != _VERSION:
        version = document.get("version") if isinstance(document, dict) else None
        raise ValueError(f"its structure has version {version}, this lucid reads {_VERSION}")

    def unpacked(value: Any) -> Any:
        if isinstance(value, list):
            return [unpacked(v) for v in value]
        if not isinstance(value, dict):
            return value
        tag = next(iter(value), "")
        if len(value) != 1 or not tag.startswith("$"):
            return {k: unpacked(v) for k, v in value.items()}
        inner = value[tag]
        if tag == "$dict":
            return {k: unpacked(v) for k, v in inner}
        if tag == "$tuple":
            return tuple(unpacked(v) for v in inner)
        if tag == "$float":
            return float(inner)
        if tag == "$numpy":
            return read(inner)
        tensor = _tensor(read(inner), entries[inner])
        return {"$tensor": tensor, "$mlx": tensor.array}[tag]

    try:
        return unpacked(document["state"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"its structure and its arrays do not fit ({error!r})") from error


# The safetensors format ------------------------------------------------------------------------


class _Entry(NamedTuple):
    """Where an array lies."""

    dtype: str
    shape: tuple[int, ...]
    begin: int  # bytes after the header
    end: int


def _laid_out(found: dict[str, Any], metadata: dict[str, str]) -> tuple[bytes, list[np.ndarray]]:
    """The header, padded to 8 bytes, and the arrays in the order of the file."""
    named = []
    for name, array in found.items():
        if isinstance(array, mx.array):
            kind = _OF_MLX[array.dtype]
            viewed = array.view(mx.uint16) if array.dtype == mx.bfloat16 else array
            named.append((name, kind, array.shape, np.array(viewed, copy=False)))
        else:
            named.append((name, _OF_NUMPY[array.dtype], array.shape, array))
    named.sort(key=lambda entry: -entry[3].itemsize)  # so that each array is aligned
    header: dict[str, Any] = {"__metadata__": metadata}
    end = 0
    for name, kind, shape, values in named:
        begin, end = end, end + values.nbytes
        header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    return text + b" " * (-len(text) % 8), [values for *_, values in named]


def _write(path: Path, header: bytes, arrays: list[np.ndarray]) -> None:
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
            _header(file)
        except ValueError as error:
            raise OSError(errno.EIO, f"reading it back failed, {error}") from error


def _sync_folder(folder: Path) -> None:
    """Make the new name last; where a system cannot do it, the rename has happened all the same."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _header(file: BinaryIO) -> tuple[dict[str, _Entry], dict[str, str], int]:
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


def _entry(name: str, entry: Any) -> _Entry:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"the entry of array {name!r} is {entry!r:.80}")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        raise ValueError(f"array {name!r} has dtype {dtype!r:.40}; known are {', '.join(_DTYPES)}")
    if not _counts(shape) or len(shape) > 32 or any(n >= 1 << 31 for n in shape):
        raise ValueError(f"array {name!r} has shape {shape!r:.80}")
    if not _counts(offsets) or len(offsets) != 2:
        raise ValueError(f"array {name!r} has offsets {offsets!r:.80}")
    needed = math.prod(shape) * np.dtype(_DTYPES[dtype][0]).itemsize
    begin, end = offsets
    if end - begin != needed:
        raise ValueError(
            f"array {name!r} of {dtype} and shape {shape} needs {needed} bytes, has {end - begin}"
        )
    return _Entry(dtype, tuple(shape), begin, end)


def _counts(values: Any) -> bool:
    return isinstance(values, list) and all(type(n) is int and n >= 0 for n in values)


def _read(file: BinaryIO, start: int, name: str, entry: _Entry) -> np.ndarray:
    file.seek(start + entry.begin)
    view = np.dtype(_DTYPES[entry.dtype][0])
    raw = np.empty(entry.end - entry.begin, np.uint8)
    if file.readinto(raw.data) != raw.size:  # type: ignore[attr-defined]
        raise ValueError(f"it ended while array {name!r} was read")
    values = raw != 0 if entry.dtype == "BOOL" else raw.view(view)
    return values.reshape(entry.shape)


def _tensor(values: np.ndarray, entry: _Entry) -> Tensor:
    dtype = _DTYPES[entry.dtype][1]
    device = "cpu" if dtype == mx.float64 else default_device()
    array = mx.array(values, mx.float64 if dtype == mx.float64 else None)
    if dtype == mx.bfloat16:
        array = array.view(mx.bfloat16)
        mx.eval(array)
    return Tensor._wrap(array, device)
