"""Pooling along the length: the functions and their modules.

Shapes: x (N, C, L) or (C, L) everywhere; the output is as long as windows fit,
L_out = floor((L + 2p - d(K-1) - 1) / s + 1).
"""

from __future__ import annotations

from typing import Any

from lucid.nn.check import floating, single
from lucid.nn.module import Module
from lucid.ops import pool
from lucid.tensor import Tensor


def _settings(
    name: str, kernel_size: Any, stride: Any, padding: Any, dilation: Any
) -> tuple[int, int, int, int]:
    K = single(name, "kernel_size", kernel_size)
    s = K if stride is None else single(name, "stride", stride)
    p = single(name, "padding", padding, least=0)
    d = single(name, "dilation", dilation)
    if p > (d * (K - 1) + 1) // 2:
        raise ValueError(
            f"{name}: padding must be at most half of the kernel, {(d * (K - 1) + 1) // 2} for "
            f"kernel_size={K} and dilation={d}, got {p}"
        )
    return K, s, p, d


def _check(name: str, x: Any) -> None:
    floating(name, x)
    if x.ndim not in (2, 3) or x.shape[-1] == 0:
        raise ValueError(
            f"{name} expects x of shape (N, C, L) or (C, L) with L at least 1, got {x.shape}"
        )


def _windows(name: str, x: Tensor, K: int, s: int, p: int, d: int, ceil_mode: bool) -> int:
    _check(name, x)
    count = pool.output_length(x.shape[-1], K, s, p, d, ceil_mode)
    if count < 1:
        raise ValueError(
            f"{name}: a kernel of kernel_size={K} and dilation={d} does not fit into x of shape "
            f"{x.shape} with padding={p}; make the kernel smaller or the input longer"
        )
    return count


def max_pool1d(
    x: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> Tensor:
    """The largest element of each window; padding is never the largest.

    >>> import lucid
    >>> lucid.nn.functional.max_pool1d(lucid.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    Tensor([[3., 2.]], grad=None)
    """
    K, s, p, d = _settings("max_pool1d", kernel_size, stride, padding, dilation)
    count = _windows("max_pool1d", x, K, s, p, d, ceil_mode)
    return pool.max_pool(x, K=K, s=s, p=p, d=d, count=count)


def avg_pool1d(
    x: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window.

    >>> import lucid
    >>> lucid.nn.functional.avg_pool1d(lucid.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    Tensor([[2., 1.]], grad=None)
    """
    K, s, p, _ = _settings("avg_pool1d", kernel_size, stride, padding, 1)
    count = _windows("avg_pool1d", x, K, s, p, 1, ceil_mode)
    return pool.mean_pool(x, K=K, s=s, p=p, count=count, count_include_pad=count_include_pad)


def adaptive_avg_pool1d(x: Tensor, output_size: Any) -> Tensor:
    """The mean of `output_size` windows that cover the length.

    >>> import lucid
    >>> lucid.nn.functional.adaptive_avg_pool1d(lucid.tensor([[1.0, 3.0, 2.0, 0.0]]), 1)
    Tensor([[1.5]], grad=None)
    """
    count = single("adaptive_avg_pool1d", "output_size", output_size)
    _check("adaptive_avg_pool1d", x)
    return pool.adaptive_mean(x, count=count)


def adaptive_max_pool1d(x: Tensor, output_size: Any) -> Tensor:
    """The largest element of each of `output_size` windows that cover the length."""
    count = single("adaptive_max_pool1d", "output_size", output_size)
    _check("adaptive_max_pool1d", x)
    return pool.adaptive_largest(x, count=count)


class MaxPool1d(Module):
    """`max_pool1d`; the stride is the kernel size unless given.

    >>> import lucid
    >>> lucid.nn.MaxPool1d(2)(lucid.ones(1, 4, 9)).shape
    (1, 4, 4)
    """

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        settings = _settings("MaxPool1d", kernel_size, stride, padding, dilation)
        self.kernel_size, self.stride, self.padding, self.dilation = settings
        self.ceil_mode = ceil_mode

    def forward(self, x: Tensor) -> Tensor:
        return max_pool1d(
            x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode
        )

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class AvgPool1d(Module):
    """`avg_pool1d`; the stride is the kernel size unless given."""

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        settings = _settings("AvgPool1d", kernel_size, stride, padding, 1)
        self.kernel_size, self.stride, self.padding, _ = settings
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def forward(self, x: Tensor) -> Tensor:
        return avg_pool1d(
            x,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AdaptiveAvgPool1d(Module):
    """`adaptive_avg_pool1d`: a fixed output length for every input length.

    >>> import lucid
    >>> lucid.nn.AdaptiveAvgPool1d(1)(lucid.ones(2, 4, 9)).shape
    (2, 4, 1)
    """

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = single("AdaptiveAvgPool1d", "output_size", output_size)

    def forward(self, x: Tensor) -> Tensor:
        return adaptive_avg_pool1d(x, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(Module):
    """`adaptive_max_pool1d`: a fixed output length for every input length."""

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = single("AdaptiveMaxPool1d", "output_size", output_size)

    def forward(self, x: Tensor) -> Tensor:
        return adaptive_max_pool1d(x, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"
