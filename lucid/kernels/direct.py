"""Launching a convolution of few channels, where a thread sums some outputs: `metal/slide.h`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import mlx.core as mx

from lucid.kernels.metal import Kernel


def outputs(stride: int) -> int:
    """Outputs of one channel in a thread: with a stride, its inputs lie farther apart already."""
    return 8 if stride == 1 else 4


def launch(
    kernel: Kernel,
    x: mx.array,
    w: mx.array,
    bias: mx.array | None,
    shape: tuple[int, int, int],
    *,
    Og: int,
    threads: int,
    sizes: Sequence[int],
    template: Mapping[str, int],
) -> mx.array:
    """y of this shape, by `threads` threads along the signal for every OC channels."""
    N, C_out, _ = shape
    OC = next(OC for OC in (4, 2, 1) if Og % OC == 0)
    along = min(threads, max(32, 256 * OC // C_out))
    (y,) = kernel(
        [x, w, w if bias is None else bias, mx.array([*sizes, 0], mx.int32)],
        template={"T": x.dtype, "BIAS": bias is not None, "OC": OC, **template},
        grid=(threads, C_out // OC, N),
        threadgroup=(along, min(C_out // OC, 256 // along), 1),
        outputs=[(shape, x.dtype)],
    )
    return y
