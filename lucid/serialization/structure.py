"""Nested dicts and lists as JSON beside the arrays that they hold.

A JSON object with one key that begins with "$" stands for what JSON does not have.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import mlx.core as mx
import numpy as np

from lucid.serialization.safetensors import DTYPES, OF_NUMPY, Entry, tensor
from lucid.tensor import Tensor

VERSION = 1


def packed(value: Any, place: tuple[Any, ...], found: dict[str, Any]) -> Any:
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
        items = {k: packed(v, (*place, k), found) for k, v in value.items()}
        if all(isinstance(key, str) and key[:1] != "$" for key in items):
            return items
        return {"$dict": [[k, v] for k, v in items.items()]}
    if isinstance(value, list | tuple):
        values = [packed(v, (*place, i), found) for i, v in enumerate(value)]
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
    if little not in OF_NUMPY:
        raise TypeError(f"cannot save {_shown(place)}: a NumPy array of dtype {array.dtype}")
    return array.astype(little, copy=False)


def _shown(place: tuple[Any, ...]) -> str:
    return "state" + "".join(f"[{key!r}]" for key in place)


def restored(text: str, entries: dict[str, Entry], read: Callable[[str], np.ndarray]) -> Any:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ValueError(f"its structure is not valid JSON ({error})") from error
    if not isinstance(document, dict) or document.get("version") != VERSION:
        version = document.get("version") if isinstance(document, dict) else None
        raise ValueError(f"its structure has version {version}, this lucid reads {VERSION}")

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
        loaded = tensor(read(inner), DTYPES[entries[inner].dtype][1])
        return {"$tensor": loaded, "$mlx": loaded.array}[tag]

    try:
        return unpacked(document["state"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"its structure and its arrays do not fit ({error!r})") from error
