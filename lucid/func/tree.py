"""Nested tuples, lists and dicts of tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lucid.tensor import Tensor

Rebuild = Callable[[Sequence[Any]], Any]


def flatten(tree: Any) -> tuple[list[Tensor], Rebuild]:
    """The tensors of a tree, and the function that puts others into their places.

    >>> import lucid
    >>> leaves, rebuild = flatten({"a": lucid.ones(()), "b": [lucid.zeros(()), 3]})
    >>> rebuild(["first", "second"])
    {'a': 'first', 'b': ['second', 3]}
    """
    leaves: list[Tensor] = []

    def taken(tensor: Tensor) -> _Hole:
        leaves.append(tensor)
        return _HOLE

    form = _walk(tree, Tensor, taken)  # which keeps no tensor alive

    def rebuild(replacements: Sequence[Any]) -> Any:
        fresh = iter(replacements)
        return _walk(form, _Hole, lambda _: next(fresh))

    return leaves, rebuild


class _Hole:
    """Where a tensor was."""


_HOLE = _Hole()


def _walk(tree: Any, kind: type, visit: Callable[[Any], Any]) -> Any:
    """The tree with visit(x) for each x of a kind, in order."""
    if isinstance(tree, kind):
        return visit(tree)
    if isinstance(tree, dict):
        return {key: _walk(value, kind, visit) for key, value in tree.items()}
    if isinstance(tree, tuple | list):
        parts = [_walk(value, kind, visit) for value in tree]
        # a named tuple takes its fields one by one
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
    return tree


def spread(prefix: Any, tree: Any) -> list[Any]:
    """A value for each tensor of `tree`, out of `prefix`, which has its form as far as it goes.

    >>> import lucid
    >>> spread((0, {"a": None}), (lucid.ones(()), {"a": [lucid.ones(()), lucid.ones(())]}))
    [0, None, None]
    """
    if isinstance(tree, Tensor):
        return [prefix]
    if isinstance(tree, dict):
        named = prefix if isinstance(prefix, dict) else dict.fromkeys(tree, prefix)
        return [value for key in tree for value in spread(named[key], tree[key])]
    if isinstance(tree, tuple | list):
        several = isinstance(prefix, tuple | list)
        if several and len(prefix) != len(tree):
            raise ValueError(f"got {prefix} for {len(tree)} values; give one for each, or one int")
        inner = prefix if several else [prefix] * len(tree)
        return [value for p, part in zip(inner, tree, strict=True) for value in spread(p, part)]
    return []
