"""The depthwise-separable block as one Metal kernel, and what it costs beside two.

Shapes: x (N, C_in, L), depthwise (C_mid, 1, K) with C_mid a multiple of C_in, pointwise
(C_out, C_mid, 1), y (N, C_out, length); settings as in `conv1d`. The definition is the two
convolutions; `separable` chooses.
"""

from __future__ import annotations

from typing import NamedTuple

import mlx.core as mx

from lucid.kernels.metal import Kernel
from lucid.kernels.phases import Phases, phases

_KERNEL = Kernel("separable_conv1d", "separable_conv1d")
_POSITIONS = 64  # of one threadgroup


class Block(NamedTuple):
    """Sizes of a block; the signal between its two convolutions is (N, C_mid, length)."""

    C_in: int
    C_mid: int
    C_out: int
    K: int
    length: int
    stride: int
    dilation: int

    @property
    def phases(self) -> Phases:
        return phases(self.K, self.stride, self.dilation, _POSITIONS)

    @property
    def staged(self) -> int:
        """Values of each channel of x that one threadgroup reads."""
        return self.phases.planes * self.phases.span(self.K, _POSITIONS)

    @property
    def rows(self) -> int:
        """Outputs of one threadgroup, by 32."""
        return 1 if self.C_out <= 32 else 2 if self.C_out <= 64 else 4

    @property
    def reads(self) -> int:
        """How often x is read, and the depthwise convolution computed."""
        return -(-self.C_out // (32 * self.rows))

    @property
    def channels(self) -> int:
        """Channels between the convolutions that fit into threadgroup memory at a time, or 0."""
        floats = self.staged + 8 * self.phases.planes + _POSITIONS + 4
        return next((n for n in (16, 8) if 4 * n * floats <= 32 * 1024), 0)

    @property
    def products(self) -> int:
        """Multiply-adds of the kernel for one sample: depthwise, then in 8x8 fragments."""
        depthwise = self.reads * self.C_mid * self.K * self.length
        return depthwise + _up(self.C_out) * _up(self.C_mid) * _up(self.length)

    @property
    def useful(self) -> int:
        """The same of two kernels without any padding."""
        return self.C_mid * (self.K + self.C_out) * self.length


def shader(
    x: mx.array,
    depthwise: mx.array,
    mid_bias: mx.array,
    pointwise: mx.array,
    bias: mx.array,
    *,
    block: Block,
    left: int,
    relu: bool,
) -> mx.array:
    """pointwise(depthwise(x) + mid_bias) + bias, then relu if asked for."""
    _, C_mid, C_out, K, length, S, D = block
    pointwise = pointwise.reshape(C_out, C_mid)
    if C_out % 8 or C_mid % 8:  # whole fragments
        pointwise = mx.pad(pointwise, [(0, -C_out % 8), (0, -C_mid % 8)])
    (y,) = _KERNEL(
        [x, depthwise, mid_bias, pointwise, bias,
         mx.array([left, length, C_mid, C_out], mx.int32)],
        template={"T": x.dtype, "K": K, "S": S, "D": D, "PHASES": block.phases.planes,
                  "STEP": block.phases.step, "ROWS": block.rows, "BM": block.channels,
                  "RELU": relu},
        grid=(64 * block.rows * -(-length // _POSITIONS), block.reads, x.shape[0]),
        threadgroup=(64 * block.rows, 1, 1),
        outputs=[((x.shape[0], C_out, length), x.dtype)],
    )  # fmt: skip
    return y


def _up(n: int) -> int:
    """n rounded up to whole fragments of 8."""
    return -(-n // 8) * 8
