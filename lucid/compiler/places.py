"""Where a compiled function finds a tensor when it is called again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from lucid.compiler.tree import flatten
from lucid.tensor import Tensor


class Place(Protocol):
    def get(self, leaves: Sequence[Tensor]) -> Any:
        """The tensor that is there now; `leaves` are those among the arguments."""


class Fixed(NamedTuple):
    """A tensor that is always the same object: a parameter, a buffer."""

    tensor: Any

    def get(self, leaves: Sequence[Tensor]) -> Any:
        return self.tensor


class Argument(NamedTuple):
    """One of the tensors among the arguments."""

    position: int

    def get(self, leaves: Sequence[Tensor]) -> Any:
        return leaves[self.position]


class Gradient(NamedTuple):
    """The `.grad` of another one, a new object now and then."""

    of: Any

    def get(self, leaves: Sequence[Tensor]) -> Any:
        return self.of.get(leaves).grad


class Entry(NamedTuple):
    """An attribute or an entry of a dict, that is set anew in each call; or a part of it."""

    owner: dict[str, Any]
    key: str
    number: int

    def get(self, leaves: Sequence[Tensor]) -> Any:
        inside: list[Tensor] = []
        flatten(self.owner[self.key], inside, [])
        return inside[self.number]
