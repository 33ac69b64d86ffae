"""Two halves of a computation at the same time.

A CPU stream of MLX is one thread, and the matmuls of a depthwise convolution are too small for the
threads of a BLAS, so a second stream is what keeps a second core busy. Measured on 2 cores: passes
over memory of up to 16 MB take half the time, and a change of streams 1 us.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import TypeVar

import mlx.core as mx

from lucid import _shards
from lucid._device import on_cpu
from lucid._sums import divided

Form = Callable[..., mx.array]
T = TypeVar("T")  # arrays
LEAST = 1 << 17  # elements of a signal; below, starting the second thread costs what it saves
JOIN = 128  # multiply-adds that take as long as copying a value


def at_once(first: Callable[[], T], second: Callable[[], T]) -> list[T]:
    """The results of both; on the CPU each is computed by a thread of its own."""
    several = on_cpu() and _shards.get_num_threads() > 1
    return _shards.each([first, second]) if several else [first(), second()]


def halved(form: Form, times: int = 1) -> Form:
    """form(x, w, length, ...) by halves of the samples or, of a single one, of the groups, where a
    signal has `times` LEAST elements."""

    @wraps(form)
    def both(x: mx.array, w: mx.array, length: int, *, groups: int, **place: int) -> mx.array:
        if not _worthwhile(x, groups, times):
            return form(x, w, length, groups=groups, **place)
        halves = _halves(partial(form, **place), x, w, length, groups, of_samples=False)
        return mx.concatenate(halves, 0 if x.shape[0] > 1 else 1)

    return both


def halved_matmul(form: Form, axis: int = 0) -> Form:
    """form(x, w, length, ...) of a dense convolution by halves, of one sample and one group of the
    channels of the result, which lie along this axis of w: 64 -> 64 K7 on (1, 64, 16000) 5.3 ms
    instead of 7.5."""

    @wraps(form)
    def both(x: mx.array, w: mx.array, length: int, *, groups: int, **place: int) -> mx.array:
        N, C_out = x.shape[0], w.shape[axis]
        products = w.size * N * min(length, x.shape[2])
        # The join copies each value of the result, and of an axis but the first w is copied.
        few = w.size < JOIN * C_out or (axis > 0 and x.shape[2] < 2 * JOIN)
        few = few or N == groups == C_out == 1
        if few or not _multiplies(products):
            return form(x, w, length, groups=groups, **place)
        if N == groups == 1:
            parts = divided(w, axis, C_out // 2)
            halves = at_once(*[partial(form, x, w, length, groups=1, **place) for w in parts])
        else:
            halves = _halves(partial(form, **place), x, w, length, groups, of_samples=False)
        return mx.concatenate(halves, 0 if N > 1 else 1)

    return both


def halved_weight_grad(form: Form) -> Form:
    """form(x, g, K, ...) likewise; the weight gradients of two halves of the samples add up."""

    @wraps(form)
    def both(x: mx.array, g: mx.array, K: int, *, groups: int, **place: int) -> mx.array:
        alone = x.shape[0] == groups == 1
        if alone and g.shape[1] > 1 and _multiplies(K * x.shape[1] * g.size):
            parts = divided(g, 1, g.shape[1] // 2)
            return mx.concatenate(
                at_once(*[partial(form, x, g, K, groups=1, **place) for g in parts])
            )
        if not _worthwhile(x, groups):
            return form(x, g, K, groups=groups, **place)
        halves = _halves(partial(form, **place), x, g, K, groups, of_samples=True)
        return halves[0] + halves[1] if x.shape[0] > 1 else mx.concatenate(halves)

    return both


def _halves(
    form: Form, x: mx.array, other: mx.array, size: int, groups: int, *, of_samples: bool
) -> list[mx.array]:
    """form(x, other, size, groups=...) of each half; `of_samples`: the other array has samples."""
    N = x.shape[0]
    counts = [groups, groups] if N > 1 else [groups // 2, groups - groups // 2]
    if N > 1:
        xs = divided(x, 0, N // 2)
        others = divided(other, 0, N // 2) if of_samples else (other, other)
    else:
        xs, others = _cut(x, 1, groups), _cut(other, int(of_samples), groups)
    parts = zip(xs, others, counts, strict=True)
    return at_once(*[partial(form, x, other, size, groups=n) for x, other, n in parts])


def _worthwhile(x: mx.array, groups: int, times: int = 1) -> bool:
    return (
        on_cpu()
        and not _shards.is_inside()
        and x.size >= times * LEAST
        and (x.shape[0] > 1 or groups > 1)
    )


def _multiplies(products: int) -> bool:
    alone = _shards.is_inside() or _shards.get_num_threads() == 1
    return on_cpu() and not alone and products >= 128 * LEAST


def _cut(a: mx.array, axis: int, groups: int) -> tuple[mx.array, mx.array]:
    """The part of the first half of the groups, and that of the others."""
    return divided(a, axis, a.shape[axis] // groups * (groups // 2))
