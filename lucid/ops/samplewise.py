"""Operations by shards: where a sample of the result depends on that sample of the arrays alone.

Which arrays have samples is told by a rule of the op: `alike` and `first` below, or one of its own.
The others, such as weights, are shared: their gradients are the sums over the shards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import mlx.core as mx

from lucid import _shards
from lucid.autograd.tape import sum_to
from lucid.kernels.batching import is_mapping

Which = Sequence[bool]
Samples = Callable[..., "Which | None"]


def alike(*arrays: Any, **_: Any) -> Which | None:
    """Arrays that broadcast against each other: those that have the samples of the result."""
    given = [a for a in arrays if isinstance(a, mx.array)]
    ndim = max(a.ndim for a in given)
    lengths = {a.shape[0] for a in given if a.ndim == ndim} if ndim else {1}
    N = max(lengths)
    if N == 1 or not lengths <= {1, N} or not any(map(_shards.pays, given)):
        return None
    return [isinstance(a, mx.array) and a.ndim == ndim and len(a) == N for a in arrays]


def first(x: mx.array, *others: Any, **_: Any) -> Which | None:
    """The first array has samples, the others are shared."""
    return (True, *[False] * len(others)) if x.ndim and _shards.pays(x) else None


def convolved(x: mx.array, *others: Any, **_: Any) -> Which | None:
    """A convolution of x: more work than a pass over it."""
    return (True, *[False] * len(others)) if _shards.pays(x, times=16) else None


def reshaped(x: mx.array, shape: Sequence[int]) -> mx.array:
    """x in another shape; where that has the same samples, so have the shards."""
    if len(shape) == 0 or _shards.of(x) is None or shape[0] != x.shape[0]:
        return x.reshape(shape)
    return _shards.mapped(lambda part: part.reshape(len(part), *shape[1:]), x)


def by_shards(function: Callable, count: int, samples: Samples) -> Callable:
    """The function of an op, of `count` arrays (0: all there are), by shards where that pays."""

    def run(*given: Any, **settings: Any) -> Any:
        arrays, rest = (given[:count], given[count:]) if count else (given, ())
        if _shards.is_inside() or is_mapping() or any(map(_is_array, settings.values())):
            return function(*given, **settings)
        which = samples(*given, **settings)
        if which is None:
            return function(*given, **settings)
        try:
            parts = zip(*_parts(arrays, which), strict=True)
            found = _shards.each([partial(function, *part, *rest, **settings) for part in parts])
        except (ValueError, TypeError, IndexError, RuntimeError, OverflowError):
            return function(*given, **settings)  # its message is about all samples
        outs, rules = zip(*found, strict=True)
        rule = None if rules[0] is None else partial(_pulled, rules, arrays, which)
        if isinstance(outs[0], mx.array):
            return _shards.join(list(outs)), rule
        return tuple(_shards.join(list(parts)) for parts in zip(*outs, strict=True)), rule

    return run


def _is_array(x: Any) -> bool:
    return isinstance(x, mx.array)


def _parts(arrays: Sequence[Any], which: Which) -> list[Sequence[Any]]:
    """Of each array what each shard gets."""
    cut = [_shards.cut(a) if w else None for a, w in zip(arrays, which, strict=True)]
    n = next(len(shards) for shards in cut if shards is not None)
    return [[a] * n if c is None else c for a, c in zip(arrays, cut, strict=True)]


def _pulled(
    rules: Sequence[Callable], arrays: Sequence[Any], which: Which, *gradients: Any
) -> list[Any]:
    """The gradients of the arrays."""
    n = len(rules)
    shards = [[g] * n if g is None else _shards.cut(g) for g in gradients]
    pulls = [
        partial(_of_one, rule, arrays, which, part)
        for rule, part in zip(rules, zip(*shards, strict=True), strict=True)
    ]
    found: list[Any] = []
    for has_samples, parts in zip(which, zip(*_shards.each(pulls), strict=True), strict=True):
        if parts[0] is None:
            found.append(None)
        else:
            found.append(_shards.join(list(parts)) if has_samples else _shards.added(parts))
    return found


def _of_one(
    rule: Callable, arrays: Sequence[Any], which: Which, gradients: Sequence[Any]
) -> list[Any]:
    """The gradients by one shard; those of shared arrays are of their shapes."""
    found = rule(*gradients)
    found = found if isinstance(found, tuple | list) else (found,)
    fitted: list[Any] = []
    for g, a, has_samples in zip(found, arrays, which, strict=True):
        if g is None or not isinstance(a, mx.array):  # of a number nobody asks for a gradient
            fitted.append(None)
        else:
            fitted.append(g if has_samples else sum_to(g, a.shape))
    return fitted
