"""What a Module does with its state: collect it, load it, move it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import mlx.core as mx
import numpy as np

from lucid.nn.computed import renamed
from lucid.nn.parameter import Parameter
from lucid.nn.uninitialized import is_lazy
from lucid.ops.device import is_device, on_device, resolve
from lucid.ops.dtypes import dtype_of
from lucid.tensor import Tensor

EXTRA = "_extra_state"  # the name of what `get_extra_state` returned, in a state dict


class Keys(NamedTuple):
    """What `load_state_dict` found to differ in names."""

    missing_keys: list[str]
    unexpected_keys: list[str]


def _prefixed(module: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every module of the tree, under each name, and what the names of its tensors begin with."""
    for path, m in module.named_modules(remove_duplicate=False):
        yield (f"{prefix}{path}." if path else prefix), m


def _places(module: Any, prefix: str) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Where a module's own parameters and persistent buffers lie, by name."""
    for kind in (module._parameters, module._buffers):
        for name, tensor in kind.items():
            if tensor is not None and name not in module._transient:
                yield prefix + name, kind, name


def slots(module: Any) -> Iterator[tuple[str, Tensor]]:
    """Every parameter and persistent buffer under each of its names, in torch's order."""
    for start, m in _prefixed(module):
        for name, tensors, key in _places(m, start):
            yield name, tensors[key]


def collect(
    module: Any, prefix: str, keep_vars: bool, destination: dict[str, Any] | None
) -> dict[str, Any]:
    """The state dict."""
    tree = list(_prefixed(module, prefix))
    for start, m in tree:
        for hook in list(m._state_hooks["pre"].values()):
            hook(m, start, keep_vars)
    found = {} if destination is None else destination
    for start, m in tree:
        for name, tensors, key in _places(m, start):
            found[name] = tensors[key] if keep_vars else tensors[key].detach()
        if m._has_extra_state():
            found[start + EXTRA] = m.get_extra_state()
    for start, m in reversed(tree):
        for hook in list(m._state_hooks["post"].values()):
            hook(m, found, start, {})
    return found


def load(module: Any, given: Mapping[str, Any], strict: bool, assign: bool) -> Keys:
    """Put `given` in place: all of it, or nothing where something does not fit."""
    if not isinstance(given, Mapping):
        raise TypeError(f"load_state_dict expects a dict of names, got {type(given).__name__}")
    given, tree = dict(renamed(module, given)), list(_prefixed(module))
    missing: list[str] = []
    unexpected: list[str] = []
    faults: list[str] = []
    for start, m in tree:
        for hook in list(m._state_hooks["load_pre"].values()):
            hook(m, given, start, {}, strict, missing, unexpected, faults)
    places = {n: (tensors, key) for s, m in tree for n, tensors, key in _places(m, s)}
    own = {name: tensors[key] for name, (tensors, key) in places.items()}
    extras = {start + EXTRA: m for start, m in tree if m._has_extra_state()}
    missing += [name for name in (*own, *extras) if name not in given]
    unexpected += [name for name in given if name not in own and name not in extras]
    arrays = {}
    for name in own:
        if name not in given or (is_lazy(given[name]) and is_lazy(own[name])):
            continue
        try:
            arrays[name] = _array_for(own[name], given[name], assign)
        except (TypeError, ValueError) as error:
            faults.append(f"{name}: {error}")
    post = [(m, hook) for _, m in reversed(tree) for hook in m._state_hooks["load_post"].values()]
    different = _names_that_differ(own, given, missing, unexpected) if strict else []
    if faults or (different and not post):
        advice = "\nstrict=False loads what agrees by name" if different else ""
        raise RuntimeError(
            f"the state does not fit {type(module).__name__}; nothing was changed:\n  "
            + "\n  ".join([*different, *faults])
            + advice
        )
    mx.eval(list(arrays.values()))  # a file that breaks off shows here, before any change
    for name, array in arrays.items():
        _put(*places[name], array, given[name], assign)
    for name in extras.keys() & given.keys():
        extras[name].set_extra_state(given[name])
    keys = Keys(missing, unexpected)
    for m, hook in post:  # they may strike names off the lists
        hook(m, keys)
    if strict and (missing or unexpected):
        raise RuntimeError(
            f"the state does not fit {type(module).__name__}; what agrees was loaded:\n  "
            + "\n  ".join(_names_that_differ(own, given, missing, unexpected))
        )
    return keys


def _put(tensors: dict[str, Any], key: str, array: mx.array, value: Any, assign: bool) -> None:
    """Values into a slot; with `assign` the tensor that brought them takes its place."""
    slot = tensors[key]
    if assign:
        made = value if isinstance(value, Tensor) else Tensor(array, device=slot.device)
        if isinstance(slot, Parameter) and not isinstance(made, Parameter):
            made = Parameter(made, slot.requires_grad)
        elif isinstance(slot, Parameter):
            made.requires_grad_(slot.requires_grad)
        tensors[key] = made
        return
    if is_lazy(slot):
        slot.materialize(array.shape)
    slot.array = array


def _names_that_differ(
    own: Mapping[str, Tensor], given: Mapping[str, Any], missing: list[str], unexpected: list[str]
) -> list[str]:
    faults = []
    for name in missing:
        shape = _shape(own.get(name))
        near = _nearest(name, unexpected, {n: _shape(given.get(n)) for n in unexpected}, shape)
        hint = f"; did you mean {near[0]} {_shape(given.get(near[0]))}?" if near else ""
        faults.append(f"missing: {name} {shape}{hint}")
    for name in unexpected:
        shape = _shape(given.get(name))
        near = _nearest(name, missing, {n: _shape(own.get(n)) for n in missing}, shape)
        hint = f"; the nearest name here is {near[0]} {_shape(own.get(near[0]))}" if near else ""
        faults.append(f"unexpected: {name} {shape}{hint}")
    return faults


def _nearest(name: Any, names: list[str], shapes: dict[str, Any], shape: Any) -> list[str]:
    """The name most like `name`, among those of its shape first."""
    alike = [n for n in names if shapes[n] == shape]
    close = difflib.get_close_matches
    return close(str(name), alike, n=1) or close(str(name), names, n=1, cutoff=0.8)


def _shape(value: Any) -> tuple[int, ...]:
    return () if is_lazy(value) else tuple(getattr(value, "shape", ()))


def _array_for(slot: Tensor, value: Any, keep: bool) -> mx.array:
    """The value in the slot's dtype (its own with `keep`), on its device."""
    shape = _shape(value) if is_lazy(slot) else slot.shape
    dtype = None if keep else slot.dtype
    if is_lazy(value):
        raise ValueError(f"expected shape {shape}, got a tensor that is not initialized")
    if not isinstance(value, Tensor | mx.array | np.ndarray | np.generic | float | int | bool):
        if not (hasattr(value, "__dlpack__") or hasattr(value, "__array__")):
            raise TypeError(f"expected a tensor of shape {shape}, got {type(value).__name__}")
        if hasattr(value, "detach"):  # a PyTorch tensor
            value = value.detach().cpu()
        if str(getattr(value, "dtype", "")) == "torch.bfloat16":  # NumPy has no bfloat16
            value, dtype = value.float(), dtype or mx.bfloat16
    if _shape(value) != shape:
        raise ValueError(f"expected shape {shape}, got {_shape(value)}")
    if "complex" in str(getattr(value, "dtype", "")) and slot.dtype != mx.complex64:
        raise TypeError(f"expected real numbers, got {value.dtype}")
    with on_device(slot.device):
        plain = dtype is None or dtype == mx.float64
        if isinstance(value, Tensor | mx.array) and plain:
            array = value.array if isinstance(value, Tensor) else value
            return array if dtype is None else array.astype(dtype)
        loaded = Tensor(value, dtype=dtype, device=slot.device)
    if loaded.shape != shape:
        raise ValueError(f"expected shape {shape}, got {loaded.shape}")
    return loaded.array


def convert(module: Any, args: tuple[Any, ...], dtype: Any, device: Any) -> None:
    """Change dtype, device or both of every tensor of the tree, in place."""
    for a in args:
        if isinstance(a, Tensor):
            dtype, device = a.dtype, a.device
        elif is_device(a):
            device = a
        elif a is not None and not isinstance(a, bool):  # a bool is non_blocking
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
            if is_lazy(t):
                t._dtype = wanted or t._dtype
                continue
            if wanted is not None and t.is_floating_point():
                with on_device(t._device):
                    t.array = t.array.astype(wanted)
