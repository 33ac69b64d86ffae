"""Normalisation as functions: the checks around `lucid.ops.normalization`."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from lucid import ops
from lucid._sums import sum_over
from lucid.autograd import laziness
from lucid.nn.check import floating
from lucid.ops.autocast import autocasts
from lucid.ops.cast import in_float32
from lucid.ops.device import on_device
from lucid.ops.normalization import channel_norm
from lucid.ops.normalization import layer_norm as _layer_norm
from lucid.ops.normalization import rms_norm as _rms_norm
from lucid.tensor import Tensor


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: Any = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias, per channel (Ioffe and Szegedy, 2015).

    With `training` the statistics are those of the input, and the running ones (where given) move
    towards them by `momentum`: running += momentum * (new - running), with the unbiased variance.
    Otherwise the running statistics are used.

    Shapes: input (N, C, ...); all others (C,).

    Raises:
        ValueError: another number of channels, one value per channel in training, or
            no running statistics outside it; eps not above 0.

    >>> import lucid
    >>> x = lucid.tensor([[1.0], [3.0]])
    >>> lucid.nn.functional.batch_norm(x, None, None, training=True).tolist()[1][0] > 0.99
    True
    """
    channels = _channels("batch_norm", input, 2, running_mean, running_var, weight, bias)
    if eps <= 0:
        raise ValueError(f"batch_norm: eps must be positive, got {eps}")
    if not training:
        if running_mean is None or running_var is None:
            raise ValueError("batch_norm outside training needs running_mean and running_var")
        return _by_given(input, running_mean, running_var, weight, bias, eps)
    count = input.numel() // max(channels, 1)
    if count == 1:
        raise ValueError(
            f"batch_norm in training needs more than one value per channel, got x of shape "
            f"{input.shape}; use a larger batch, or model.eval() for inference"
        )
    y, mean, var = channel_norm(input, weight, bias, groups=None, eps=eps)
    if count:
        with on_device(input.device):
            unbiased = var.array * (count / (count - 1))
            _move([(running_mean, mean.array), (running_var, unbiased)], momentum)
    return y


def _by_given(
    x: Tensor, mean: Tensor, var: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
) -> Tensor:
    """x normalised by statistics that are given."""
    shape = (x.shape[1], *[1] * (x.ndim - 2))
    wide = mx.float32 if x.dtype in (mx.float16, mx.bfloat16) else x.dtype
    scale = ops.rsqrt(var.to(wide) + eps)
    scale = scale if weight is None else scale * weight
    y = (x - mean.reshape(shape)) * scale.reshape(shape)
    y = y if bias is None else y + bias.reshape(shape)
    return y if y.dtype == x.dtype else y.to(x.dtype)


def _move(running: list[tuple[Tensor | None, mx.array]], momentum: Any) -> None:
    """Let running statistics follow those of a batch."""
    moved = [r for r, _ in running if r is not None]
    for r, new in running:
        if r is not None:
            laziness.note_change(r)
            r.array = (r.array + momentum * (new.reshape(-1) - r.array)).astype(r.dtype)
    laziness.settle(moved)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: Any = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias, for each channel of each sample.

    With `use_input_stats` by its own mean and variance (Ulyanov et al., 2016), towards whose means
    over the batch the running ones (where given) move; otherwise by the running ones.

    Shapes: input (N, C, L) or (N, C, H, W); all others (C,).

    Raises:
        ValueError: another number of channels; one value per channel; no running statistics
            without `use_input_stats`.

    >>> import lucid
    >>> lucid.nn.functional.instance_norm(lucid.tensor([[[1.0, 3.0]]]))
    Tensor([[[-1.,  1.]]], grad=None)
    """
    channels = _channels("instance_norm", input, 3, running_mean, running_var, weight, bias)
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise ValueError(
                "instance_norm without use_input_stats needs running_mean and running_var"
            )
        return _by_given(input, running_mean, running_var, weight, bias, eps)
    count = input.numel() // max(input.shape[0] * channels, 1)
    if count == 1:
        raise ValueError(f"instance_norm needs more than one value per channel, got {input.shape}")
    y, mean, var = channel_norm(input, weight, bias, groups=channels, eps=eps)
    if input.numel():
        with on_device(input.device):
            means = [sum_over(s.array, (0,)) * (1 / input.shape[0]) for s in (mean, var)]
            unbiased = means[1] * (count / (count - 1))
            _move([(running_mean, means[0]), (running_var, unbiased)], momentum)
    return y


@autocasts
def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each sample over groups of neighbouring channels (Wu and He, 2018).

    One group is the "global layer norm" of Conv-TasNet.

    Shapes: input (N, C, ...); weight and bias (C,).

    Raises:
        ValueError: channels that cannot be divided so; weight or bias of another shape.

    >>> lucid.group_norm(lucid.tensor([[[1.0, 3.0], [5.0, 7.0]]]), 2).round(decimals=3).tolist()
    [[[-1.0, 1.0], [-1.0, 1.0]]]
    """
    channels = _channels("group_norm", input, 2, weight, bias)
    if num_groups < 1 or channels % num_groups:
        raise ValueError(
            f"group_norm: {channels} channels cannot be divided into {num_groups} groups"
        )
    return channel_norm(input, weight, bias, groups=num_groups, eps=eps)[0]


def _channels(name: str, x: Tensor, least: int, *tensors: Tensor | None) -> int:
    """The number of channels of (N, C, ...), which the other tensors, (C,), must have too."""
    floating(name, x)
    if x.ndim < least:
        wanted = "(N, C, ...)" if least == 2 else "(N, C, L)"
        raise ValueError(f"{name} expects x of shape {wanted}, got {x.shape}")
    channels = x.shape[1]
    for t in tensors:
        if t is not None and t.shape != (channels,):
            raise ValueError(
                f"{name}: x has {channels} channels, so weight, bias and statistics must have "
                f"shape ({channels},), got {t.shape}"
            )
    return channels


@autocasts
def layer_norm(
    input: Tensor,
    normalized_shape: Any,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias over the last dimensions (Ba et al., 2016).

    Shapes: input (..., *normalized_shape); weight and bias of normalized_shape.

    Raises:
        ValueError: sizes that do not agree.

    >>> import lucid
    >>> lucid.nn.functional.layer_norm(lucid.tensor([1.0, 3.0]), 2)
    Tensor([-1.,  1.], grad=None)
    """
    shape = _last("layer_norm", input, normalized_shape, weight=weight, bias=bias)
    return _layer_norm(input, weight, bias, ndim=len(shape), eps=eps)


@autocasts
def rms_norm(
    input: Tensor, normalized_shape: Any, weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """x / sqrt(mean(x**2) + eps) * weight over the last dimensions (Zhang and Sennrich, 2019).

    Shapes: input (..., *normalized_shape); weight of normalized_shape. An `eps` of None is the
    spacing of the input's dtype at 1.

    Raises:
        ValueError: sizes that do not agree.

    >>> import lucid
    >>> lucid.nn.functional.rms_norm(lucid.tensor([3.0, -3.0]), (2,))
    Tensor([ 1., -1.], grad=None)
    """
    shape = _last("rms_norm", input, normalized_shape, weight=weight)
    eps = mx.finfo(input.dtype).eps if eps is None else eps
    return _rms_norm(input, weight, ndim=len(shape), eps=eps)


def _last(name: str, x: Tensor, normalized_shape: Any, **tensors: Tensor | None) -> tuple[int, ...]:
    """The last dimensions, which must be those of x and of the tensors."""
    floating(name, x)
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not shape or x.shape[-len(shape) :] != shape:
        raise ValueError(
            f"{name} expects x of shape (..., {', '.join(map(str, shape))}), got {x.shape}"
        )
    for label, t in tensors.items():
        if t is not None and t.shape != shape:
            raise ValueError(f"{name} expects {label} of shape {shape}, got {t.shape}")
    return shape


@in_float32
def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """x / (k + alpha * mean of x**2 over `size` channels around)**beta (Krizhevsky et al., 2012).

    Shapes: input (N, C, L, ...); channels past the ends count as zeros.

    Raises:
        ValueError: fewer than three dimensions.

    >>> import lucid
    >>> x = lucid.ones(1, 1, 1)
    >>> lucid.nn.functional.local_response_norm(x, size=1, alpha=3.0, beta=0.5).squeeze()
    Tensor(0.5, grad=None)
    """
    if input.ndim < 3:
        raise ValueError(f"local_response_norm expects x of shape (N, C, L), got {input.shape}")
    if input.numel() == 0:
        return input
    channels, rest = input.shape[1], (0, 0) * (input.ndim - 2)
    squares = ops.pad(ops.square(input), (*rest, size // 2, (size - 1) // 2))
    total = squares[:, :channels]
    for i in range(1, size):
        total = total + squares[:, i : i + channels]
    return input / ops.pow(total * (alpha / size) + k, beta)


@autocasts
def normalize(input: Tensor, p: float = 2.0, dim: Any = 1, eps: float = 1e-12) -> Tensor:
    """x divided by its p-norm along `dim`, or by eps where that is larger.

    >>> import lucid
    >>> lucid.nn.functional.normalize(lucid.tensor([[3.0, 4.0]]))
    Tensor([[0.6, 0.8]], grad=None)
    """
    return input / ops.clamp(ops.norm(input, p, dim, keepdim=True), min=eps)


# Of separation networks --------------------------------------------------------------------------


@in_float32
def channel_layer_norm(
    input: Tensor, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-8
) -> Tensor:
    """Normalise each frame over its channels: the cLN of Luo and Mesgarani, "TasNet" (2018).

    Shapes: input (N, C, ...); weight and bias (C,).

    Raises:
        ValueError: fewer than two dimensions; a weight or a bias of another shape.

    >>> import lucid
    >>> lucid.nn.functional.channel_layer_norm(lucid.tensor([[1.0, 3.0]]))
    Tensor([[-1.,  1.]], grad=None)
    """
    _channels("channel_layer_norm", input, 2, weight, bias)
    centred = input - ops.mean(input, 1, keepdim=True)
    var = ops.mean(ops.square(centred), 1, keepdim=True)
    return _scaled(centred * ops.rsqrt(var + eps), weight, bias)


@autocasts
@in_float32
def cumulative_layer_norm(
    input: Tensor, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-8
) -> Tensor:
    """Normalise each frame over all channels of itself and the frames before it.

    The causal cLN of Luo and Mesgarani, "Conv-TasNet" (2019), equations 8 to 10; elsewhere cgLN.

    Shapes: input (N, C, L); weight and bias (C,).

    Raises:
        ValueError: fewer than three dimensions; a weight or a bias of another shape.

    >>> import lucid
    >>> lucid.nn.functional.cumulative_layer_norm(lucid.tensor([[[1.0, 3.0, 2.0]]]))
    Tensor([[[0., 1., 0.]]], grad=None)
    """
    channels = _channels("cumulative_layer_norm", input, 3, weight, bias)
    if input.numel() == 0:
        return input
    # No variance changes with an offset: without one, the squares lose no digits.
    moved = input - ops.mean(input[:, :, :1], (1, 2), keepdim=True).detach()
    with_past = [ops.cumsum(ops.sum(a, 1, keepdim=True), -1) for a in (moved, ops.square(moved))]
    counts = input.new_tensor([channels * (t + 1) for t in range(input.shape[-1])])
    mean, square = (total / counts for total in with_past)
    var = ops.clamp(square - ops.square(mean), min=0.0)
    return _scaled((moved - mean) * ops.rsqrt(var + eps), weight, bias)


def _scaled(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    shape = (-1, *[1] * (x.ndim - 2))
    x = x if weight is None else x * weight.reshape(shape)
    return x if bias is None else x + bias.reshape(shape)
