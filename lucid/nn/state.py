"""What a Module does with its state: collect it, load it, move it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import mlx.core as mx
import numpy as np

from lucid.nn.computed import renamed
from lucid.ops.device import on_device, resolve
from lucid.ops.dtypes import dtype_of
from lucid.tensor import Tensor


class Keys(NamedTuple):
    """What `load_state_dict` found to differ in names."""

    missing_keys: list[str]
    unexpected_keys: list[str]


def slots(module: Any, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """Every parameter and persistent buffer under each of its names, in torch's order."""
    for path, m in module.named_modules(remove_duplicate=False):
        start = f"{prefix}{path}." if path else prefix
        for name, tensor in m._parameters.items():
            if tensor is not None:
                yield start + name, tensor
        for name, tensor in m._buffers.items():
            if tensor is not None and name not in m._transient:
                yield start + name, tensor


def collect(module: Any, prefix: str) -> dict[str, Tensor]:
    """The state dict."""
    return {name: tensor.detach() for name, tensor in slots(module, prefix)}


def load(module: Any, given: Mapping[str, Any], strict: bool) -> Keys:
    """Put `given` in place: all of it, or nothing where something does not fit."""
    if not isinstance(given, Mapping):
        raise TypeError(f"load_state_dict expects a dict of names, got {type(given).__name__}")
    given = renamed(module, given)
    own = dict(slots(module))
    missing = [name for name in own if name not in given]
    unexpected = [name for name in given if name not in own]
    faults = _names_that_differ(own, given, missing, unexpected) if strict else []
    arrays = {}
    for name in own:
        if name not in given:
            continue
        try:
            arrays[name] = _array_for(own[name], given[name])
        except (TypeError, ValueError) as error:
            faults.append(f"{name}: {error}")
    if faults:
        advice = "" if not strict or not (missing or unexpected) else (
            "\nstrict=False loads what agrees by name"
        )  # fmt: skip
        raise RuntimeError(
            f"the state does not fit {type(module).__name__}; nothing was changed:\n  "
            + "\n  ".join(faults)
            + advice
        )
    mx.eval(list(arrays.values()))  # a file that breaks off shows here, before any change
    for name, array in arrays.items():
        own[name].array = array
    return Keys(missing, unexpected)


def _names_that_differ(
    own: Mapping[str, Tensor], given: Mapping[str, Any], missing: list[str], unexpected: list[str]
) -> list[str]:
    faults = []
    for name in missing:
        near = _nearest(
            name, unexpected, {n: _shape(given[n]) for n in unexpected}, own[name].shape
        )
        hint = f"; did you mean {near[0]} {_shape(given[near[0]])}?" if near else ""
        faults.append(f"missing: {name} {own[name].shape}{hint}")
    for name in unexpected:
        near = _nearest(name, missing, {n: own[n].shape for n in missing}, _shape(given[name]))
        hint = f"; the nearest name here is {near[0]} {own[near[0]].shape}" if near else ""
        faults.append(f"unexpected: {name} {_shape(given[name])}{hint}")
    return faults


def _nearest(name: Any, names: list[str], shapes: dict[str, Any], shape: Any) -> list[str]:
    """The name most like `name`, among those of its shape first."""
    alike = [n for n in names if shapes[n] == shape]
    close = difflib.get_close_matches
    return close(str(name), alike, n=1) or close(str(name), names, n=1, cutoff=0.8)


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(getattr(value, "shape", ()))


def _array_for(slot: Tensor, value: Any) -> mx.array:
    """The value in the slot's dtype, on its device."""
    if not isinstance(value, Tensor | mx.array | np.ndarray | np.generic | float | int | bool):
        if not (hasattr(value, "__dlpack__") or hasattr(value, "__array__")):
            raise TypeError(f"expected a tensor of shape {slot.shape}, got {type(value).__name__}")
        if hasattr(value, "detach"):  # a PyTorch tensor
            value = value.detach().cpu()
        if str(getattr(value, "dtype", "")) == "torch.bfloat16":  # NumPy has no bfloat16
            value = value.float()
    if _shape(value) != slot.shape:
        raise ValueError(f"expected shape {slot.shape}, got {_shape(value)}")
    if "complex" in str(getattr(value, "dtype", "")) and slot.dtype != mx.complex64:
        raise TypeError(f"expected real numbers, got {value.dtype}")
    with on_device(slot.device):
        if slot.dtype == mx.float64 and isinstance(value, Tensor | mx.array):
            array = value.array if isinstance(value, Tensor) else value
            return array.astype(slot.dtype)
        loaded = Tensor(value, dtype=slot.dtype, device=slot.device)
    if loaded.shape != slot.shape:
        raise ValueError(f"expected shape {slot.shape}, got {loaded.shape}")
    return loaded.array


def convert(module: Any, args: tuple[Any, ...], dtype: Any, device: Any) -> None:
    """Change dtype, device or both of every tensor of the tree, in place."""
    for a in args:
        if isinstance(a, str) and a in ("cpu", "gpu", "metal", "mps"):
            device = a
        elif isinstance(a, Tensor):
            dtype, device = a.dtype, a.device
        else:
            dtype = a
    wanted = None if dtype is None else dtype_of(dtype)
    place = None if device is None else resolve(device)
    if wanted is not None and not mx.issubdtype(wanted, mx.floating):
        raise TypeError(f"a module's dtype must be floating point, got {dtype}")
    tensors = {id(t): t for t in (*module.parameters(), *module.buffers())}
    for tensor in tensors.values():
        for t in (tensor, tensor.grad):
            if t is None:
                continue
            t._device = place or t._device
            if wanted is not None and t.is_floating_point():
                with on_device(t._device):
                    t.array = t.array.astype(wanted)
