"""Normalisation layers."""

from __future__ import annotations

from typing import Any

from lucid.autograd import laziness
from lucid.nn import functional as F
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


class BatchNorm1d(_Affine):
    """Each channel to mean 0 and variance 1 over the batch, then weight and bias.

    In training the statistics are those of the batch, and running ones follow them; in evaluation
    the running ones are used (Ioffe and Szegedy, 2015).

    Shapes: x (N, C) or (N, C, L).

    Args:
        num_features: C.
        eps: added to the variance.
        momentum: how far the running statistics move; None takes the mean of all batches.
        affine: learn a weight and a bias.
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

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.num_features = positive("BatchNorm1d", "num_features", num_features)
        self.eps, self.momentum = eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        new = {"device": device, "dtype": dtype}
        self._affine((num_features,), affine, affine, new)
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

    def forward(self, x: Tensor) -> Tensor:
        floating("BatchNorm1d", x)
        if x.ndim not in (2, 3) or x.shape[1] != self.num_features:
            raise ValueError(
                f"BatchNorm1d expects x of shape (N, {self.num_features}) or "
                f"(N, {self.num_features}, L), got {x.shape}"
            )
        mean, var = self.running_mean, self.running_var
        training = self.training or mean is None
        momentum: Any = 0.0 if self.momentum is None else self.momentum
        count = None
        if self.training and mean is not None:
            count = self.num_batches_tracked.array + 1
            if self.momentum is None:
                momentum = 1 / count.astype(mean.dtype)
        y = F.batch_norm(x, mean, var, self.weight, self.bias, training, momentum, self.eps)
        if count is not None:
            self.num_batches_tracked.array = count
            laziness.settle([self.num_batches_tracked])
        return y

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, track_running_stats={self.track_running_stats}"
        )


class LayerNorm(_Affine):
    """The last dimensions to mean 0 and variance 1, then weight and bias (Ba et al., 2016).

    Shapes: x (..., *normalized_shape).

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
        sizes = normalized_shape
        sizes = sizes if isinstance(sizes, tuple | list) else (sizes,)
        if not sizes:
            raise ValueError("LayerNorm: normalized_shape must have at least one size, got ()")
        shape = tuple(positive("LayerNorm", "normalized_shape", n) for n in sizes)
        self.normalized_shape, self.eps = shape, eps
        self.elementwise_affine = elementwise_affine
        new = {"device": device, "dtype": dtype}
        self._affine(shape, elementwise_affine, elementwise_affine and bias, new)

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


class GroupNorm(_Affine):
    """Each sample to mean 0 and variance 1 over groups of channels (Wu and He, 2018).

    `GroupNorm(1, C, eps=1e-8)` is Conv-TasNet's global layer norm.

    Shapes: x (N, C, ...).

    Raises:
        ValueError: num_channels not divisible by num_groups; another number of channels.
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
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
        self._affine((num_channels,), affine, affine, {"device": device, "dtype": dtype})

    def forward(self, x: Tensor) -> Tensor:
        floating("GroupNorm", x)
        if x.ndim < 2 or x.shape[1] != self.num_channels:
            raise ValueError(
                f"GroupNorm expects x of shape (N, {self.num_channels}, ...), got {x.shape}"
            )
        return F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"


class InstanceNorm1d(_Affine):
    """Each channel of each sample to mean 0 and variance 1 (Ulyanov et al., 2016).

    Shapes: x (N, C, L) or (C, L). Running statistics are not kept.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        affine: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.num_features = positive("InstanceNorm1d", "num_features", num_features)
        self.eps, self.affine = eps, affine
        self._affine((num_features,), affine, affine, {"device": device, "dtype": dtype})

    def forward(self, x: Tensor) -> Tensor:
        floating("InstanceNorm1d", x)
        if x.ndim not in (2, 3) or x.shape[-2] != self.num_features:
            raise ValueError(
                f"InstanceNorm1d expects x of shape (N, {self.num_features}, L) or "
                f"({self.num_features}, L), got {x.shape}"
            )
        if x.ndim == 2:
            return self.forward(x.unsqueeze(0)).squeeze(0)
        return F.instance_norm(x, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_features}, eps={self.eps}, affine={self.affine}"
