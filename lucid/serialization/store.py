"""`save` and `load`.

`save` writes an ordinary safetensors file. An array's name in it is its path, such as
`model.conv.weight`, so that a flat state dict can be read by any safetensors reader. What is not
an array stands in the header's metadata, as JSON. Nothing is ever pickled, and nothing that is
loaded can run code.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import threading
from pathlib import Path
from typing import Any, BinaryIO

import mlx.core as mx

from lucid.ops.device import resolve
from lucid.serialization import safetensors, shards, structure, torch_file
from lucid.tensor import Tensor


def save(
    state: Any, path: str | os.PathLike[str], *, max_shard_size: int | str | None = None
) -> None:
    """Write `state` to one safetensors file: completely, or not at all.

    The file is written under a temporary name in the same folder, synced to the disk, checked,
    and then renamed. Whatever happens, a kill or a full disk, there is either the old file or
    the new one. (A kill may leave the temporary file, `.NAME.*.tmp`, behind.)

    Args:
        state: dicts (with str or int keys), lists and tuples, nested, of Tensors, NumPy arrays,
            `mx.array`s, and plain values: numbers, bools, strings, None.
        path: the file; the suffix `.safetensors` lets other programs know it. The format is the
            same under every name, `model.pt` too.
        max_shard_size: bytes, or such as "5GB": write a flat state dict to several files of at
            most that size, `NAME-00001-of-00003.safetensors`, and their index,
            `NAME.safetensors.index.json`, last. A larger tensor has a file of its own.

    Raises:
        TypeError: a value of another type; the message names its place.
        OSError: the file cannot be written; the old one is untouched.

    >>> import lucid, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "checkpoint.safetensors")
    >>> lucid.save({"weights": [lucid.ones(2)], "epoch": 3, "best": float("inf")}, path)
    >>> lucid.load(path)
    {'weights': [Tensor([1., 1.], grad=None)], 'epoch': 3, 'best': inf}
    """
    if max_shard_size is not None:
        shards.save(state, Path(path), max_shard_size, write=_write_state)
    else:
        _write_state(state, Path(path))


def load(
    path: str | os.PathLike[str], map_location: Any = None, *, weights_only: bool = True
) -> Any:
    """What `save` wrote, or PyTorch, or any writer of safetensors.

    What the file is shows in its first bytes, whatever its name:

    - a file of `save`: bit for bit what was saved, Tensors as Tensors, arrays as arrays;
    - any other safetensors file: a dict of Tensors;
    - PyTorch's `.pt`, `.pth` and `.th`, zipped or of before 1.6: read by a reader that can build
      nothing but tensors and plain containers, so that a malicious file is refused. OrderedDicts
      and namespaces come as dicts, complex128 tensors (MLX has none) as NumPy arrays;
    - the index of a sharded checkpoint (`model.safetensors.index.json`): a dict of all Tensors.

    Everything is read at once, so the file may be overwritten afterwards.

    Args:
        path: the file.
        map_location: the device to put Tensors on; None: the default device (float64: the CPU).
        weights_only: there for torch's sake; False is refused.

    Raises:
        OSError: there is no such file, or it cannot be read.
        ValueError: a file of another kind, or a damaged one; the message says what is wrong.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     lucid.save({"weight": lucid.ones(2)}, f"{folder}/model.lucid")
    ...     lucid.load(f"{folder}/model.lucid")
    {'weight': Tensor([1., 1.], grad=None)}
    """
    if not weights_only:
        raise ValueError(
            "load(weights_only=False) would run code out of the file, which lucid never does; "
            "leave the argument out, and save state dicts"
        )
    device = None if map_location is None else resolve(map_location)
    with open(path, "rb") as file:
        try:
            state = _read_state(file, Path(path))
        except RecursionError:
            raise ValueError(f"cannot load {path}: it is nested too deeply") from None
        except ValueError as error:
            raise ValueError(f"cannot load {path}: {error}") from error
    return state if device is None else _moved(state, device)


def _read_state(file: BinaryIO, path: Path) -> Any:
    begin = file.read(len(torch_file.LEGACY))
    file.seek(0)
    if begin.startswith(torch_file.ZIP) or begin == torch_file.LEGACY:
        return torch_file.load(file)
    if path.suffix == ".json":
        return shards.load(file, path.parent, read=_read_state)
    if begin[:2] in (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"):
        raise ValueError("it is a bare pickle, which could run code; save it with torch.save")
    entries, metadata, start = safetensors.read_header(file)

    def array(name: str) -> Any:
        return safetensors.read(file, start, name, entries[name])

    if "lucid" in metadata:
        return structure.restored(metadata["lucid"], entries, array)
    return {
        name: safetensors.tensor(array(name), safetensors.DTYPES[entry.dtype][1])
        for name, entry in entries.items()
    }


def _moved(state: Any, device: str) -> Any:
    if isinstance(state, Tensor):
        return state.detach().to(device=device).requires_grad_(state.requires_grad)
    if isinstance(state, dict):
        return {k: _moved(v, device) for k, v in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(_moved(v, device) for v in state)
    return state


def _write_state(state: Any, path: Path) -> None:
    target = Path(os.path.realpath(path))
    found: dict[str, Any] = {}
    try:
        packed = structure.packed(state, (), found)
        text = json.dumps({"version": structure.VERSION, "state": packed})
    except RecursionError:
        raise ValueError(
            "cannot save: the state is nested too deeply, or contains itself"
        ) from None
    mx.eval([a for a in found.values() if isinstance(a, mx.array)])
    header, arrays = safetensors.laid_out(found, {"format": "lucid", "lucid": text})
    if target.exists() and not target.is_file() and not target.is_dir():
        raise OSError(errno.EINVAL, f"could not save {target}: it is a device or a pipe")
    temporary = target.with_name(f".{target.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        safetensors.write(temporary, header, arrays)
        os.replace(temporary, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            reason = f"could not save {target}: {error.strerror}; nothing there was changed"
            raise OSError(error.errno, reason) from error
        raise
    safetensors.sync_folder(target.parent)
