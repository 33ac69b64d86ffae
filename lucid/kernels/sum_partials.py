"""The second pass of a reduction on the GPU: partial sums of groups, added in a fixed order."""

import mlx.core as mx

from lucid.kernels.metal import Kernel

_SUM_PARTIALS = Kernel("sum_partials", "sum_partials")


def sum_partials(partials: mx.array, dtype: mx.Dtype) -> mx.array:
    """Sum of partials (P, ...), float32, over its first axis: (...) in `dtype`."""
    P, *shape = partials.shape
    if P == 1:
        return partials[0].astype(dtype)
    partials = partials.reshape(P, -1)
    M = partials.shape[1]
    (y,) = _SUM_PARTIALS(
        [partials],
        template={"T": dtype},
        grid=(256 * -(-M // 32), 1, 1),
        threadgroup=(256, 1, 1),
        outputs=[((M,), dtype)],
    )
    return y.reshape(shape)
