"""Pooling as modules, over `lucid.nn.pooling`, where the shapes are told."""

from __future__ import annotations

from typing import Any

from lucid.nn import adaptive_pooling
from lucid.nn import pooling as F
from lucid.nn.applied import Applied
from lucid.nn.check import sizes


class _Pool(Applied):
    """A function of n dimensions."""

    n: int

    def _windowed(self, kernel_size: Any, stride: Any, **settings: Any) -> None:
        """Settings with a kernel size and a stride, which is that unless given."""
        name = type(self).__name__
        given = {k: v for k, v in settings.items() if k in ("padding", "dilation")}
        F.windows(name, self.n, kernel_size, stride, **given)
        stride = kernel_size if stride is None else stride
        Applied.__init__(self, kernel_size=kernel_size, stride=stride, **settings)


class MaxPool1d(_Pool):
    """The largest element of each window; padding is never the largest.

    Shapes: (N, C, L) or (C, L) -> (..., floor((L + 2p - d(K-1) - 1) / s + 1)).

    Args:
        kernel_size, stride, padding, dilation: K, s (that is K unless given), p and d.
        return_indices: give a pair: the values, and where in the input each lies.
        ceil_mode: keep a last window that hangs over the end.

    Raises:
        ValueError: padding over half of the kernel; at the call, a kernel that does not fit.

    >>> import lucid
    >>> lucid.nn.MaxPool1d(2)(lucid.ones(1, 4, 9)).shape
    (1, 4, 4)
    """

    function, n = staticmethod(F.max_pool1d), 1

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        self._windowed(
            kernel_size, stride, padding=padding, dilation=dilation,
            return_indices=return_indices, ceil_mode=ceil_mode,
        )  # fmt: skip


class MaxPool2d(MaxPool1d):
    """The largest element of each window: (N, C, H, W) or (C, H, W), settings as `MaxPool1d`.

    >>> import lucid
    >>> lucid.nn.MaxPool2d(2)(lucid.ones(1, 4, 9, 8)).shape
    (1, 4, 4, 4)
    """

    function, n = staticmethod(F.max_pool2d), 2


class AvgPool1d(_Pool):
    """The mean of each window: (N, C, L) or (C, L).

    Args:
        ceil_mode: keep a last window that hangs over the end.
        count_include_pad: count the padding as zeros, rather than leave it out of the mean.

    >>> import lucid
    >>> lucid.nn.AvgPool1d(2)(lucid.tensor([[1.0, 3.0, 2.0, 0.0]]))
    Tensor([[2., 1.]], grad=None)
    """

    function, n = staticmethod(F.avg_pool1d), 1

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        self._windowed(
            kernel_size, stride, padding=padding, ceil_mode=ceil_mode,
            count_include_pad=count_include_pad,
        )  # fmt: skip


class AvgPool2d(_Pool):
    """The mean of each window: (N, C, H, W) or (C, H, W), settings as `AvgPool1d`.

    Args:
        divisor_override: what to divide the sums by, rather than the number of elements.

    >>> import lucid
    >>> lucid.nn.AvgPool2d((2, 4))(lucid.ones(1, 3, 8, 8)).shape
    (1, 3, 4, 2)
    """

    function, n = staticmethod(F.avg_pool2d), 2

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        self._windowed(
            kernel_size, stride, padding=padding, ceil_mode=ceil_mode,
            count_include_pad=count_include_pad, divisor_override=divisor_override,
        )  # fmt: skip


class LPPool1d(_Pool):
    """(sum x**p)**(1/p) of each window, p being the `norm_type`: (N, C, L) or (C, L).

    >>> import lucid
    >>> lucid.nn.LPPool1d(2, 2)(lucid.tensor([[3.0, 4.0]]))
    Tensor([[5.]], grad=None)
    """

    function, n = staticmethod(F.lp_pool1d), 1

    def __init__(
        self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
    ) -> None:
        self._windowed(kernel_size, stride, ceil_mode=ceil_mode, norm_type=norm_type)


class LPPool2d(LPPool1d):
    """(sum x**p)**(1/p) of each window, p being the `norm_type`: (N, C, H, W) or (C, H, W).

    >>> import lucid
    >>> lucid.nn.LPPool2d(2, 2)(lucid.ones(1, 3, 4, 6)).shape
    (1, 3, 2, 3)
    """

    function, n = staticmethod(F.lp_pool2d), 2


class MaxUnpool1d(_Pool):
    """Zeros, with the elements of the input where `MaxPool1d` says that it found them.

    Shapes: the values and the indices of the pool, (N, C, L) or (C, L); called with an
    `output_size`, of that length.

    Raises:
        IndexError: an index past the output.

    >>> import lucid
    >>> pool = lucid.nn.MaxPool1d(2, return_indices=True)
    >>> lucid.nn.MaxUnpool1d(2)(*pool(lucid.tensor([[1.0, 3.0, 2.0, 0.0]])))
    Tensor([[0., 3., 2., 0.]], grad=None)
    """

    function, n = staticmethod(F.max_unpool1d), 1

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        self._windowed(kernel_size, stride, padding=padding)


class MaxUnpool2d(MaxUnpool1d):
    """Zeros, with the elements of the input where `MaxPool2d` says that it found them.

    >>> import lucid
    >>> pool = lucid.nn.MaxPool2d(2, return_indices=True)
    >>> lucid.nn.MaxUnpool2d(2)(*pool(lucid.tensor([[[1.0, 3.0], [2.0, 0.0]]]))).tolist()
    [[[0.0, 3.0], [0.0, 0.0]]]
    """

    function, n = staticmethod(F.max_unpool2d), 2


class AdaptiveAvgPool1d(_Pool):
    """The mean of windows that cover the length: a fixed output for every input.

    Shapes: (N, C, L) or (C, L) -> (..., output_size).

    Raises:
        ValueError: an output_size below 1.

    >>> import lucid
    >>> lucid.nn.AdaptiveAvgPool1d(1)(lucid.ones(2, 4, 9)).shape
    (2, 4, 1)
    """

    function, n = staticmethod(adaptive_pooling.adaptive_avg_pool1d), 1

    def __init__(self, output_size: Any) -> None:
        _checked_target(self, output_size)
        super().__init__(output_size=output_size)


class AdaptiveAvgPool2d(AdaptiveAvgPool1d):
    """The mean of windows that cover height and width; None keeps a size.

    >>> import lucid
    >>> lucid.nn.AdaptiveAvgPool2d((1, None))(lucid.ones(2, 3, 5, 7)).shape
    (2, 3, 1, 7)
    """

    function, n = staticmethod(adaptive_pooling.adaptive_avg_pool2d), 2


class AdaptiveMaxPool1d(_Pool):
    """The largest element of windows that cover the length: a fixed output for every input.

    >>> import lucid
    >>> lucid.nn.AdaptiveMaxPool1d(2)(lucid.tensor([[1.0, 3.0, 2.0, 0.0]]))
    Tensor([[3., 2.]], grad=None)
    """

    function, n = staticmethod(adaptive_pooling.adaptive_max_pool1d), 1

    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        _checked_target(self, output_size)
        super().__init__(output_size=output_size, return_indices=return_indices)


class AdaptiveMaxPool2d(AdaptiveMaxPool1d):
    """The largest element of windows that cover height and width; None keeps a size.

    >>> import lucid
    >>> lucid.nn.AdaptiveMaxPool2d((1, None))(lucid.ones(2, 3, 5, 7)).shape
    (2, 3, 1, 7)
    """

    function, n = staticmethod(adaptive_pooling.adaptive_max_pool2d), 2


def _checked_target(module: _Pool, output_size: Any) -> None:
    given = output_size if isinstance(output_size, tuple | list) else [output_size]
    known = [1 if size is None else size for size in given]
    sizes(type(module).__name__, "output_size", known, module.n)
