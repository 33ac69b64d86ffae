"""Checkpoints in several files, with the index that Hugging Face's libraries read and write:

`{"metadata": {"total_size": bytes}, "weight_map": {"name of tensor": "name of file", ...}}`
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from lucid.tensor import Tensor

_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


def save(state: Any, path: Path, limit: int | str, *, write: Callable[[Any, Path], None]) -> None:
    """Write a flat state dict to several files by `write`, then their index."""
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise TypeError("a sharded checkpoint takes a flat dict of Tensors, as state_dict() gives")
    parts = _parted(state, _bytes(limit))
    stem = path.name.removesuffix(".index.json").removesuffix(".safetensors")
    weight_map = {}
    for number, part in enumerate(parts, 1):
        name = f"{stem}-{number:05d}-of-{len(parts):05d}.safetensors"
        write(part, path.with_name(name))
        weight_map.update(dict.fromkeys(part, name))
    total = sum(t.nbytes for t in state.values())
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    path.with_name(f"{stem}.safetensors.index.json").write_text(json.dumps(index, indent=2))


def _parted(state: dict[str, Tensor], limit: int) -> list[dict[str, Tensor]]:
    """Parts in the dict's order, each as full as it gets."""
    parts: list[dict[str, Tensor]] = [{}]
    size = 0
    for name, tensor in state.items():
        if parts[-1] and size + tensor.nbytes > limit:
            parts.append({})
            size = 0
        parts[-1][name] = tensor
        size += tensor.nbytes
    return parts


def _bytes(limit: int | str) -> int:
    found = re.fullmatch(r"(\d+) *([A-Za-z]*)", str(limit))
    if found is None or found[2].upper() not in _UNITS or int(found[1]) == 0:
        raise ValueError(f"max_shard_size must be bytes or such as '500MB' or '5GB', got {limit!r}")
    return int(found[1]) * _UNITS[found[2].upper()]


def load(file: BinaryIO, folder: Path, *, read: Callable[[BinaryIO, Path], Any]) -> dict[str, Any]:
    """The tensors of all files that the index names, in its order; `read` reads one file."""
    try:
        index = json.load(file)
        weight_map = dict(index["weight_map"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"it is not the index of a sharded checkpoint ({error!r})") from error
    parts = {}
    for name in sorted(set(map(str, weight_map.values()))):
        if Path(name).name != name or name.endswith(".json"):
            raise ValueError(f"its index names {name!r}, which is not a file beside it")
        try:
            if (folder / name).exists() and not (folder / name).is_file():  # a pipe would wait
                raise ValueError(f"its index names {name!r}, which is not a file beside it")
            with open(folder / name, "rb") as part:
                parts[name] = read(part, folder / name)
        except FileNotFoundError:
            raise FileNotFoundError(f"the index names {name}, which is not in {folder}") from None
    missing = [n for n, part in weight_map.items() if n not in parts[str(part)]]
    if missing:
        raise ValueError(f"{weight_map[missing[0]]} does not hold {missing[0]!r} of its index")
    return {name: parts[str(part)][name] for name, part in weight_map.items()}
