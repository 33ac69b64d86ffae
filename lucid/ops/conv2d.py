"""2-D convolution, made of the 1-D one: windows along one axis become channels.

So the kernels of `lucid.kernels` serve here too, and every derivative is made of operations that
have theirs.
"""

from __future__ import annotations

from typing import Any

from lucid.ops.conv import conv1d, conv_transpose1d
from lucid.ops.frame import frame, overlap_add
from lucid.ops.math import add
from lucid.ops.pad import pad
from lucid.ops.shape import permute, reshape, transpose

Pair = tuple[int, ...]  # a setting for the height and one for the width
Sides = tuple[tuple[int, int], ...]  # before and after, of each


def conv2d(
    x: Any, w: Any, b: Any, *, stride: Pair, padding: Sides, dilation: Pair, groups: int
) -> Any:
    """Cross-correlation; see `lucid.nn.functional.conv2d` for the checked form.

    Shapes: x (N, C_in, H, W), w (C_out, C_in/groups, KH, KW), b (C_out,) or None.
    """
    if w.shape[2] > w.shape[3]:  # the 1-D convolution goes along the longer side of the kernel
        turned = conv2d(
            transpose(x, 2, 3), transpose(w, 2, 3), b, stride=stride[::-1], padding=padding[::-1],
            dilation=dilation[::-1], groups=groups,
        )  # fmt: skip
        return transpose(turned, 2, 3)
    N, C_in, _, W = x.shape
    C_out, Cg, KH, KW = w.shape
    if padding[0] != (0, 0):
        x = pad(x, (0, 0, *padding[0]))
    rows = frame(x, size=KH, hop=stride[0], dilation=dilation[0], dim=2)
    H = rows.shape[2]
    y = conv1d(
        reshape(permute(rows, 0, 2, 1, 3, 4), N * H, C_in * KH, W),
        reshape(w, C_out, Cg * KH, KW),
        b,
        stride=stride[1],
        padding=padding[1],
        dilation=dilation[1],
        groups=groups,
    )
    return transpose(reshape(y, N, H, C_out, y.shape[-1]), 1, 2)


def conv_transpose2d(
    x: Any,
    w: Any,
    b: Any,
    *,
    size: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> Any:
    """Transposed convolution; see `lucid.nn.functional.conv_transpose2d` for the checked form.

    Shapes: x (N, C_in, H, W), w (C_in, C_out/groups, KH, KW), b (C_out,) or None ->
    (N, C_out, *size). `padding` is what the top and the left lose, `size` decides the rest.
    """
    if w.shape[2] > w.shape[3]:
        turned = conv_transpose2d(
            transpose(x, 2, 3), transpose(w, 2, 3), b, size=size[::-1], stride=stride[::-1],
            padding=padding[::-1], dilation=dilation[::-1], groups=groups,
        )  # fmt: skip
        return transpose(turned, 2, 3)
    N, C_in, H, W = x.shape
    _, Og, KH, KW = w.shape
    rows = conv_transpose1d(
        reshape(transpose(x, 1, 2), N * H, C_in, W),
        reshape(w, C_in, Og * KH, KW),
        None,
        length=size[1],
        stride=stride[1],
        padding=padding[1],
        dilation=dilation[1],
        groups=groups,
    )
    rows = permute(reshape(rows, N, H, Og * groups, KH, size[1]), 0, 2, 1, 3, 4)
    y = overlap_add(rows, hop=stride[0], dilation=dilation[0], dim=2)
    top, bottom = padding[0], size[0] + padding[0] - y.shape[2]
    if (top, bottom) != (0, 0):
        y = pad(y, (0, 0, -top, bottom))
    return y if b is None else add(y, reshape(b, -1, 1, 1))
