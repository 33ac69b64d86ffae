"""Frozen values: each equals what it was made of, as long as that is what it was then."""

from __future__ import annotations

import gc
import pickle
import random
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import mlx.core as mx
import numpy as np

from lucid.compiler.tree import PLAIN, Same
from lucid.tensor import Tensor

LONGEST = 10_000  # entries of a container that are compared one by one, in 0.1 ms
HEAVIEST = 1 << 20  # bytes of an array that are compared, in 0.1 ms
_DICE = (random.Random, np.random.Generator, np.random.RandomState)
_CONTAINERS: dict[type, Any] = {dict: dict, list: list, tuple: tuple, deque: deque}


def frozen(value: Any, name: str = "", exact: bool = False, _around: tuple[int, ...] = ()) -> Any:
    """What equals `value` as long as it is what it is now.

    Containers are frozen with all that is in them. Of objects it is known which ones they are; what
    is in them is a place of its own, see `lucid.compiler.guard`.

    Args:
        value: anything.
        name: what to call it in a warning.
        exact: tell 1 from 1.0 and from True, and 0.0 from -0.0.
    """
    kind = type(value)
    if isinstance(value, _DICE):
        return Still(value, _standing)
    if kind in PLAIN:
        return Exactly(value) if exact and kind in (int, float, bool, complex) else value
    if isinstance(value, np.ndarray | mx.array):
        return _array(value, name)
    if kind in (set, frozenset):
        return frozenset(value)
    base = next((b for b in _CONTAINERS if isinstance(value, b)), None)
    if base is None or id(value) in _around:
        if isinstance(value, Iterator):
            return Still(value, _standing)
        return value if kind.__eq__ is object.__eq__ else Same(value)
    if len(value) > LONGEST:
        _warn(name, f"a {kind.__name__} of {len(value)} entries", "only their number is")
        return Still(value, len)
    around = (*_around, id(value))
    if base is dict:
        return {k: frozen(v, f"{name}[{k!r}]", exact, around) for k, v in value.items()}
    return base(frozen(v, name, exact, around) for v in value)


class Exactly(Same):
    """Equal to one number only, of the same type and sign."""

    __slots__ = ()

    def __eq__(self, other: Any) -> bool:
        it = self.it
        return other is it or (type(other) is type(it) and repr(other) == repr(it))

    __hash__ = Same.__hash__


class Entries(Same):
    """Equal to one dict only, as long as it has certain entries."""

    __slots__ = ("entries",)

    def __init__(self, it: dict[Any, Any], entries: dict[Any, Any]) -> None:
        super().__init__(it)
        self.entries = entries

    def __eq__(self, other: Any) -> bool:
        return other is self.it and self.entries == other

    __hash__ = Same.__hash__


class Still(Same):
    """Equal to one object only, as long as what is read of it is what it is now."""

    __slots__ = ("found", "read")

    def __init__(self, it: Any, read: Callable[[Any], Any]) -> None:
        super().__init__(it)
        self.read, self.found = read, read(it)

    def __eq__(self, other: Any) -> bool:
        return other is self.it and self.read(other) == self.found

    __hash__ = Same.__hash__


class Every:
    """Equal to everything for which `is_one` holds: it is made or read anew in each call."""

    __slots__ = ("is_one",)

    def __init__(self, is_one: Callable[[Any], bool]) -> None:
        self.is_one = is_one

    def __eq__(self, other: Any) -> bool:
        return self.is_one(other)

    __hash__ = None  # type: ignore[assignment]


def is_number(value: Any) -> bool:
    """Whether it is a number, or a tuple of numbers."""
    kind = type(value)
    if kind is not tuple:
        return kind is float or kind is int
    return all(type(x) in (float, int) for x in value)


NUMBER, ANY = Every(is_number), Every(lambda _: True)
TENSOR = Every(lambda value: isinstance(value, Tensor))


def differences(name: str, before: Any, now: Any) -> list[str]:
    """How something frozen and what is there now differ, in words."""
    try:
        if before == now:
            return []
    except Exception:
        pass
    if isinstance(before, Entries) and before.it is now:
        before = before.entries
    if isinstance(before, dict) and isinstance(now, dict):
        found = []
        for key in {**before, **now}:
            label = f"{name}.{key}".lstrip(".") if isinstance(key, str) else name
            if key not in now or key not in before:
                found.append(f"{label} {'came' if key in now else 'went'}")
            else:
                found += differences(label, before[key], now[key])
        return found
    several = isinstance(before, list | tuple) and isinstance(now, list | tuple)
    if several and len(before) == len(now):
        return [d for b, n in zip(before, now, strict=True) for d in differences(name, b, n)]
    before = before.it if isinstance(before, Exactly) else before
    if type(now) in PLAIN and type(before) in PLAIN:
        return [f"{name} was {before!r:.40} and is {now!r:.40}"]
    return [f"{name} changed"]


def _array(array: Any, name: str) -> Any:
    if array.nbytes > HEAVIEST:
        _warn(name, f"an array of {array.nbytes >> 20} MB", "only that it is the same one is")
    elif not isinstance(array, np.ndarray) or array.dtype != object:
        return Still(array, _bytes)
    return Same(array)


def _bytes(array: Any) -> bytes:
    if isinstance(array, mx.array) and array.dtype == mx.bfloat16:
        array = array.view(mx.uint16)
    return np.asarray(array).tobytes()


def _standing(iterator: Any) -> list[Any]:
    """Where an iterator stands, and those inside it, as far as Python tells; or random numbers."""
    if isinstance(iterator, _DICE):
        return [pickle.dumps(iterator)]
    frame: FrameType | None = getattr(iterator, "gi_frame", None)
    hint = getattr(iterator, "__length_hint__", None)
    found = [hint() if hint else None, repr(iterator)]
    if frame is not None:
        found += [frame.f_lasti, *map(id, frame.f_locals.values())]
    inner = [getattr(iterator, "gi_yieldfrom", None), *gc.get_referents(iterator)]
    for it in inner:  # which grows: `zip` has a tuple of them
        inner += it if type(it) is tuple else ()
    return found + [_standing(it) for it in inner if isinstance(it, Iterator)]


def _warn(name: str, what: str, but: str) -> None:
    warnings.warn(
        f"{name} is {what}, of which {but} looked at when a compiled function is called again; "
        "hand over what may change as an argument",
        RuntimeWarning,
        stacklevel=2,
    )
