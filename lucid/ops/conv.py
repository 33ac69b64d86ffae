"""1-D convolution and transposed convolution as operations: the kernels, a bias, and the rules."""

from __future__ import annotations

import mlx.core as mx

from lucid.autograd.laziness import after
from lucid.kernels import convolution as kernels
from lucid.kernels import separable
from lucid.kernels.separable import Steps
from lucid.ops.op import op
from lucid.ops.reduce import total
from lucid.ops.samplewise import convolved


@op(samples=convolved)
def conv1d(x, w, b, /, *, stride=1, padding=(0, 0), dilation=1, groups=1):
    """Cross-correlation; see `lucid.nn.functional.conv1d` for the checked form.

    Shapes: x (N, C_in, L), w (C_out, C_in/groups, K), b (C_out,) or None. `padding` is
    (left, right); a negative one crops.
    """
    settings = {"stride": stride, "dilation": dilation, "groups": groups}
    y = kernels.conv1d(x, w, b, padding=padding, **settings)
    left, length, K = padding[0], x.shape[-1], w.shape[-1]

    def rule(g):
        return (
            kernels.conv_transpose1d(g, w, length=length, padding=left, **settings),
            kernels.conv1d_weight_grad(after(g, x), g, kernel_size=K, padding=left, **settings),
            None if b is None else total(g, (0, 2)),
        )

    return y, rule


@op(samples=convolved)
def conv_transpose1d(x, w, b, /, *, length, stride=1, padding=0, dilation=1, groups=1):
    """Transposed convolution; see `lucid.nn.functional.conv_transpose1d` for the checked form.

    Shapes: x (N, C_in, L), w (C_in, C_out/groups, K), b (C_out,) or None ->
    (N, C_out, length). `padding` is what the left side loses, `length` decides the right side.
    """
    settings = {"stride": stride, "dilation": dilation, "groups": groups}
    y = kernels.conv_transpose1d(x, w, b, length=length, padding=padding, **settings)
    reach = (x.shape[-1] - 1) * stride + dilation * (w.shape[-1] - 1) + 1
    sides, K = (padding, reach - padding - length), w.shape[-1]

    def rule(g):
        again = after(g, x)
        return (
            kernels.conv1d(g, w, padding=sides, **settings),
            kernels.conv1d_weight_grad(g, again, kernel_size=K, padding=padding, **settings),
            None if b is None else total(g, (0, 2)),
        )

    return y, rule


@op(samples=convolved)
def separable_conv1d(
    x, depthwise, mid_bias, pointwise, bias, /, *, stride=1, padding=(0, 0), dilation=1, relu=False
):
    """conv1d of one group per channel, then conv1d by `pointwise`, then relu if asked for.

    Shapes: x (N, C_in, L), depthwise (C_mid, 1, K), mid_bias (C_mid,) or None, pointwise
    (C_out, C_mid, 1), bias (C_out,) or None. Nothing between the two convolutions is kept: the
    gradient computes it again. It pays where `fuses_separable_conv1d` says so.
    """
    steps = Steps(stride, padding, dilation)
    biases = [
        mx.zeros(w.shape[0], w.dtype) if b is None else b
        for w, b in ((depthwise, mid_bias), (pointwise, bias))
    ]
    arrays = (x, depthwise, biases[0], pointwise, biases[1])
    y = separable.separable_conv1d(*arrays, steps, relu=relu)

    def rule(g):
        found = separable.gradients(g, y, *arrays, steps, relu=relu)
        given = (x, depthwise, mid_bias, pointwise, bias)
        return tuple(None if a is None else s for a, s in zip(given, found, strict=True))

    return y, rule


def fuses_separable_conv1d(x, depthwise, pointwise, *, stride=1, padding=(0, 0), dilation=1):
    """Whether one kernel computes `separable_conv1d`, for tensors of these shapes."""
    arrays = (x.array, depthwise.array, pointwise.array)
    return separable.is_fused(*arrays, Steps(stride, padding, dilation))
