"""Normalisation layers."""

from __future__ import annotations

from typing import Any

from lucid.autograd import laziness
from lucid.nn import normalization as F
from lucid.nn.applied import Applied
from lucid.nn.check import floating, positive
from lucid.nn.module import Module
from lucid.nn.parameter import Parameter
from lucid.tensor import Tensor


class _Affine(Module):
    """A weight of ones and a bias of zeros, each of which may be absent."""

    def _affine(self, shape: tuple[int, ...], weight: bool, bias: bool, new: dict) -> None:
        make = {"weight": Tensor.ones if weight else None, "bias": Tensor.zeros if bias else None}
        for name, fill in make.items():
            parameter = None if fill is None else Parameter(fill(shape, **new))
            self.register_parameter(name, parameter)

    def reset_parameters(self) -> None:
        """Back to ones and zeros."""
        if self.weight is not None:
            self.weight.data = Tensor.ones_like(self.weight)
        if self.bias is not None:
            self.bias.data = Tensor.zeros_like(self.bias)


# With statistics per channel ---------------------------------------------------------------------


class _Tracking(_Affine):
    """A norm of C channels that can keep running statistics."""

    num_features: int
    shapes: tuple[str, ...]  # of its inputs

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = positive(type(self).__name__, "num_features", num_features)
        self.eps, self.momentum = eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        new = {"device": device, "dtype": dtype}
        self._affine((num_features,), affine, affine and bias, new)
        track = track_running_stats
        count = Tensor(0, dtype="int64", device=device) if track else None
        self.register_buffer("running_mean", Tensor.zeros(num_features, **new) if track else None)
        self.register_buffer("running_var", Tensor.ones(num_features, **new) if track else None)
        self.register_buffer("num_batches_tracked", count)

    def reset_running_stats(self) -> None:
        """Forget the batches seen."""
        if self.track_running_stats:
            self.running_mean.data = Tensor.zeros_like(self.running_mean)
            self.running_var.data = Tensor.ones_like(self.running_var)
            self.num_batches_tracked.data = Tensor.zeros_like(self.num_batches_tracked)

    def _check(self, x: Tensor, channel_dim: int) -> None:
        name = type(self).__name__
        floating(name, x)
        ranks = [shape.count(",") + 1 for shape in self.shapes]
        if x.ndim not in ranks or x.shape[channel_dim] != self.num_features:
            wanted = " or ".join(self.shapes).replace("C", str(self.num_features))
            raise ValueError(f"{name} expects x of shape {wanted}, got {x.shape}")

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_Tracking):
    def forward(self, input: Tensor) -> Tensor:
        self._check(input, 1)
        mean, var = self.running_mean, self.running_var
        count = None
        momentum: Any = self.momentum
        if self.training and mean is not None:
            count = self.num_batches_tracked.array + 1
            if momentum is None:
                momentum = 1 / count.astype(mean.dtype)
        y = F.batch_norm(
            input, mean, var, self.weight, self.bias, self.training or mean is None, momentum,
            self.eps,
        )  # fmt: skip
        if count is not None:
            laziness.note_change(self.num_batches_tracked)
            self.num_batches_tracked.array = count
            laziness.settle([self.num_batches_tracked])
        return y


class BatchNorm1d(_BatchNorm):
    """Each channel to mean 0 and variance 1 over the batch, then weight and bias.

    In training the statistics are those of the batch, and running ones follow them; in evaluation
    the running ones are used (Ioffe and Szegedy, 2015).

    Shapes: x (N, C) or (N, C, L).

    Args:
        num_features: C.
        eps: added to the variance.
        momentum: how far the running statistics move; None takes the mean of all batches.
        affine: learn a weight and, unless `bias` is False, a bias.
        track_running_stats: False uses batch statistics in evaluation too.

    Raises:
        ValueError: another rank or number of channels; one value per channel in training.

    >>> import lucid
    >>> norm = lucid.nn.BatchNorm1d(2)
    >>> norm(lucid.tensor([[1.0, 5.0], [3.0, 5.0]])).tolist()[0][1]
    0.0
    >>> norm.running_mean
    Tensor([0.2, 0.5], grad=None)
    """

    shapes = ("(N, C)", "(N, C, L)")


class BatchNorm2d(_BatchNorm):
    """`BatchNorm1d` for images or spectrograms of shape (N, C, H, W).

    >>> import lucid
    >>> lucid.nn.BatchNorm2d(3)(lucid.randn(2, 3, 4, 5)).shape
    (2, 3, 4, 5)
    """

    shapes = ("(N, C, H, W)",)


class _InstanceNorm(_Tracking):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )

    def forward(self, input: Tensor) -> Tensor:
        batched = input.ndim == self.shapes[0].count(",") + 1
        self._check(input, 1 if batched else 0)
        mean, var = self.running_mean, self.running_var
        y = F.instance_norm(
            input if batched else input.unsqueeze(0), mean, var, self.weight, self.bias,
            self.training or mean is None, self.momentum or 0.0, self.eps,
        )  # fmt: skip
        return y if batched else y.squeeze(0)


class InstanceNorm1d(_InstanceNorm):
    """Each channel of each sample to mean 0 and variance 1 (Ulyanov et al., 2016).

    Shapes: x (N, C, L) or (C, L).

    Args:
        num_features: C.
        eps: added to the variance.
        momentum: how far the running statistics move, if there are any.
        affine: learn a weight and a bias.
        track_running_stats: keep running statistics, the means over each batch, for evaluation.

    Raises:
        ValueError: another rank or number of channels; a length of 1, unless the running statistics
            are used.

    >>> import lucid
    >>> lucid.nn.InstanceNorm1d(1)(lucid.tensor([[1.0, 3.0]]))
    Tensor([[-1.,  1.]], grad=None)
    """

    shapes = ("(N, C, L)", "(C, L)")


class InstanceNorm2d(_InstanceNorm):
    """`InstanceNorm1d` for (N, C, H, W) or (C, H, W).

    >>> import lucid
    >>> lucid.nn.InstanceNorm2d(3, affine=True)(lucid.randn(2, 3, 4, 5)).shape
    (2, 3, 4, 5)
    """

    shapes = ("(N, C, H, W)", "(C, H, W)")


class GroupNorm(_Affine):
    """Each sample to mean 0 and variance 1 over groups of channels (Wu and He, 2018).

    `GroupNorm(1, C, eps=1e-8)` is Conv-TasNet's global layer norm.

    Shapes: x (N, C, ...).

    Args:
        num_groups: how many groups of neighbouring channels.
        num_channels: C.
        eps: added to the variance.
        affine: learn a weight and, unless `bias` is False, a bias, each (C,).

    Raises:
        ValueError: num_channels not divisible by num_groups; another number of channels.

    >>> import lucid
    >>> lucid.nn.GroupNorm(2, 4)(lucid.tensor([[1.0, 3.0, 10.0, 20.0]])).detach()
    Tensor([[-1.,  1., -1.,  1.]], grad=None)
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_groups = positive("GroupNorm", "num_groups", num_groups)
        self.num_channels = positive("GroupNorm", "num_channels", num_channels)
        if num_channels % num_groups:
            raise ValueError(
                f"GroupNorm: num_channels={num_channels} must be divisible by "
                f"num_groups={num_groups}"
            )
        self.eps, self.affine = eps, affine
        new = {"device": device, "dtype": dtype}
        self._affine((num_channels,), affine, affine and bias, new)

    def forward(self, input: Tensor) -> Tensor:
        floating("GroupNorm", input)
        if input.ndim < 2 or input.shape[1] != self.num_channels:
            raise ValueError(
                f"GroupNorm expects x of shape (N, {self.num_channels}, ...), got {input.shape}"
            )
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"


# Over the last dimensions ------------------------------------------------------------------------


class _Last(_Affine):
    """A norm over dimensions of fixed sizes."""

    normalized_shape: tuple[int, ...]

    def _settings(
        self, normalized_shape: Any, eps: Any, affine: bool, bias: bool, new: Any
    ) -> None:
        name = type(self).__name__
        sizes = normalized_shape
        sizes = sizes if isinstance(sizes, tuple | list) else (sizes,)
        if not sizes:
            raise ValueError(f"{name}: normalized_shape must have at least one size, got ()")
        shape = tuple(positive(name, "normalized_shape", n) for n in sizes)
        self.normalized_shape, self.eps, self.elementwise_affine = shape, eps, affine
        self._affine(shape, affine, affine and bias, new)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


class LayerNorm(_Last):
    """The last dimensions to mean 0 and variance 1, then weight and bias (Ba et al., 2016).

    Shapes: x (..., *normalized_shape).

    Args:
        normalized_shape: the sizes of the last dimensions, or the size of the last one.
        eps: added to the variance.
        elementwise_affine: learn a weight and, with `bias`, a bias, of normalized_shape.

    Raises:
        ValueError: at the call, an input whose last sizes differ.

    >>> import lucid
    >>> lucid.nn.LayerNorm(2)(lucid.tensor([[1.0, 3.0]])).tolist()[0][1] > 0.99
    True
    """

    def __init__(
        self,
        normalized_shape: Any,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        new = {"device": device, "dtype": dtype}
        self._settings(normalized_shape, eps, elementwise_affine, bias, new)

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)


class RMSNorm(_Last):
    """The last dimensions to mean square 1, then a weight (Zhang and Sennrich, 2019).

    Shapes: x (..., *normalized_shape). An `eps` of None is the spacing of x's dtype at 1.

    Raises:
        ValueError: at the call, an input whose last sizes differ.

    >>> import lucid
    >>> list(lucid.nn.RMSNorm(2).state_dict())
    ['weight']
    """

    def __init__(
        self,
        normalized_shape: Any,
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        new = {"device": device, "dtype": dtype}
        self._settings(normalized_shape, eps, elementwise_affine, False, new)

    def forward(self, input: Tensor) -> Tensor:
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)


class LocalResponseNorm(Applied):
    """Each value divided by a power of the mean square of neighbouring channels
    (Krizhevsky et al., 2012): the formula is that of `nn.functional.local_response_norm`.

    Shapes: x (N, C, L, ...).

    >>> import lucid
    >>> lucid.nn.LocalResponseNorm(1, alpha=3.0, beta=0.5)(lucid.ones(1, 1, 1)).squeeze()
    Tensor(0.5, grad=None)
    """

    function = staticmethod(F.local_response_norm)

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__(size=size, alpha=alpha, beta=beta, k=k)
