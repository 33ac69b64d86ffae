"""Convolutions as functions: the checks, and how a padding becomes samples left and right."""

from __future__ import annotations

from typing import Any

from lucid import ops
from lucid.nn.check import floating, integer, single
from lucid.ops import conv
from lucid.ops.autocast import autocasts
from lucid.tensor import Tensor

Sides = tuple[int, int]  # samples added left and right


@autocasts
def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation of a signal with a bank of filters.

    Shapes: input (N, C_in, L) or (C_in, L), weight (C_out, C_in/groups, K), bias (C_out,) ->
    (N, C_out, L_out) or (C_out, L_out) with L_out = floor((L + 2p - d(K-1) - 1)/s + 1).

    Args:
        padding: samples of zeros on both sides, "valid" (0), "same" (the length stays; stride 1
            only) or "causal" (d(K-1) on the left).

    Raises:
        ValueError: shapes that do not fit, or a kernel longer than the padded input.
        TypeError: dtypes that differ.

    >>> import lucid
    >>> x = lucid.tensor([[1.0, 2.0, 3.0]])
    >>> lucid.nn.functional.conv1d(x, lucid.tensor([[[1.0, 0.5]]]))
    Tensor([[2. , 3.5]], grad=None)
    """
    K = _kernel_size("conv1d", weight)
    s, d = single("conv1d", "stride", stride), single("conv1d", "dilation", dilation)
    sides = padding_sides("conv1d", padding, K, s, d)
    return convolve("conv1d", input, weight, bias, stride=s, sides=sides, dilation=d, groups=groups)


@autocasts
def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """Transposed convolution: every input sample adds a scaled copy of the filter to the output.

    The arguments stand in torch's order, which is not that of `nn.ConvTranspose1d`.

    Shapes: input (N, C_in, L) or (C_in, L), weight (C_in, C_out/groups, K), bias (C_out,) ->
    (N, C_out, L_out) with L_out = (L-1)s - 2p + d(K-1) + output_padding + 1.

    Raises:
        ValueError: shapes that do not fit, an output of negative length, or an output_padding
            that is not smaller than stride or dilation.
        TypeError: dtypes that differ.

    >>> import lucid
    >>> x = lucid.tensor([[1.0, 2.0, 3.0]])
    >>> lucid.nn.functional.conv_transpose1d(x, lucid.tensor([[[1.0, 0.5]]]))
    Tensor([[1. , 2.5, 4. , 1.5]], grad=None)
    """
    name = "conv_transpose1d"
    _kernel_size(name, weight)
    s, d = single(name, "stride", stride), single(name, "dilation", dilation)
    extra = check_output_padding(name, output_padding, s, d)
    return transpose_convolve(
        name, input, weight, bias, stride=s, padding=transposed_padding(name, padding),
        output_padding=extra, dilation=d, groups=integer(name, "groups", groups, 1),
    )  # fmt: skip


def _kernel_size(name: str, weight: Any) -> int:
    floating(name, weight)
    if weight.ndim != 3 or weight.shape[-1] == 0:
        raise ValueError(
            f"{name} expects a weight of 3 dimensions with at least one tap, got {weight.shape}"
        )
    return weight.shape[-1]


# Paddings ---------------------------------------------------------------------------------------


def padding_sides(name: str, padding: Any, K: int, s: int, d: int) -> Sides:
    """The samples that a padding, an int or a word, adds left and right of any input."""
    if not isinstance(padding, str):
        p = single(name, "padding", padding, 0)
        return p, p
    reach = d * (K - 1)
    if padding == "valid":
        return 0, 0
    if padding == "causal":
        return reach, 0
    if padding == "same":
        if s != 1:
            raise ValueError(
                f'{name}: padding="same" keeps the length, which stride {s} cannot; use stride 1, '
                f"or an int such as padding={reach // 2}"
            )
        return reach // 2, reach - reach // 2
    raise ValueError(
        f'{name}: padding must be an int, "valid", "same" or "causal", got {padding!r}'
    )


def transposed_padding(name: str, padding: Any) -> int | str:
    if isinstance(padding, str):
        if padding not in ("valid", "same"):
            raise ValueError(f'{name}: padding must be an int, "valid" or "same", got {padding!r}')
        return padding
    return single(name, "padding", padding, 0)


def check_output_padding(name: str, output_padding: Any, s: int, d: int) -> int:
    """An output padding, which only tells apart lengths that one convolution maps to one."""
    extra = single(name, "output_padding", output_padding, 0)
    if extra >= max(s, d):
        raise ValueError(
            f"{name}: output_padding must be smaller than stride or dilation "
            f"(stride={s}, dilation={d}), got {extra}"
        )
    return extra


# The checked calls ------------------------------------------------------------------------------


@autocasts(like="conv1d")
def convolve(
    name: str,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    *,
    stride: int,
    sides: Sides,
    dilation: int,
    groups: int,
    mode: str = "zeros",
) -> Tensor:
    """`conv1d` with settings that are checked already; `name` is who speaks in the errors."""
    C_out, Cg, K = weight.shape
    groups = integer(name, "groups", groups, 1)
    if C_out % groups:
        raise ValueError(f"{name}: {C_out} output channels do not divide into {groups} groups")
    check_input(name, x, Cg * groups, weight, bias, C_out)
    reach, L = dilation * (K - 1) + 1, x.shape[-1]
    if L + sum(sides) < reach:
        raise ValueError(
            f"{name}: the kernel reaches over dilation*(kernel_size-1)+1 = {reach} samples, but "
            f"the input has {L} and the padding adds {sides[0]} and {sides[1]}; "
            "give a longer input or more padding"
        )
    batched = x if x.ndim == 3 else ops.unsqueeze(x, 0)
    if mode != "zeros" and sides != (0, 0):
        batched, sides = ops.pad(batched, sides, mode=mode), (0, 0)
    y = conv.conv1d(
        batched, weight, bias, stride=stride, padding=sides, dilation=dilation, groups=groups
    )
    return y if x.ndim == 3 else ops.squeeze(y, 0)


@autocasts(like="conv_transpose1d")
def transpose_convolve(
    name: str,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    *,
    stride: int,
    padding: int | str,
    output_padding: int,
    dilation: int,
    groups: int,
) -> Tensor:
    """`conv_transpose1d` with settings that are checked already."""
    C_in, Og, K = weight.shape
    if C_in % groups:
        raise ValueError(f"{name}: {C_in} input channels do not divide into {groups} groups")
    check_input(name, x, C_in, weight, bias, Og * groups)
    L = x.shape[-1]
    full = (L - 1) * stride + dilation * (K - 1) + 1
    if padding == "same":
        left, length = max(full - L * stride, 0) // 2, L * stride
    else:
        left = 0 if isinstance(padding, str) else padding
        length = full - 2 * left + output_padding
    if length < 0:
        raise ValueError(
            f"{name}: an input of length {L} gives an output of length {length} with "
            f"kernel_size={K}, stride={stride}, padding={left}, dilation={dilation} and "
            f"output_padding={output_padding}; use less padding or a longer input"
        )
    batched = x if x.ndim == 3 else ops.unsqueeze(x, 0)
    y = conv.conv_transpose1d(
        batched, weight, bias, length=length, stride=stride, padding=left, dilation=dilation,
        groups=groups,
    )  # fmt: skip
    return y if x.ndim == 3 else ops.squeeze(y, 0)


def check_input(
    name: str, x: Any, channels: int, weight: Tensor, bias: Tensor | None, C_out: int
) -> None:
    """Refuse what is not a signal of the right channels and dtype."""
    if not isinstance(x, Tensor):
        raise TypeError(f"{name} expects a Tensor, got {type(x).__name__}; use lucid.tensor(...)")
    if x.ndim not in (2, 3) or x.shape[-2] != channels:
        raise ValueError(
            f"{name} expects x of shape (N, {channels}, L) or ({channels}, L), got {x.shape}"
            + ("; channels come before time" if x.ndim in (2, 3) else "")
        )
    if x.shape[-1] == 0:
        raise ValueError(f"{name} expects at least one sample, got x of shape {x.shape}")
    check_bias(name, x, weight, bias, C_out)


def check_bias(name: str, x: Tensor, weight: Tensor, bias: Tensor | None, C_out: int) -> None:
    """Refuse dtypes that differ, and a bias that does not fit."""
    if x.dtype != weight.dtype:
        raise TypeError(
            f"{name} expects x of dtype {weight.dtype}, that of its weight, got {x.dtype}; "
            "convert one of them, e.g. x.to(layer.weight.dtype)"
        )
    if bias is None:
        return
    if not isinstance(bias, Tensor) or bias.dtype != weight.dtype:
        got = bias.dtype if isinstance(bias, Tensor) else type(bias).__name__
        raise TypeError(f"{name} expects a bias Tensor of dtype {weight.dtype}, got {got}")
    if bias.shape != (C_out,):
        raise ValueError(f"{name} expects a bias of shape ({C_out},), got {bias.shape}")
