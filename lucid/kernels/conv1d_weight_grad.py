"""The weight gradient of dense and grouped 1-D convolution: definitions in plain mx operations.

Shapes: x (N, C_in, L), g (N, C_out, length) -> gw (C_out, C_in/groups, K); settings as in `conv1d`.
The sum runs over samples and positions, the axes that are long, and the result is small.
"""

import mlx.core as mx

from lucid.kernels.conv1d import unfold


def by_sample(
    x: mx.array, g: mx.array, K: int, *, stride: int, left: int, dilation: int, groups: int
) -> mx.array:
    """gw[o, c, k] = sum over n, t of g[n, o, t] x[n, c, t*stride + k*dilation - left]."""
    N, C_out, length = g.shape
    Cg = x.shape[1] // groups
    u = unfold(x, K, length, stride=stride, left=left, dilation=dilation)
    u = u.reshape(N, groups, Cg * K, length)
    gw = g.reshape(N, groups, C_out // groups, length) @ u.swapaxes(2, 3)
    return gw.sum(0).reshape(C_out, Cg, K)


def at_once(
    x: mx.array, g: mx.array, K: int, *, stride: int, left: int, dilation: int, groups: int
) -> mx.array:
    """The same with the samples side by side in one matmul, at the price of a copy of g."""
    N, C_out, length = g.shape
    Cg = x.shape[1] // groups
    u = unfold(x, K, length, stride=stride, left=left, dilation=dilation, order=(1, 2, 0, 3))
    u = u.reshape(groups, Cg * K, N * length)
    g = g.swapaxes(0, 1).reshape(groups, C_out // groups, N * length)
    return (g @ u.swapaxes(1, 2)).reshape(C_out, Cg, K)
