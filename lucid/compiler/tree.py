"""Arguments and results: their tensors, and a description of all the rest."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import mlx.core as mx
import numpy as np

from lucid.tensor import Tensor

PLAIN = (int, float, bool, str, type(None), complex, bytes)


class Same:
    """Equal to one object only, whatever that thinks of equality; keeps it alive."""

    __slots__ = ("it",)

    def __init__(self, it: Any) -> None:
        self.it = it

    def __eq__(self, other: Any) -> bool:
        return other is self.it or (type(other) is Same and other.it is self.it)

    def __hash__(self) -> int:
        return id(self.it)

    def __repr__(self) -> str:
        return f"a certain {type(self.it).__name__}"


def flatten(value: Any, leaves: list[Tensor], form: list[Any]) -> None:
    """Append the tensors of a tree to `leaves`, each once, and what describes the rest to `form`.

    NumPy's and MLX's arrays count as tensors. Objects of other kinds are described by being the
    same object.
    """
    kind = type(value)
    if isinstance(value, Tensor):
        for position, leaf in enumerate(leaves):
            if leaf is value:
                form.append(("again", position))
                return
        leaves.append(value)
        form.append(Tensor)
    elif kind is float:  # zeros have a sign, and NaN is not itself
        form.append((kind, value if value == value != 0 else repr(value)))
    elif kind in PLAIN:
        form.append((kind, value))
    elif kind in (set, frozenset):
        form.append((kind, frozenset(value)))
    elif isinstance(value, dict):
        form.append((kind, *value))
        for v in value.values():
            flatten(v, leaves, form)
    elif isinstance(value, tuple | list):
        form.append((kind, len(value)))
        for v in value:
            flatten(v, leaves, form)
    elif isinstance(value, np.ndarray | mx.array):
        leaves.append(Tensor(value))
        form.append(Tensor)
    elif _is_data(value):
        form.append(kind)
        for field in dataclasses.fields(value):
            flatten(getattr(value, field.name), leaves, form)
    else:
        form.append(Same(value))


def form_of(value: Any) -> list[Any]:
    """What describes a tree besides its tensors."""
    form: list[Any] = []
    flatten(value, [], form)
    return form


ARRAYS = (Tensor, np.ndarray, mx.array)


class Hole(NamedTuple):
    """Where a tensor was: its number in the order of `flatten`."""

    number: int


def template(value: Any) -> tuple[Any, list[Tensor]]:
    """A tree with holes in the place of its tensors, and these, each once."""
    leaves: list[Tensor] = []
    flatten(value, leaves, [])
    numbers = {id(leaf): Hole(i) for i, leaf in enumerate(leaves)}
    return rebuild(value, lambda t: numbers[id(t)], Tensor), leaves


def filled(form: Any, tensors: Sequence[Any]) -> Any:
    """The tree with tensors in its holes."""
    return rebuild(form, lambda hole: tensors[hole.number], Hole)


def rebuild(value: Any, leaf: Callable[[Any], Any], kinds: Any = ARRAYS) -> Any:
    """The tree with `leaf(x)` for each x of `kinds` in it, in the order of `flatten`."""
    if isinstance(value, kinds):
        return leaf(value)
    if isinstance(value, tuple | list):
        parts = [rebuild(v, leaf, kinds) for v in value]
        # a named tuple takes its fields one by one
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if isinstance(value, dict):
        copied = copy.copy(value)  # an OrderedDict stays one
        copied.update({k: rebuild(v, leaf, kinds) for k, v in value.items()})
        return copied
    if _is_data(value):
        copied = copy.copy(value)
        for f in dataclasses.fields(value):
            object.__setattr__(copied, f.name, rebuild(getattr(value, f.name), leaf, kinds))
        return copied
    return value


def others(value: Any) -> Iterator[Any]:
    """What of a tree is neither a tensor nor a plain value."""
    if isinstance(value, tuple | list):
        for v in value:
            yield from others(v)
    elif isinstance(value, dict):
        for v in value.values():
            yield from others(v)
    elif type(value) not in PLAIN and not isinstance(value, Tensor | np.ndarray | mx.array):
        yield value


def _is_data(value: Any) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)
