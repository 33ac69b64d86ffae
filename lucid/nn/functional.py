"""Stateless functions under the names of `torch.nn.functional`."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from lucid import ops
from lucid.autograd import laziness
from lucid.nn.check import floating
from lucid.nn.convolution import conv1d, conv_transpose1d
from lucid.nn.loss import (
    binary_cross_entropy_with_logits,
    check_classes,
    cross_entropy,
    huber_loss,
    l1_loss,
    mse_loss,
    nll_loss,
    smooth_l1_loss,
)
from lucid.nn.pooling import adaptive_avg_pool1d, adaptive_max_pool1d, avg_pool1d, max_pool1d
from lucid.ops import (
    elu,
    gelu,
    leaky_relu,
    log_softmax,
    prelu,
    relu,
    sigmoid,
    silu,
    softmax,
    softplus,
    tanh,
)
from lucid.ops.device import on_device
from lucid.ops.keys import next_key
from lucid.ops.normalization import channel_norm
from lucid.ops.normalization import layer_norm as _layer_norm
from lucid.tensor import Tensor


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x @ weight.T + bias.

    Shapes: x (..., in), weight (out, in), bias (out,) -> (..., out).

    Raises:
        ValueError: sizes that do not agree.

    >>> import lucid
    >>> lucid.nn.functional.linear(lucid.ones(1, 2), lucid.ones(3, 2))
    Tensor([[2., 2., 2.]], grad=None)
    """
    floating("linear", x)
    if x.ndim == 0 or x.shape[-1] != weight.shape[-1]:
        raise ValueError(
            f"linear expects x of shape (..., {weight.shape[-1]}), got {x.shape}; the features "
            "come last"
        )
    y = ops.matmul(x, ops.transpose(weight, 0, 1))
    return y if bias is None else y + bias


# Activations ------------------------------------------------------------------------------------


def hardtanh(x: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """x limited to [min_val, max_val]."""
    return ops.clamp(x, min_val, max_val)


def relu6(x: Tensor) -> Tensor:
    """x limited to [0, 6]."""
    return ops.clamp(x, 0.0, 6.0)


def hardsigmoid(x: Tensor) -> Tensor:
    """x / 6 + 1 / 2, limited to [0, 1]."""
    return ops.clamp(x / 6 + 0.5, 0.0, 1.0)


def hardswish(x: Tensor) -> Tensor:
    """x * hardsigmoid(x) (Howard et al., 2019)."""
    return x * hardsigmoid(x)


def mish(x: Tensor) -> Tensor:
    """x * tanh(softplus(x)) (Misra, 2019)."""
    return x * ops.tanh(ops.softplus(x))


def selu(x: Tensor) -> Tensor:
    """1.0507 * elu(x, 1.6733): keeps mean 0 and variance 1 (Klambauer et al., 2017)."""
    return 1.0507009873554805 * ops.elu(x, 1.6732632423543772)


def softsign(x: Tensor) -> Tensor:
    """x / (1 + |x|)."""
    return x / (1 + ops.abs(x))


def logsigmoid(x: Tensor) -> Tensor:
    """log(sigmoid(x)), without underflow."""
    return -ops.softplus(-x)


def glu(x: Tensor, dim: int = -1) -> Tensor:
    """a * sigmoid(b), where a and b are the two halves of x along `dim` (Dauphin et al., 2017).

    Raises:
        ValueError: an odd size along `dim`.

    >>> import lucid
    >>> lucid.nn.functional.glu(lucid.ones(2, 6, 5), dim=1).shape
    (2, 3, 5)
    """
    if not -x.ndim <= dim < x.ndim:
        raise IndexError(f"glu: dim {dim} is out of range for x of shape {x.shape}")
    size = x.shape[dim]
    if size % 2:
        raise ValueError(f"glu expects an even size along dim {dim}, got x of shape {x.shape}")
    halves = ops.transpose(x, 0, dim)
    a, b = halves[: size // 2], halves[size // 2 :]
    return ops.transpose(a * ops.sigmoid(b), 0, dim)


# Dropout ----------------------------------------------------------------------------------------


def dropout(x: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    """Each element zero with probability p, the others scaled by 1 / (1 - p).

    Raises:
        ValueError: p outside [0, 1].

    >>> import lucid
    >>> lucid.nn.functional.dropout(lucid.ones(2), p=0.0)
    Tensor([1., 1.], grad=None)
    """
    return _dropped("dropout", x, p, training, x.shape)


def dropout1d(x: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    """Whole channels zero with probability p, the others scaled by 1 / (1 - p).

    Shapes: x (N, C, L) or (C, L).
    """
    if x.ndim not in (2, 3):
        raise ValueError(f"dropout1d expects x of shape (N, C, L) or (C, L), got {x.shape}")
    return _dropped("dropout1d", x, p, training, (*x.shape[:-1], 1))


def _dropped(name: str, x: Tensor, p: float, training: bool, shape: tuple[int, ...]) -> Tensor:
    if isinstance(p, bool) or not isinstance(p, int | float):
        raise TypeError(f"{name}: p must be a number, got {type(p).__name__}: {p!r}")
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: p must be a probability from 0 to 1, got {p}")
    if not training or p == 0 or x.numel() == 0:
        return x
    if p == 1:
        return x * 0.0
    with on_device(x.device):
        mask = mx.random.bernoulli(1 - p, shape, key=next_key()).astype(x.dtype) * (1 / (1 - p))
    return x * mask


# Normalisation ----------------------------------------------------------------------------------


def batch_norm(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: Any = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias, per channel (Ioffe and Szegedy, 2015).

    With `training` the statistics are those of x, and the running ones (where given) move
    towards them by `momentum`: running += momentum * (new - running), with the unbiased variance.
    Otherwise the running statistics are used.

    Shapes: x (N, C, ...); all others (C,).

    Raises:
        ValueError: another number of channels, fewer than two values per channel in training, or
            no running statistics outside it.
    """
    floating("batch_norm", x)
    if x.ndim < 2:
        raise ValueError(f"batch_norm expects x of shape (N, C, ...), got {x.shape}")
    channels = x.shape[1]
    _per_channel("batch_norm", channels, running_mean, running_var, weight, bias)
    if not training:
        if running_mean is None or running_var is None:
            raise ValueError("batch_norm outside training needs running_mean and running_var")
        shape = (channels, *[1] * (x.ndim - 2))
        wide = mx.float32 if x.dtype in (mx.float16, mx.bfloat16) else x.dtype
        scale = ops.rsqrt(running_var.to(wide) + eps)
        scale = scale if weight is None else scale * weight
        y = (x - running_mean.reshape(shape)) * scale.reshape(shape)
        y = y if bias is None else y + bias.reshape(shape)
        return y if y.dtype == x.dtype else y.to(x.dtype)
    count = x.numel() // channels if channels else 0
    if count < 2:
        raise ValueError(
            f"batch_norm in training needs more than one value per channel, got x of shape "
            f"{x.shape}; use a larger batch, or model.eval() for inference"
        )
    y, mean, var = channel_norm(x, weight, bias, groups=None, eps=eps)
    running = [(running_mean, mean, 1.0), (running_var, var, count / (count - 1))]
    moved = [r for r, _, _ in running if r is not None]
    for r, new, factor in running:
        if r is not None:
            step = momentum * (new.array.reshape(channels) * factor - r.array)
            r.array = (r.array + step).astype(r.dtype)
    laziness.settle(moved)
    return y


def layer_norm(
    x: Tensor,
    normalized_shape: Any,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias over the last dimensions (Ba et al., 2016).

    Shapes: x (..., *normalized_shape); weight and bias of normalized_shape.

    >>> import lucid
    >>> lucid.nn.functional.layer_norm(lucid.tensor([1.0, 3.0]), 2)
    Tensor([-1.,  1.], grad=None)
    """
    floating("layer_norm", x)
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not shape or x.shape[-len(shape) :] != shape:
        raise ValueError(
            f"layer_norm expects x of shape (..., {', '.join(map(str, shape))}), got {x.shape}"
        )
    for name, t in (("weight", weight), ("bias", bias)):
        if t is not None and t.shape != shape:
            raise ValueError(f"layer_norm expects {name} of shape {shape}, got {t.shape}")
    return _layer_norm(x, weight, bias, ndim=len(shape), eps=eps)


def group_norm(
    x: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each sample over groups of neighbouring channels (Wu and He, 2018).

    One group is the "global layer norm" of Conv-TasNet.

    Shapes: x (N, C, ...); weight and bias (C,).
    """
    floating("group_norm", x)
    if x.ndim < 2:
        raise ValueError(f"group_norm expects x of shape (N, C, ...), got {x.shape}")
    channels = x.shape[1]
    if num_groups < 1 or channels % num_groups:
        raise ValueError(
            f"group_norm: {channels} channels cannot be divided into {num_groups} groups"
        )
    _per_channel("group_norm", channels, weight, bias)
    return channel_norm(x, weight, bias, groups=num_groups, eps=eps)[0]


def instance_norm(
    x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Normalise each channel of each sample (Ulyanov et al., 2016).

    Shapes: x (N, C, L); weight and bias (C,).
    """
    floating("instance_norm", x)
    if x.ndim < 3:
        raise ValueError(f"instance_norm expects x of shape (N, C, L), got {x.shape}")
    if x.numel() == x.shape[0] * x.shape[1]:
        raise ValueError(f"instance_norm needs more than one value per channel, got {x.shape}")
    _per_channel("instance_norm", x.shape[1], weight, bias)
    return channel_norm(x, weight, bias, groups=x.shape[1], eps=eps)[0]


def _per_channel(name: str, channels: int, *tensors: Tensor | None) -> None:
    for t in tensors:
        if t is not None and t.shape != (channels,):
            raise ValueError(
                f"{name}: x has {channels} channels, so weight, bias and statistics must have "
                f"shape ({channels},), got {t.shape}"
            )


# Other ------------------------------------------------------------------------------------------


def one_hot(x: Tensor, num_classes: int) -> Tensor:
    """1 at the class, 0 elsewhere; int64 of shape (*x.shape, num_classes).

    Raises:
        IndexError: a class outside 0 to num_classes - 1.

    >>> import lucid
    >>> lucid.nn.functional.one_hot(lucid.tensor([1, 0]), 2).tolist()
    [[0, 1], [1, 0]]
    """
    check_classes("one_hot", x, num_classes)
    hot = mx.expand_dims(x.array, -1) == mx.arange(num_classes)
    return Tensor._wrap(hot.astype(mx.int64), x.device)
