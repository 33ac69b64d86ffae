"""Pooling as functions, along one dimension or two.

Shapes: (N, C, L) or (C, L) in one dimension, (N, C, H, W) or (C, H, W) in two. The output is as
long as windows fit, L_out = floor((L + 2p - d(K-1) - 1) / s + 1), and so for each dimension. All
settings are an int, or one for each dimension; the stride is the kernel size unless given.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import mlx.core as mx

from lucid import ops
from lucid.autograd import laziness
from lucid.nn.check import floating, sizes
from lucid.ops import pool
from lucid.ops.cast import in_float32
from lucid.ops.device import on_device
from lucid.tensor import Tensor


class Window(NamedTuple):
    """The settings along one dimension."""

    K: int
    s: int
    p: int
    d: int


def windows(
    name: str, n: int, kernel_size: Any, stride: Any, padding: Any = 0, dilation: Any = 1
) -> list[Window]:
    """The settings of each of n dimensions, checked."""
    K = sizes(name, "kernel_size", kernel_size, n)
    s = K if stride in (None, (), []) else sizes(name, "stride", stride, n)
    p = sizes(name, "padding", padding, n, 0)
    found = [Window(*w) for w in zip(K, s, p, sizes(name, "dilation", dilation, n), strict=True)]
    for w in found:
        if w.p > (w.d * (w.K - 1) + 1) // 2:
            raise ValueError(
                f"{name}: padding must be at most half of the kernel, "
                f"{(w.d * (w.K - 1) + 1) // 2} for kernel_size={w.K} and dilation={w.d}, got {w.p}"
            )
    return found


def check_input(name: str, x: Any, n: int) -> None:
    floating(name, x)
    if x.ndim not in (n + 1, n + 2) or 0 in x.shape[1 if x.ndim == n + 2 else 0 :]:
        rest = ("L", "H, W", "D, H, W")[n - 1]
        raise ValueError(
            f"{name} expects x of shape (N, C, {rest}) or (C, {rest}) with {rest} at least 1, "
            f"got {x.shape}"
        )


def _counts(name: str, x: Tensor, found: list[Window], ceil_mode: bool) -> list[int]:
    check_input(name, x, len(found))
    counts = [
        pool.output_length(L, *w, ceil_mode)
        for L, w in zip(x.shape[-len(found) :], found, strict=True)
    ]
    for count, w in zip(counts, found, strict=True):
        if count < 1:
            raise ValueError(
                f"{name}: a kernel of kernel_size={w.K} and dilation={w.d} does not fit into x of "
                f"shape {x.shape} with padding={w.p}; make the kernel smaller or the input larger"
            )
    return counts


def each_dimension(x: Tensor, n: int, function: Callable[[Tensor, int], Tensor]) -> Tensor:
    """function(x, i), which acts on the last dimension, for the last n dimensions, i-th of n."""
    for i in reversed(range(n)):
        if i == n - 1:
            x = function(x, i)
        else:
            x = ops.transpose(function(ops.transpose(x, i - n, -1), i), i - n, -1)
    return x


def at_largest(x: Tensor, n: int, find: Callable[[mx.array, int], mx.array]) -> Any:
    """The values at the places that find(array, i) names along its last axis, for the last n axes
    one after the other; and the places, counted through all n axes."""
    with on_device(x.device):
        best, places = x.array, mx.array(0)
        for i in reversed(range(n)):
            best = mx.swapaxes(best, i - n, -1)
            at = find(best, i)
            best = mx.swapaxes(mx.take_along_axis(best, at, axis=-1), i - n, -1)
            at = mx.swapaxes(at, i - n, -1)
            if i < n - 1:  # what lies there in the axes before
                before = mx.take_along_axis(places, at, axis=i - n)
                at = before + at * math.prod(x.shape[i - n + 1 :])
            places = at
        index = places.astype(mx.int64)
        last = index.reshape(*x.shape[:-n], math.prod(index.shape[-n:]))
    values = pool.take_last(ops.reshape(x, *x.shape[:-n], math.prod(x.shape[-n:])), last)
    return ops.reshape(values, *index.shape), Tensor._wrap(index, x.device)


# Largest elements --------------------------------------------------------------------------------


def max_pool1d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window; padding is never the largest.

    `return_indices` gives a pair: the values, and where in the input each lies.

    Shapes: (N, C, L) or (C, L) -> (..., floor((L + 2p - d(K-1) - 1) / s + 1)).

    Raises:
        ValueError: a kernel that does not fit; padding over half of it.

    >>> import lucid
    >>> lucid.nn.functional.max_pool1d(lucid.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    Tensor([[3., 2.]], grad=None)
    """
    found = windows("max_pool1d", 1, kernel_size, stride, padding, dilation)
    return max_pool("max_pool1d", input, found, ceil_mode, return_indices)


def max_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window; indices count through height and width, row by row.

    Shapes: input (N, C, H, W) or (C, H, W).

    >>> lucid.max_pool2d(lucid.arange(16.0).reshape(1, 4, 4), 2)
    Tensor([[[ 5.,  7.],
             [13., 15.]]], grad=None)
    """
    found = windows("max_pool2d", 2, kernel_size, stride, padding, dilation)
    return max_pool("max_pool2d", input, found, ceil_mode, return_indices)


def max_pool1d_with_indices(*args: Any, **settings: Any) -> Any:
    """`max_pool1d` with return_indices=True.

    >>> values, indices = lucid.max_pool1d_with_indices(lucid.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    >>> indices
    Tensor([[1, 2]], grad=None)
    """
    return max_pool1d(*args, **{**settings, "return_indices": True})


def max_pool2d_with_indices(*args: Any, **settings: Any) -> Any:
    """`max_pool2d` with return_indices=True: the values, and where each lies, row by row.

    >>> import lucid
    >>> x = lucid.tensor([[[1.0, 3.0], [2.0, 0.0]]])
    >>> values, indices = lucid.nn.functional.max_pool2d_with_indices(x, 2)
    >>> values.tolist(), indices.tolist()
    ([[[3.0]]], [[[1]]])
    """
    return max_pool2d(*args, **{**settings, "return_indices": True})


def max_pool(
    name: str, x: Tensor, found: list[Window], ceil_mode: bool, return_indices: bool
) -> Any:
    """`max_pool1d` or `max_pool2d` with settings that are checked already."""
    n, counts = len(found), _counts(name, x, found, ceil_mode)
    settings = [{**w._asdict(), "count": c} for w, c in zip(found, counts, strict=True)]
    if return_indices:
        return at_largest(x, n, lambda a, i: pool.largest_at(a, **settings[i]))
    return each_dimension(x, n, lambda a, i: pool.max_pool(a, **settings[i]))


def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    """Zeros, with the elements of the input where `max_pool1d` says that it found them.

    Shapes: input and indices (N, C, L) or (C, L) -> (..., (L-1)s - 2p + K), or an `output_size`
    less than one stride from that.

    Raises:
        IndexError: an index past the output.
        TypeError: indices that are not int64.
        ValueError: indices of another shape than the input; another output_size.

    >>> import lucid
    >>> x, indices = lucid.tensor([[5.0, 7.0]]), lucid.tensor([[1, 2]])
    >>> lucid.nn.functional.max_unpool1d(x, indices, 2).tolist()
    [[0.0, 5.0, 7.0, 0.0]]
    """
    return _unpooled("max_unpool1d", input, indices, kernel_size, stride, padding, output_size, 1)


def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    """Zeros, with the elements of the input where `max_pool2d` says that it found them.

    Shapes: input and indices (N, C, H, W) or (C, H, W); sizes and errors as `max_unpool1d`.

    >>> import lucid
    >>> x, indices = lucid.tensor([[[5.0]]]), lucid.tensor([[[2]]])
    >>> lucid.nn.functional.max_unpool2d(x, indices, 2).tolist()
    [[[0.0, 0.0], [5.0, 0.0]]]
    """
    return _unpooled("max_unpool2d", input, indices, kernel_size, stride, padding, output_size, 2)


def _unpooled(
    name: str, x: Tensor, indices: Tensor, kernel_size: Any, stride: Any, padding: Any,
    output_size: Any, n: int,
) -> Tensor:  # fmt: skip
    check_input(name, x, n)
    found = windows(name, n, kernel_size, stride, padding)
    if not isinstance(indices, Tensor) or indices.dtype != mx.int64:
        raise TypeError(f"{name} expects indices as a Tensor of int64, got {indices!r:.60}")
    if indices.shape != x.shape:
        raise ValueError(f"{name} expects indices of shape {x.shape}, got {indices.shape}")
    default = [(L - 1) * w.s - 2 * w.p + w.K for L, w in zip(x.shape[-n:], found, strict=True)]
    out = default if output_size is None else list(output_size)[-n:]
    if len(out) != n or any(
        not d - w.s < o < d + w.s for o, d, w in zip(out, default, found, strict=False)
    ):
        raise ValueError(
            f"{name}: output_size must be within one stride of {default}, got {output_size}"
        )
    size, index = math.prod(out), indices.array
    if index.size and not laziness.is_tracing():
        low, high = int(index.min()), int(index.max())
        if low < 0 or high >= size:
            raise IndexError(f"{name}: indices from {low} to {high} do not fit into {out}")
    lead = x.shape[:-n]
    flat = ops.reshape(x, *lead, math.prod(x.shape[-n:]))
    y = pool.unpool(flat, index=index.reshape(flat.shape), size=size)
    return ops.reshape(y, *lead, *out)


# Means -------------------------------------------------------------------------------------------


def avg_pool1d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window; padding counts as zeros, or not at all.

    Shapes: (N, C, L) or (C, L) -> (..., floor((L + 2p - K) / s + 1)).

    Raises:
        ValueError: a kernel that does not fit; padding over half of it.

    >>> import lucid
    >>> lucid.nn.functional.avg_pool1d(lucid.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    Tensor([[2., 1.]], grad=None)
    """
    found = windows("avg_pool1d", 1, kernel_size, stride, padding)
    return avg_pool(input, "avg_pool1d", found, ceil_mode, count_include_pad)


def avg_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window; `divisor_override` divides by another number.

    Shapes: (N, C, H, W) or (C, H, W).

    Raises:
        ValueError: a kernel that does not fit, padding over half of it, a divisor of 0.

    >>> import lucid
    >>> lucid.nn.functional.avg_pool2d(lucid.tensor([[[1.0, 3.0], [2.0, 0.0]]]), 2).tolist()
    [[[1.5]]]
    """
    found = windows("avg_pool2d", 2, kernel_size, stride, padding)
    return avg_pool(input, "avg_pool2d", found, ceil_mode, count_include_pad, divisor_override)


@in_float32
def avg_pool(
    input: Tensor,
    name: str,
    found: list[Window],
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None = None,
) -> Tensor:
    """`avg_pool1d` or `avg_pool2d` with settings that are checked already."""
    n, counts = len(found), _counts(name, input, found, ceil_mode)
    settings = [
        {"K": w.K, "s": w.s, "p": w.p, "count": c} for w, c in zip(found, counts, strict=True)
    ]
    sums = each_dimension(input, n, lambda a, i: pool.sum_pool(a, **settings[i]))
    if divisor_override is not None:
        if divisor_override == 0:
            raise ValueError(f"{name}: divisor_override must not be 0")
        return sums / divisor_override
    for i, L in enumerate(input.shape[-n:]):
        held = pool.window_sizes(L, **settings[i], with_padding=count_include_pad)
        if set(held) == {found[i].K}:
            sums = sums * (1 / found[i].K)
        else:
            sums = sums * mx.array([1 / h for h in held], sums.dtype).reshape(
                -1, *[1] * (n - 1 - i)
            )
    return sums


def lp_pool1d(
    input: Tensor,
    norm_type: float,
    kernel_size: Any,
    stride: Any = None,
    ceil_mode: bool = False,
) -> Tensor:
    """(sum x**p)**(1/p) of each window, p being the `norm_type`.

    Shapes: (N, C, L) or (C, L). An odd p gives NaN where the sum is below 0, as in torch.

    Raises:
        ValueError: a kernel that does not fit.

    >>> import lucid
    >>> lucid.nn.functional.lp_pool1d(lucid.tensor([[3.0, 4.0]]), 2, 2)
    Tensor([[5.]], grad=None)
    """
    means = avg_pool1d(ops.pow(input, norm_type), kernel_size, stride, 0, ceil_mode)
    return _rooted(means, norm_type, sizes("lp_pool1d", "kernel_size", kernel_size, 1))


def lp_pool2d(
    input: Tensor,
    norm_type: float,
    kernel_size: Any,
    stride: Any = None,
    ceil_mode: bool = False,
) -> Tensor:
    """(sum x**p)**(1/p) of each window, p being the `norm_type`.

    Shapes: (N, C, H, W) or (C, H, W).

    Raises:
        ValueError: a kernel that does not fit.

    >>> import lucid
    >>> lucid.nn.functional.lp_pool2d(lucid.ones(1, 2, 2), 2, 2)
    Tensor([[[2.]]], grad=None)
    """
    means = avg_pool2d(ops.pow(input, norm_type), kernel_size, stride, 0, ceil_mode)
    return _rooted(means, norm_type, sizes("lp_pool2d", "kernel_size", kernel_size, 2))


def _rooted(means: Tensor, norm_type: float, kernel: tuple[int, ...]) -> Tensor:
    positive = ops.sign(means) * ops.relu(ops.abs(means))
    return ops.pow(positive * math.prod(kernel), 1 / norm_type)
