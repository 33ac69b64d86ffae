"""Dense and grouped 1-D convolution in plain mx operations: one matmul over unfolded windows.

Shapes: x (N, C_in, L), w (C_out, C_in/groups, K), y (N, C_out, length). A setting shared by every
function of this package: `left`, the position in x of the first tap, negated. Position t of y meets
x[t*stride + k*dilation - left]; whatever lies outside x counts as zero.
"""

import mlx.core as mx


def window(x: mx.array, start: int, size: int) -> mx.array:
    """x[..., start : start + size], zero where that reaches outside of x."""
    low, high = max(start, 0), min(start + size, x.shape[-1])
    if low >= high:
        return mx.zeros((*x.shape[:-1], size), x.dtype)
    if high - low < x.shape[-1]:
        x = x[..., low:high]
    if high - low < size:
        x = mx.pad(x, [(0, 0)] * (x.ndim - 1) + [(low - start, start + size - high)])
    return x


def unfold(
    x: mx.array, kernel_size: int, length: int, stride: int, left: int, dilation: int
) -> mx.array:
    """u[n, c, k, t] = x[n, c, t*stride + k*dilation - left], a view on a padded copy of x."""
    size = (length - 1) * stride + (kernel_size - 1) * dilation + 1
    # A 1-sample slice keeps its flags: as_strided then refuses it unless made contiguous.
    x = mx.contiguous(
        window(x, -left, size)
    )  # exactly what the view below reaches: as_strided checks nothing
    N, C, _ = x.shape
    return mx.as_strided(x, (N, C, kernel_size, length), (C * size, size, dilation, stride))


def forward(
    x: mx.array, w: mx.array, *, length: int, stride: int, left: int, dilation: int, groups: int
) -> mx.array:
    """y[n, o, t] = sum over c, k of w[o, c, k] x[n, c, t*stride + k*dilation - left]."""
    N, (C_out, Cg, K) = x.shape[0], w.shape
    u = unfold(x, K, length, stride, left, dilation).reshape(N, groups, Cg * K, length)
    return (w.reshape(groups, C_out // groups, Cg * K) @ u).reshape(N, C_out, length)


def weight_grad(
    x: mx.array,
    g: mx.array,
    *,
    kernel_size: int,
    stride: int,
    left: int,
    dilation: int,
    groups: int,
) -> mx.array:
    """gw[o, c, k] = sum over n, t of g[n, o, t] x[n, c, t*stride + k*dilation - left]."""
    N, C_out, length = g.shape
    Cg, Og, K = x.shape[1] // groups, C_out // groups, kernel_size
    u = unfold(x, K, length, stride, left, dilation)
    # One matmul per group over all samples: (Og, N*length) x (N*length, Cg*K).
    u = u.transpose(1, 2, 0, 3).reshape(groups, Cg * K, N * length)
    g = g.transpose(1, 0, 2).reshape(groups, Og, N * length)
    return (g @ u.swapaxes(1, 2)).reshape(C_out, Cg, K)
