"""Batch normalisation folded into the layer before it, for inference."""

from __future__ import annotations

import copy
from typing import Any

from lucid import ops
from lucid.autograd import no_grad
from lucid.nn.parameter import Parameter
from lucid.tensor import Tensor


def fuse_conv_bn_eval(conv: Any, bn: Any, transpose: bool = False) -> Any:
    """One convolution that does what `bn(conv(x))` does in evaluation mode.

    Args:
        conv: a convolution (1-D or 2-D, transposed too), in evaluation mode.
        bn: the batch norm behind it, in evaluation mode, with running statistics.
        transpose: the convolution is a transposed one; found out by itself for lucid's layers.

    Returns:
        A new layer of the kind of `conv`; the two that were given stay as they are.

    Raises:
        ValueError: training mode, no running statistics, or channels that do not agree.

    >>> import lucid
    >>> from lucid import nn
    >>> conv, bn = nn.Conv1d(1, 2, 3).eval(), nn.BatchNorm1d(2).eval()
    >>> fused = nn.utils.fuse_conv_bn_eval(conv, bn)
    >>> x = lucid.randn(1, 1, 8)
    >>> bool(lucid.allclose(fused(x), bn(conv(x)), atol=1e-6))
    True
    """
    transposed = transpose or "Transpose" in type(conv).__name__
    groups = getattr(conv, "groups", 1)
    return _fused(conv, bn, transposed, groups)


def fuse_linear_bn_eval(linear: Any, bn: Any) -> Any:
    """One linear layer that does what `bn(linear(x))` does in evaluation mode, x (N, C).

    Raises:
        ValueError: training mode, no running statistics, or features that do not agree.

    >>> from lucid import nn
    >>> nn.utils.fuse_linear_bn_eval(nn.Linear(2, 3).eval(), nn.BatchNorm1d(3).eval())
    Linear(in_features=2, out_features=3, bias=True)
    """
    return _fused(linear, bn, False, 1)


def _fused(layer: Any, bn: Any, transposed: bool, groups: int) -> Any:
    if layer.training or bn.training:
        raise ValueError("fusing is for inference: call eval() on the layer and the batch norm")
    if bn.running_mean is None:
        raise ValueError("fusing needs a batch norm with running statistics")
    channels = layer.weight.shape[1] * groups if transposed else layer.weight.shape[0]
    if channels != bn.running_mean.shape[0]:
        raise ValueError(
            f"the layer gives {channels} channels, the batch norm has {bn.running_mean.shape[0]}"
        )
    fused = copy.deepcopy(layer)
    weight, bias = fuse_conv_bn_weights(
        layer.weight,
        layer.bias,
        bn.running_mean,
        bn.running_var,
        bn.eps,
        bn.weight,
        bn.bias,
        transposed,
        groups=groups,
    )
    fused.weight = weight
    fused.bias = bias
    return fused


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
    *,
    groups: int = 1,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of the convolution that `fuse_conv_bn_eval` makes.

    Shapes: conv_w (C_out, C_in / groups, K), transposed (C_in, C_out / groups, K); all others
    (C_out,).

    >>> import lucid
    >>> mean, var = lucid.zeros(1), lucid.tensor([4.0])
    >>> weight, bias = lucid.nn.utils.fuse_conv_bn_weights(
    ...     lucid.ones(1, 1, 2), None, mean, var, 0.0, None, lucid.ones(1)
    ... )
    >>> weight.detach()
    Tensor([[[0.5, 0.5]]], grad=None)
    """
    with no_grad():
        scale = ops.rsqrt(bn_rv + bn_eps)
        scale = scale if bn_w is None else scale * bn_w
        shift = -bn_rm if conv_b is None else conv_b - bn_rm
        bias = shift * scale
        bias = bias if bn_b is None else bias + bn_b
        if transpose:
            rows, columns, *taps = conv_w.shape
            factors = scale.reshape(groups, 1, columns, *(1 for _ in taps))
            grouped = conv_w.reshape(groups, rows // groups, columns, *taps)
            weight = (grouped * factors).reshape(conv_w.shape)
        else:
            weight = conv_w * scale.reshape(-1, *(1 for _ in conv_w.shape[1:]))
    return Parameter(weight, conv_w.requires_grad), Parameter(bias, conv_w.requires_grad)
