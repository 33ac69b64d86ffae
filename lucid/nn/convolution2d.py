"""2-D convolutions as functions: the checks around `lucid.ops.conv2d`."""

from __future__ import annotations

from typing import Any

from lucid import ops
from lucid.nn.check import floating, integer, sizes
from lucid.nn.convolution import check_bias, check_output_padding, padding_sides
from lucid.ops import conv2d as conv
from lucid.ops.autocast import autocasts
from lucid.ops.conv2d import Pair, Sides
from lucid.tensor import Tensor


@autocasts
def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation of images or spectrograms with a bank of filters.

    Shapes: input (N, C_in, H, W) or (C_in, H, W), weight (C_out, C_in/groups, KH, KW), bias
    (C_out,) -> (N, C_out, H_out, W_out), each size floor((size + 2p - d(K-1) - 1)/s + 1).

    Args:
        stride, dilation: an int, or one for the height and one for the width.
        padding: the same, or "valid" (0) or "same" (the sizes stay; stride 1 only).

    Raises:
        ValueError: shapes that do not fit, or a kernel larger than the padded input.
        TypeError: dtypes that differ.

    >>> import lucid
    >>> x, w = lucid.ones(1, 1, 4, 5), lucid.ones(2, 1, 3, 1)
    >>> lucid.nn.functional.conv2d(x, w, padding=(1, 0)).shape
    (1, 2, 4, 5)
    """
    kernel = kernel_sizes("conv2d", weight)
    s, d = sizes("conv2d", "stride", stride, 2), sizes("conv2d", "dilation", dilation, 2)
    sides = both_sides("conv2d", padding, kernel, s, d)
    return convolve2d(
        "conv2d", input, weight, bias, stride=s, sides=sides, dilation=d, groups=groups
    )


@autocasts
def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """Transposed convolution: every input element adds a scaled copy of the filter to the output.

    Shapes: input (N, C_in, H, W) or (C_in, H, W), weight (C_in, C_out/groups, KH, KW), bias
    (C_out,) -> (N, C_out, H_out, W_out), each (size-1)s - 2p + d(K-1) + output_padding + 1.

    Raises:
        ValueError: shapes that do not fit, an output of negative size, or an output_padding that
            is not smaller than stride or dilation.
        TypeError: dtypes that differ.

    >>> import lucid
    >>> x, w = lucid.ones(1, 2, 4, 5), lucid.ones(2, 3, 4, 1)
    >>> lucid.nn.functional.conv_transpose2d(x, w, stride=(2, 1), padding=(1, 0)).shape
    (1, 3, 8, 5)
    """
    name = "conv_transpose2d"
    kernel_sizes(name, weight)
    s, d = sizes(name, "stride", stride, 2), sizes(name, "dilation", dilation, 2)
    return transpose_convolve2d(
        name, input, weight, bias, stride=s, padding=sizes(name, "padding", padding, 2, 0),
        output_padding=sizes(name, "output_padding", output_padding, 2, 0), dilation=d,
        groups=integer(name, "groups", groups, 1),
    )  # fmt: skip


def kernel_sizes(name: str, weight: Any) -> Pair:
    floating(name, weight)
    if weight.ndim != 4 or 0 in weight.shape[2:]:
        raise ValueError(
            f"{name} expects a weight of 4 dimensions with at least one tap, got {weight.shape}"
        )
    return weight.shape[2:]


def both_sides(name: str, padding: Any, kernel: Pair, s: Pair, d: Pair) -> Sides:
    """What a padding, ints or a word, adds above and below, left and right."""
    if padding == "causal":
        raise ValueError(f'{name}: padding must be ints, "valid" or "same", got {padding!r}')
    each = (padding, padding) if isinstance(padding, str) else sizes(name, "padding", padding, 2, 0)
    tops, lefts = (padding_sides(name, *of) for of in zip(each, kernel, s, d, strict=True))
    return tops, lefts


@autocasts(like="conv2d")
def convolve2d(
    name: str,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    *,
    stride: Pair,
    sides: Sides,
    dilation: Pair,
    groups: int,
    mode: str = "zeros",
) -> Tensor:
    """`conv2d` with settings that are checked already; `name` is who speaks in the errors."""
    C_out, Cg, *kernel = weight.shape
    groups = integer(name, "groups", groups, 1)
    if C_out % groups:
        raise ValueError(f"{name}: {C_out} output channels do not divide into {groups} groups")
    _check_input(name, x, Cg * groups, weight, bias, C_out)
    for K, d, size, added in zip(kernel, dilation, x.shape[-2:], sides, strict=True):
        reach = d * (K - 1) + 1
        if size + sum(added) < reach:
            raise ValueError(
                f"{name}: the kernel reaches over dilation*(kernel_size-1)+1 = {reach} elements, "
                f"but the input of shape {x.shape} has {size} and the padding adds {added[0]} and "
                f"{added[1]}; give a larger input or more padding"
            )
    batched = x if x.ndim == 4 else ops.unsqueeze(x, 0)
    if mode != "zeros":
        batched, sides = ops.pad(batched, (*sides[1], *sides[0]), mode=mode), ((0, 0), (0, 0))
    y = conv.conv2d(
        batched, weight, bias, stride=stride, padding=sides, dilation=dilation, groups=groups
    )
    return y if x.ndim == 4 else ops.squeeze(y, 0)


@autocasts(like="conv_transpose2d")
def transpose_convolve2d(
    name: str,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    *,
    stride: Pair,
    padding: Pair,
    output_padding: Pair,
    dilation: Pair,
    groups: int,
) -> Tensor:
    """`conv_transpose2d` with settings that are checked already."""
    C_in, Og, *kernel = weight.shape
    if C_in % groups:
        raise ValueError(f"{name}: {C_in} input channels do not divide into {groups} groups")
    for extra, s, d in zip(output_padding, stride, dilation, strict=True):
        check_output_padding(name, extra, s, d)
    _check_input(name, x, C_in, weight, bias, Og * groups)
    least = least_size(x.shape[-2:], kernel, stride, padding, dilation)
    size = (least[0] + output_padding[0], least[1] + output_padding[1])
    if min(size) < 1:
        raise ValueError(
            f"{name}: an input of shape {x.shape} gives an output of {size[0]} by {size[1]} with "
            f"kernel_size={tuple(kernel)}, stride={stride}, padding={padding}, "
            f"dilation={dilation} and output_padding={output_padding}; use less padding or a "
            "larger input"
        )
    batched = x if x.ndim == 4 else ops.unsqueeze(x, 0)
    y = conv.conv_transpose2d(
        batched, weight, bias, size=size, stride=stride, padding=padding, dilation=dilation,
        groups=groups,
    )  # fmt: skip
    return y if x.ndim == 4 else ops.squeeze(y, 0)


def least_size(shape: Any, kernel: Any, stride: Pair, padding: Pair, dilation: Pair) -> Pair:
    """Height and width of a transposed convolution's output, without output_padding."""
    H, W = (
        (n - 1) * s - 2 * p + d * (K - 1) + 1
        for n, K, s, p, d in zip(shape, kernel, stride, padding, dilation, strict=True)
    )
    return H, W


def _check_input(
    name: str, x: Any, channels: int, weight: Tensor, bias: Tensor | None, C_out: int
) -> None:
    if not isinstance(x, Tensor):
        raise TypeError(f"{name} expects a Tensor, got {type(x).__name__}; use lucid.tensor(...)")
    if x.ndim not in (3, 4) or x.shape[-3] != channels:
        raise ValueError(
            f"{name} expects x of shape (N, {channels}, H, W) or ({channels}, H, W), got {x.shape}"
        )
    if 0 in x.shape[-2:]:
        raise ValueError(f"{name} expects at least one row and column, got x of shape {x.shape}")
    check_bias(name, x, weight, bias, C_out)
