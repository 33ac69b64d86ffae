"""Which form of a convolution runs: the one table of rules, by shape.

The first rule that holds decides. On a Metal GPU the rules of the shaders come first, and where
none of them holds, or LUCID_KERNELS is "off", the definitions run, as they do on the CPU. Their
milliseconds are the best of several on 2 cores of a Xeon with OpenBLAS (`python -m tests.bench`),
written (N, C, L); those of (2, ...) on one core, as of a shard, while the other core does the same.
A definition stands here only where it is at least 1.3 times faster than the next on shapes of
published models.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import mlx.core as mx

from lucid.kernels import (
    conv1d,
    conv1d_weight_grad,
    conv_transpose1d,
    depthwise_conv1d,
    depthwise_shaders,
    implicit_matmul,
    metal,
    separable_conv1d,
)

Form = Callable[..., mx.array]


def fits_32_bits(length: int, K: int, stride: int, dilation: int) -> bool:
    """Whether the positions in a row fit, those of a tile of 4096 past its end included, and of 8
    outputs that share inputs."""
    steps = stride <= 2**18 and 8 * stride * dilation <= metal.LARGEST_AXIS
    return steps and length * stride + K * dilation <= metal.LARGEST_AXIS


class Shape(NamedTuple):
    """Sizes of the convolution x (N, groups*Cg, L) -> y (N, groups*Og, length) at hand, whichever
    of x, w and y is the one to compute."""

    Cg: int
    Og: int
    K: int
    length: int
    stride: int
    dilation: int
    groups: int

    def x(self, N: int, L: int) -> tuple[int, int, int]:
        return N, self.groups * self.Cg, L

    def y(self, N: int) -> tuple[int, int, int]:
        return N, self.groups * self.Og, self.length

    @property
    def w(self) -> tuple[int, int, int]:
        return self.groups * self.Og, self.Cg, self.K

    @property
    def fits_32_bits(self) -> bool:
        """Whether the positions in a row, with which shaders compute, fit."""
        return fits_32_bits(self.length, self.K, self.stride, self.dilation)

    @property
    def narrow(self) -> bool:
        """Depthwise, or nearly: a matmul over channels would have next to nothing to sum."""
        return self.Cg * self.Og <= 4

    @property
    def depthwise(self) -> bool:
        """One channel in a group, more than a product, and tiles that fit."""
        sizes = (self.K, self.Og, self.stride, self.dilation)
        return self.Cg == 1 and not self.pointwise and depthwise_shaders.fits(*sizes)

    @property
    def dense_in_time(self) -> bool:
        """The Toeplitz matrix holds at most 12 zeros or so per tap; past that, taps or unfolding
        win: K7 d9 on (5, 64, 24576) 43 ms, taps 20."""
        zeros = depthwise_conv1d.BLOCK * self.stride + self.K * self.dilation
        return self.dilation <= 4 and zeros <= 12 * self.K

    def sparse_in_time(self, few: int) -> bool:
        """At stride 1, taps so few or so far apart that each is a pass over memory of its own."""
        short = few >= self.K and self.length >= 1024
        return self.stride == 1 and (short or not self.dense_in_time)

    @property
    def few_weights(self) -> bool:
        """So few weights a group that a thread or a handful can sum them up, and of a number that
        fills the 8x8 fragments of a matmul badly."""
        sizes = [(self.Og, self.Cg * self.K)]
        if self.stride == 1:  # then x and g may change places
            sizes.append((self.Cg, self.Og * self.K))
        weights = self.Cg * self.Og * self.K
        padded = min(conv1d_weight_grad.padded(*size) for size in sizes)
        return weights <= 128 and padded > 1.25 * weights

    @property
    def taps_of_phase(self) -> float:
        """Taps that meet in one output of the transposed convolution."""
        return self.K / self.stride

    @property
    def long_taps(self) -> bool:
        """Seven taps or more for each phase of a stride, on a signal that dwarfs them: unfolding
        writes as many copies of x, where matmuls that add up in place waste only the few columns
        between samples."""
        near = self.length * self.stride >= 5 * (self.K - 1)
        return self.stride > 1 == self.dilation and self.taps_of_phase >= 7 and near

    @property
    def few_channels(self) -> bool:
        """So few that OpenBLAS gains nothing by packing matrices."""
        few, many = sorted((self.Cg, self.Og))
        return few >= 4 and many <= min(2 * few, 32)

    def by_taps(self, read: int, written: int) -> bool:
        """From so many channels not many more to write, each tap being a pass over them, and rows
        so long that a matmul of each tap is a good one, in spite of the columns between them."""
        long = self.length >= max(2 * read, 2**13 // read, 3 * (self.K - 1) * self.dilation)
        return self.stride == 1 and self.K >= 3 and written <= 2 * read and long

    @property
    def pointwise(self) -> bool:
        """A matmul over channels, as it stands."""
        return self.K == 1 and self.stride == 1

    @property
    def long_pointwise(self) -> bool:
        """The same in few primitives, which a step has thousands of; of short signals one matmul of
        all samples is quicker."""
        return self.pointwise and self.groups == 1 and self.length >= conv1d.SHORT

    @property
    def compute_bound(self) -> bool:
        """The copies from (N, C, L) to (N, L, C) and back, 16 bytes per value of x and y, take a
        tenth of the arithmetic at 30 operations per byte, a balance of Apple's GPUs."""
        return self.K * self.Cg * self.Og >= 1200 * (self.Cg + self.Og)

    @property
    def suits_mlx(self) -> bool:
        """MLX multiplies in tiles without unfolding x: by its choice of kernels, up to 0.32.4."""
        sixteens = self.Cg % 16 == self.Og % 16 == 0
        return self.stride == self.groups == 1 and sixteens and self.compute_bound

    @property
    def fills_fragments(self) -> bool:
        """In 8x8 matrices the convolution multiplies at most a quarter of zeros."""
        plan = implicit_matmul.ordinary(self.Cg, self.Og, self.K, self.stride, self.dilation)
        return 4 * plan.products <= 5 * self.Cg * self.Og * self.K

    @property
    def fills_fragments_transposed(self) -> bool:
        """As above; and the packed weight, which has a place for every phase, stays small."""
        if self.stride > 4 * self.K:
            return False
        plan = implicit_matmul.transposed(self.Og, self.Cg, self.K, self.stride, self.dilation)
        return 4 * plan.products <= 5 * self.Cg * self.Og * self.K


class Sizes(NamedTuple):
    """Shapes of the two inputs of a function, and of its result."""

    a: tuple[int, int, int]
    b: tuple[int, int, int]
    result: tuple[int, int, int]


Rules = tuple[tuple[Callable[[Shape], bool], Form], ...]


class Table(NamedTuple):
    """The rules of one function, where the last definition always holds, and its sizes by shape,
    N and L."""

    shaders: Rules
    definitions: Rules
    sizes: Callable[[Shape, int, int], Sizes]

    def definition(self, shape: Shape) -> Form:
        """The first definition that holds."""
        form = _first(self.definitions, shape)
        assert form is not None, f"no definition for {shape}"
        return form

    def holds(self, form: Form, shape: Shape) -> bool:
        """Whether a rule of the shaders would choose the form for the shape, were it the first."""
        return any(form is shader and holds(shape) for holds, shader in self.shaders)

    def is_shader(self, form: Form) -> bool:
        return any(form is shader for _, shader in self.shaders)


def always(_: Shape) -> bool:
    return True


# Definitions ------------------------------------------------------------------------------------

_CONV1D: Rules = (
    # K3 on (4, 512, 4001): 13 ms, Toeplitz 17. K3 d32: 14, 24. K7 d9 on (5, 64, 24576): 20, 43.
    # K5 on (2, 512, 4001): 5.5, 7.5.
    (lambda s: s.narrow and s.sparse_in_time(few=5), depthwise_conv1d.taps),
    # K7 on (16, 512, 384): 6.3 ms, taps 10. K75 on (19, 512, 835): 29, with unfolded rows 63.
    (lambda s: s.narrow and s.dense_in_time, depthwise_conv1d.toeplitz),
    (lambda s: s.long_pointwise, conv1d.pointwise),
    # Many channels to few, as at the end of a vocoder. 16 -> 1 K7 on (2, 16, 8192): 0.5 ms, by
    # taps 0.7, unfolded 1.5; 32 -> 4: 1.3, 1.8, 4.8. At 32 -> 16 no gain.
    (
        lambda s: s.stride == 1 and s.K >= 3 and 8 * s.Og <= s.Cg,
        conv_transpose1d.multiply_first_conv1d,
    ),
    # K7 d5 on (2, 8, 8192): 0.53 ms, unfolded 0.75; (2, 32, 2048): 0.96, 1.4; K7 on (2, 96, 4224):
    # 8.1, 14.5; K3 on (2, 64, 4000): 2.0, 2.9. But on (2, 192, 64) 0.42, 0.33, K11 on (2, 256, 256)
    # 7.4, 6.2, and 1 -> 16 K7 on (2, 1, 8192) 0.5, 0.2.
    (lambda s: s.by_taps(s.Cg, s.Og), conv1d.by_taps),
    # Grouped 256 -> 512 K41 s4 on (8, 256, 2048): 13 ms, unfolded 18.
    (lambda s: s.long_taps and s.Og <= s.Cg * s.stride, conv1d.by_taps),
    # One matmul per sample; without a window to copy (1x1) it is the plain matmul of x.
    (always, conv1d.unfolded),
)

_CONV_TRANSPOSE1D: Rules = (
    # As above: the same matrices, transposed, so the stride is interleaved by the matmul itself.
    (lambda s: s.narrow and s.sparse_in_time(few=5), depthwise_conv1d.taps_transposed),
    (lambda s: s.narrow and s.dense_in_time, depthwise_conv1d.toeplitz_transposed),
    (lambda s: s.long_pointwise, conv_transpose1d.pointwise),
    # Few products per input: none of x is copied K/s times, nor is the weight repacked. 1536 -> 768
    # K16 s8 on (1, 1536, 33): 15 ms, unfolded 118; 512 -> 1 K16 s8 on (4, 512, 4001): 4, 19.
    (
        lambda s: s.stride > 1 and s.stride * s.Cg <= 4 * s.Og and s.taps_of_phase <= 4,
        conv_transpose1d.multiply_first,
    ),
    # As above. 32 -> 1 K7 on (16, 32, 24006): 15 ms, unfolded 88.
    (lambda s: s.stride == 1 and 8 * s.Cg <= s.Og, conv_transpose1d.multiply_first),
    (lambda s: s.by_taps(s.Og, s.Cg), conv_transpose1d.by_taps),
    (lambda s: s.stride == 1 and s.Cg < s.Og, conv_transpose1d.multiply_first),
    # Grouped 512 -> 256 K41 s4 on (8, 512, 512): 12 ms, unfolded 14.
    (lambda s: s.long_taps and s.Cg <= s.Og, conv_transpose1d.by_taps),
    (always, conv_transpose1d.unfold_first),
)

_WEIGHT_GRAD: Rules = (
    # K3 on (4, 512, 4001): 10 ms, Toeplitz 15; d32: 12, 21, by sample 28. K5: 6.8, 5.7.
    (lambda s: s.narrow and s.sparse_in_time(few=3), depthwise_conv1d.taps_weight_grad),
    (lambda s: s.narrow and s.dense_in_time, depthwise_conv1d.toeplitz_weight_grad),
    (lambda s: s.long_pointwise, conv1d_weight_grad.pointwise),
    # Grouped 256 -> 512 K41 s4 on (16, 256, 2048): 84 ms, by sample 116.
    (lambda s: s.stride > 1 and s.long_taps, conv1d_weight_grad.by_phases),
    # K7 d5 on (2, 8, 8192): 0.5 ms, by sample 0.9; (2, 16, 4096): 0.8, 1.1; (2, 32, 2048): 1.1,
    # 1.3. Of 64 channels no gain; of 32 and 4 on (2, 32, 8192) 1.3, 0.9.
    (
        lambda s: s.few_channels and s.stride == 1 and s.K > 1 and s.length >= 512,
        conv1d_weight_grad.by_views,
    ),
    # N partial gradients are smaller than the copy of g: 1 -> 512 K16 s8 on (8, 1, 32000) 6.4 ms
    # against 22; 1x1 128 -> 512 on (8, 128, 4001) 19 against 38. With both unfolded 96 -> 12 K3
    # d2 on (4, 96, 27563) 12 ms, x alone 37; 32 -> 32 K11 d5 on (16, 32, 8192) 40, 55.
    (lambda s: s.Cg * s.K < s.length, conv1d_weight_grad.by_sample),
    # Long kernels on short signals: one large matmul. 384 -> 768 K8 s4 on (8, 384, 1000) 35 ms.
    (always, conv1d_weight_grad.at_once),
)


# Shaders ----------------------------------------------------------------------------------------

# Without a stride one tap is the plain matmul of MLX, which is all that the definition then does.

_CONV1D_SHADERS: Rules = (
    # Each input is read once and each result written once, at any setting. MLX's own depthwise
    # kernel serves few of them; all others cost 8 to 43 times the work, or K copies of x. Of many
    # taps of many filters a matmul is due: there are more products than memory hides.
    (lambda s: s.depthwise and (s.K <= 32 or s.Og <= 4), depthwise_shaders.conv1d),
    # MLX's own tiles were tuned on the hardware, so they get what they do well.
    (lambda s: s.suits_mlx, conv1d.mlx),
    # All else with enough channels. MLX would copy x and y to another layout, or even unfold x, as
    # it does for 100 channels.
    (lambda s: s.fills_fragments and not s.pointwise, conv1d.shader_matmul),
    # 32 -> 1 or 96 -> 12: little to compute for each byte, and the matrix unit would do more of it.
    (lambda s: not s.pointwise, conv1d.shader_direct),
)

_CONV_TRANSPOSE1D_SHADERS: Rules = (
    # One row of sums however many channels there are, as of a decoder to one channel: no matmul.
    (lambda s: s.depthwise, depthwise_shaders.conv_transpose1d),
    # As above: with stride 1, another ordinary convolution.
    (lambda s: s.suits_mlx, conv_transpose1d.mlx),
    # MLX would unfold x with zeros between its samples: stride times the work, K*stride times x.
    (
        lambda s: s.fills_fragments_transposed and not s.pointwise,
        conv_transpose1d.shader_matmul,
    ),
    # As above: 12 -> 96, or 3 -> 5 at stride 2.
    (lambda s: not s.pointwise, conv_transpose1d.shader_direct),
)

_WEIGHT_GRAD_SHADERS: Rules = (
    # More filters than 8 fill the fragments of a matmul.
    (lambda s: s.depthwise and s.Og <= 8, depthwise_shaders.weight_grad),
    # 3 -> 5 K3: tiles of 8x8 would multiply 2.8 times as much.
    (lambda s: s.few_weights, conv1d_weight_grad.shader_direct),
    # Nothing is unfolded. Rows of g are rounded up to 8: from 32 on that costs a quarter at most.
    # Shorter ones are a plain matmul over the samples, and one tap is one over the positions.
    (
        lambda s: s.length >= 32 and not (s.pointwise and s.groups == 1),
        conv1d_weight_grad.shader_matmul,
    ),
)

CONV1D = Table(_CONV1D_SHADERS, _CONV1D, lambda s, N, L: Sizes(s.x(N, L), s.w, s.y(N)))
CONV_TRANSPOSE1D = Table(
    _CONV_TRANSPOSE1D_SHADERS, _CONV_TRANSPOSE1D, lambda s, N, L: Sizes(s.y(N), s.w, s.x(N, L))
)
WEIGHT_GRAD = Table(
    _WEIGHT_GRAD_SHADERS, _WEIGHT_GRAD, lambda s, N, L: Sizes(s.x(N, L), s.y(N), s.w)
)


def choose(table: Table, shape: Shape, dtype: mx.Dtype) -> Form:
    """The form of the first rule that holds."""
    on = metal.available() and dtype in metal.DTYPES and shape.fits_32_bits
    return (_first(table.shaders, shape) if on else None) or table.definition(shape)


@lru_cache(4096)
def _first(rules: Rules, shape: Shape) -> Form | None:
    """Kept, since asking takes longer than what small convolutions have to compute."""
    return next((form for holds, form in rules if holds(shape)), None)


# Depthwise-separable blocks ---------------------------------------------------------------------

_FUSED: tuple[Callable[[separable_conv1d.Block], bool], ...] = (
    # Eight channels fit into threadgroup memory.
    lambda b: b.channels > 0,
    # A threadgroup holds all outputs, 128 at most: else the depthwise part would be made again.
    lambda b: b.reads == 1,
    # Reading x with its halo costs at most what reading x and the signal between does. So inference
    # saves one passage of that signal at least. Training makes it again for the gradient: at most
    # one more reading of x than with two kernels, and no memory for it until then.
    lambda b: b.staged * b.C_in <= 64 * (b.stride * b.C_in + b.C_mid),
    # Rounding up to fragments of 8x8 costs a quarter at most.
    lambda b: b.products <= 1.25 * b.useful,
    lambda b: fits_32_bits(b.length, b.K, b.stride, b.dilation),
)


def fuses(block: separable_conv1d.Block, dtype: mx.Dtype) -> bool:
    """Whether a depthwise-separable block is one kernel; else it is two convolutions."""
    on = metal.available() and dtype in metal.DTYPES and block.useful > 0
    return on and all(holds(block) for holds in _FUSED)
