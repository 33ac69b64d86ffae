"""1-D convolution and transposed convolution as operations: the kernels, a bias, and the rules."""

from __future__ import annotations

from lucid.kernels import convolution as kernels
from lucid.ops.op import op
from lucid.ops.reduce import total


@op
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
            kernels.conv1d_weight_grad(x, g, kernel_size=K, padding=left, **settings),
            None if b is None else total(g, (0, 2)),
        )

    return y, rule


@op
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
        return (
            kernels.conv1d(g, w, padding=sides, **settings),
            kernels.conv1d_weight_grad(g, x, kernel_size=K, padding=padding, **settings),
            None if b is None else total(g, (0, 2)),
        )

    return y, rule
