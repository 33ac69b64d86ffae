"""Patches of images as columns, and back: `unfold`, `fold` and their modules.

A signal is an image of height 1, its frames patches of kernel size (1, K). `lucid.ops.frame` and
`overlap_add`, of which these are made, do the same along one dimension of anything.
"""

from __future__ import annotations

import math
from typing import Any

from lucid import ops
from lucid.nn.applied import Applied
from lucid.nn.check import sizes
from lucid.tensor import Tensor


def unfold(
    input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """All patches of an image, each as a column.

    Shapes: input (N, C, H, W) or (C, H, W) -> (N, C*KH*KW, T) or (C*KH*KW, T), where T counts the
    patches, row by row. All settings are an int, or one for the height and one for the width.

    Raises:
        ValueError: a kernel larger than the padded input.

    >>> import lucid
    >>> lucid.nn.functional.unfold(lucid.arange(4.0).reshape(1, 1, 4), (1, 2), stride=2).tolist()
    [[0.0, 2.0], [1.0, 3.0]]
    """
    K, d, p, s = _settings("unfold", kernel_size, dilation, padding, stride)
    if input.ndim not in (3, 4) or 0 in input.shape[-3:]:
        raise ValueError(
            f"unfold expects x of shape (N, C, H, W) or (C, H, W) without a size 0 but N, "
            f"got {input.shape}"
        )
    rows, columns = _counts("unfold", input.shape[-2:], K, d, p, s)
    x = input if input.ndim == 4 else ops.unsqueeze(input, 0)
    x = ops.pad(x, (p[1], p[1], p[0], p[0]))
    x = ops.frame(x, size=K[0], hop=s[0], dilation=d[0], dim=2)
    x = ops.frame(x, size=K[1], hop=s[1], dilation=d[1], dim=4)
    N, C = x.shape[:2]  # now (N, C, rows, KH, columns, KW)
    x = ops.reshape(ops.permute(x, 0, 1, 3, 5, 2, 4), N, C * math.prod(K), rows * columns)
    return x if input.ndim == 4 else ops.squeeze(x, 0)


def fold(
    input: Tensor,
    output_size: Any,
    kernel_size: Any,
    dilation: Any = 1,
    padding: Any = 0,
    stride: Any = 1,
) -> Tensor:
    """The sum of patches, each put where `unfold` found it: its transpose, not its inverse.

    Shapes: input (N, C*KH*KW, T) or (C*KH*KW, T) -> (N, C, *output_size) or (C, *output_size).

    Raises:
        ValueError: a number of rows or of columns that does not fit the settings.

    >>> import lucid
    >>> patches = lucid.ones(1, 2, 3)  # of two samples each
    >>> lucid.nn.functional.fold(patches, (1, 4), (1, 2)).tolist()
    [[[[1.0, 2.0, 2.0, 1.0]]]]
    """
    K, d, p, s = _settings("fold", kernel_size, dilation, padding, stride)
    out = sizes("fold", "output_size", output_size, 2)
    rows, columns = _counts("fold", out, K, d, p, s)
    taps = math.prod(K)
    shape = input.shape[-2:]
    if input.ndim not in (2, 3) or shape[0] % taps or shape[1] != rows * columns or 0 in shape:
        raise ValueError(
            f"fold expects x of shape (N, C*{taps}, {rows * columns}) for output_size={out}, "
            f"kernel_size={K}, dilation={d}, padding={p} and stride={s}, got {input.shape}"
        )
    x = input if input.ndim == 3 else ops.unsqueeze(input, 0)
    N, C = x.shape[0], shape[0] // taps
    x = ops.permute(ops.reshape(x, N, C, *K, rows, columns), 0, 1, 4, 2, 5, 3)
    x = ops.overlap_add(x, hop=s[1], dilation=d[1], dim=4)
    x = ops.overlap_add(x, hop=s[0], dilation=d[0], dim=2)
    ends = [n + q - m for n, q, m in zip(out, p, x.shape[2:], strict=True)]
    x = ops.pad(x, (-p[1], ends[1], -p[0], ends[0]))
    return x if input.ndim == 3 else ops.squeeze(x, 0)


def _settings(name: str, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    return (
        sizes(name, "kernel_size", kernel_size, 2),
        sizes(name, "dilation", dilation, 2),
        sizes(name, "padding", padding, 2, 0),
        sizes(name, "stride", stride, 2),
    )


def _counts(name: str, shape: Any, K: Any, d: Any, p: Any, s: Any) -> tuple[int, int]:
    """How many patches lie below each other, and side by side."""
    rows, columns = ((shape[i] + 2 * p[i] - d[i] * (K[i] - 1) - 1) // s[i] + 1 for i in range(2))
    if rows < 1 or columns < 1:
        raise ValueError(
            f"{name}: a kernel of kernel_size={K} and dilation={d} does not fit into {shape} with "
            f"padding={p}; make the kernel smaller or the image larger"
        )
    return rows, columns


class Unfold(Applied):
    """All patches of an image, each as a column: `nn.functional.unfold`.

    Shapes: (N, C, H, W) or (C, H, W) -> (N, C*KH*KW, T) or (C*KH*KW, T).

    Raises:
        ValueError: at the call, a kernel larger than the padded input.

    >>> import lucid
    >>> lucid.nn.Unfold((2, 3))(lucid.ones(1, 4, 5, 6)).shape
    (1, 24, 16)
    """

    function = staticmethod(unfold)

    def __init__(
        self, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
    ) -> None:
        super().__init__(kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride)


class Fold(Applied):
    """The sum of patches, each put in its place: `nn.functional.fold`.

    Shapes: (N, C*KH*KW, T) -> (N, C, *output_size).

    >>> import lucid
    >>> lucid.nn.Fold((4, 5), (2, 3))(lucid.ones(1, 24, 9)).shape
    (1, 4, 4, 5)
    """

    function = staticmethod(fold)

    def __init__(
        self,
        output_size: Any,
        kernel_size: Any,
        dilation: Any = 1,
        padding: Any = 0,
        stride: Any = 1,
    ) -> None:
        super().__init__(
            output_size=output_size, kernel_size=kernel_size, dilation=dilation, padding=padding,
            stride=stride,
        )  # fmt: skip
