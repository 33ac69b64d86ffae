"""Operations by shards: where a sample of the result depends on that sample of the arrays alone.

Which arrays have samples is told by a rule of the op: one of those below, or one of its own. The
others, such as weights, are shared: their gradients are the sums over the shards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import mlx.core as mx

from lucid import _shards
from lucid.autograd.tape import sum_to
from lucid.kernels.batching import is_mapping


class Which(NamedTuple):
    """What has samples, and is cut: of the arrays each that is True, and the named settings."""

    arrays: Sequence[bool]
    settings: Sequence[str] = ()


Samples = Callable[..., "Which | None"]  # takes what the op takes; None: nothing is cut


# Rules -------------------------------------------------------------------------------------------


def together(*arrays: Any, **settings: Any) -> Which | None:
    """Arrays that broadcast against each other: those that have the samples of the result."""
    given = [a for a in (*arrays, *settings.values()) if isinstance(a, mx.array)]
    ndim = max(a.ndim for a in given)
    lengths = {a.shape[0] for a in given if a.ndim == ndim} if ndim else {1}
    N = max(lengths)
    if N == 1 or not lengths <= {1, N}:
        return None

    def has_samples(a: Any) -> bool:
        return isinstance(a, mx.array) and a.ndim == ndim and len(a) == N

    return Which([*map(has_samples, arrays)], [n for n, a in settings.items() if has_samples(a)])


def alike(*arrays: Any, **settings: Any) -> Which | None:
    """The same, where one is so large that it pays."""
    worth = any(isinstance(a, mx.array) and a.ndim and _shards.pays(a) for a in arrays)
    return together(*arrays, **settings) if worth else None


def first(x: mx.array, *_: Any, **__: Any) -> Which | None:
    """The first array has samples, the others are shared."""
    return Which([True]) if x.ndim and _shards.pays(x) else None


def convolved(x: mx.array, *_: Any, **__: Any) -> Which | None:
    """A convolution of x: more work than a pass over it."""
    return Which([True]) if _shards.pays(x, times=16) else None


def within(x: mx.array, /, dim: Any = None, *_: Any, **__: Any) -> Which | None:
    """Samples of x of which each is worked on along `dim`, other than the first; None is all."""
    dims = dim if isinstance(dim, tuple | list) else [dim]
    others = [d for d in dims if type(d) is int and d not in (0, -x.ndim)]
    return first(x) if dims and len(others) == len(dims) else None


def multiplied(x: mx.array, columns: int) -> bool:
    """Whether a product of the rows of x with so many columns pays: 32 take as long as a pass."""
    return _shards.pays(x, times=max(1, columns // 32))


last = partial(within, dim=-1)


# What they are for -------------------------------------------------------------------------------


def reshaped(x: mx.array, shape: Sequence[int]) -> mx.array:
    """x in another shape; where its shards are shards of that too, they stay."""
    whole, shards = x.reshape(shape), _shards.of(x)
    if shards is None or whole.ndim == 0 or _shards.is_inside():
        return whole
    lengths, rest = _shards.lengths(len(whole)), whole.shape[1:]
    if [n * x.size for n in lengths] != [len(whole) * part.size for part in shards]:
        return whole
    parts = zip(lengths, shards, strict=True)
    return _shards.join(_shards.each([partial(part.reshape, n, *rest) for n, part in parts]))


def transposed(x: mx.array, axes: Sequence[int]) -> mx.array:
    """x with its axes in another order; where the first stays, so do the shards."""
    if len(axes) == 0 or axes[0] != 0:
        return mx.transpose(x, axes)
    return _shards.mapped(lambda part: mx.transpose(part, axes), x)


def expanded(x: mx.array, shape: Sequence[int]) -> mx.array:
    """x repeated to a shape; of the same samples, in the same shards."""
    whole = mx.broadcast_to(x, shape)
    if x.ndim == 0 or x.ndim != len(shape) or len(x) != shape[0]:
        return whole
    rest = shape[1:]
    return _shards.mapped(lambda part: mx.broadcast_to(part, (len(part), *rest)), x)


def by_shards(function: Callable, count: int, samples: Samples) -> Callable:
    """The function of an op, of `count` arrays (0: all there are), by shards where that pays."""

    def run(*given: Any, **settings: Any) -> Any:
        if _shards.is_inside() or is_mapping():
            return function(*given, **settings)
        which = samples(*given, **settings)
        if which is None:
            return function(*given, **settings)
        has_samples = _of_each(given, which)
        try:
            found = _shards.each(_calls(function, given, has_samples, settings, which.settings))
        except (ValueError, TypeError, IndexError, RuntimeError, OverflowError):
            return function(*given, **settings)  # its message is about all samples
        outs, rules = zip(*found, strict=True)
        rule = rules[0]
        if rule is not None:
            arrays = given[:count] if count else given
            shapes = [a.shape if isinstance(a, mx.array) else None for a in arrays]
            rule = partial(_pulled, rules, shapes, has_samples[: len(arrays)])
        if isinstance(outs[0], mx.array):
            return _shards.join(list(outs)), rule
        return tuple(_shards.join(list(parts)) for parts in zip(*outs, strict=True)), rule

    return run


def _of_each(given: Sequence[Any], which: Which) -> list[bool]:
    """Whether it has samples; a rule leaves out the last that have none."""
    told = which.arrays[: len(given)]
    return [*told, *[False] * (len(given) - len(told))]


def _calls(
    function: Callable,
    given: Sequence[Any],
    has_samples: Sequence[bool],
    settings: dict[str, Any],
    names: Sequence[str],
) -> list[Callable]:
    """The function of each shard."""
    cut = [_shards.cut(a) if w else None for a, w in zip(given, has_samples, strict=True)]
    named = {name: _shards.cut(settings[name]) for name in names}
    n = len(next(shards for shards in (*cut, *named.values()) if shards is not None))
    calls: list[Callable] = []
    for i in range(n):
        arrays = [a if shards is None else shards[i] for a, shards in zip(given, cut, strict=True)]
        part = {**settings, **{name: shards[i] for name, shards in named.items()}}
        calls.append(partial(function, *arrays, **part))
    return calls


def _pulled(
    rules: Sequence[Callable],
    shapes: Sequence[Any],
    has_samples: Sequence[bool],
    *gradients: Any,
) -> list[Any]:
    """The gradients of the arrays, which have these shapes (None: a number)."""
    n = len(rules)
    shards = [[g] * n if g is None else _shards.cut(g, n) for g in gradients]
    pulls = [
        partial(_of_one, rule, shapes, has_samples, part)
        for rule, part in zip(rules, zip(*shards, strict=True), strict=True)
    ]
    found: list[Any] = []
    for joins, parts in zip(has_samples, zip(*_shards.each(pulls), strict=True), strict=True):
        if parts[0] is None:
            found.append(None)
        else:
            found.append(_shards.join(list(parts)) if joins else _shards.added(parts))
    return found


def _of_one(
    rule: Callable, shapes: Sequence[Any], has_samples: Sequence[bool], gradients: Sequence[Any]
) -> list[Any]:
    """The gradients by one shard; those of shared arrays are of their shapes."""
    found = rule(*gradients)
    found = found if isinstance(found, tuple | list) else (found,)
    fitted: list[Any] = []
    for g, shape, joins in zip(found, shapes, has_samples, strict=True):
        if g is None or shape is None:  # of a number nobody asks for a gradient
            fitted.append(None)
        else:
            fitted.append(g if joins else sum_to(g, shape))
    return fitted
