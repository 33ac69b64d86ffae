"""What to run the Metal shaders on: layers of published networks, at full size and cut small, and
corners, where sizes are odd, tiny or out of step.

Each is run as training runs it: forward with a bias, gradient of x, gradient of w. The gradients of
a depthwise-separable block are those of its two convolutions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import mlx.core as mx

from lucid.kernels.convolution import conv1d, conv1d_weight_grad, conv_transpose1d
from lucid.kernels.separable import Steps, separable_conv1d

# right: zeros after the signal; where it is less than left in a transposed convolution, the
# difference is the output padding. Negative: cropped.
# name                           transposed   N   C_in C_out      L   K  S left right   D groups
_LAYERS = """
  Conv-TasNet depthwise          no           8    512   512   4001   3  1    1     1   1    512
  Conv-TasNet depthwise d32      no           8    512   512   4001   3  1   32    32  32    512
  Conv-TasNet causal d128        no           8    512   512   4001   3  1  256     0 128    512
  Vocos depthwise                no          16    512   512    938   7  1    3     3   1    512
  SNAC depthwise d9              no           4     64    64  24576   7  1   27    27   9     64
  Conformer depthwise            no          16    512   512    400  31  1   15    15   1    512
  QuartzNet stem s2              no          32     64    64   1670  33  2   16    16   1     64
  QuartzNet depthwise K75        no          16    512   512    835  75  1   37    37   1    512
  QuartzNet depthwise K87 d2     no          16    512   512    835  87  1   86    86   2    512
  Mamba causal                   no           4   1536  1536   2048   4  1    3     0   1   1536
  BigVGAN down                   no           4     24    24 131083  12  2    0     0   1     24
  BigVGAN up                     yes          4     24    24  65546  12  2    0     0   1     24
  Kokoro up                      yes          4   1090  1090    200   3  2    1     0   1   1090
  Mimi up                        yes          8    512   512    125   4  2    0     0   1    512
  HiFi-GAN up s8                 yes         16    256   128    256  16  8    4     4   1      1
  HiFi-GAN up s2                 yes         16    128    64   2048   4  2    1     1   1      1
  HiFi-GAN V2 up s2              yes         16     16     8   4096   4  2    1     1   1      1
  EnCodec up s8                  yes         16    512   256     75  16  8    0     0   1      1
  DAC up s5                      yes          4    768   384    264  10  5    3     3   1      1
  Conv-TasNet decoder            yes          1    512     1   4001  16  8    8     8   1      1
  denoiser decoder               yes          2     48     1  64084   8  4    0     0   1      1
  EnCodec down s5                no          16    128   256   3005  10  5    0     0   1      1
  wav2vec2 first s5              no           1      1   512  80000  10  5    0     0   1      1
  HiFi-GAN discriminator g16     no           4    256   512   2048  41  4   20    20   1     16
"""

_CORNERS = """
  one value                      no           1      1     1      1   1  1    0     0   1      1
  fewer than 8 values            no           1      2     2      3   3  1    1     1   1      2
  shorter than its kernel        no           2      3     3      5   7  1    6     6   1      3
  rows that share a threadgroup  no           3      5     5     65   5  1    2     2   1      5
  one past a tile                no           2      2     2   1025   3  1    1     1   1      2
  several tiles                  no           1      2     2   4099   9  1    8     0   1      2
  two filters a channel          no           2      3     6    131   3  2    1     1   1      3
  three filters, s3 d2           no           2      2     6    211   5  3    4     4   2      2
  eight filters                  no           1      2    16     97   7  1    3     3   1      2
  cropped                        no           2      3     3     90   4  2   -3    -2   1      3
  gaps: s5 K2                    no           2      3     3    103   2  5    0     0   1      3
  dense, odd channels            no           2     17    33    101   5  2    2     2   1      1
  dense, wide                    no           1     72   130     40   3  1    1     1   1      1
  dense d3                       no           1     19     9    150   3  2    3     3   3      1
  grouped                        no           2      6     4     77   5  3    2     2   1      2
  transposed, fewer than 8       yes          1      2     2      3   2  2    0     0   1      2
  transposed, gaps: s5 K2        yes          2      3     3     31   2  5    0     0   1      3
  transposed s6 d2               yes          2      3     3     45   7  6    3     1   2      3
  transposed s2 d2               yes          1      2     2    300   5  2    4     4   2      2
  transposed, padded past K      yes          2      3     3     40   3  2    7     6   1      3
  transposed, few a channel      yes          2      6     3     67   4  3    1     0   1      3
  transposed grouped             yes          2      6     4     41   5  3    2     1   1      2
  transposed dense, odd          yes          2     17    11     53   9  4    2     1   1      1
  transposed dense, wide         yes          1    130    40     19   4  2    1     1   1      1
  transposed dense d3            yes          1     12    20     47   5  2    3     3   3      1
"""

# name                     N C_in C_mid C_out     L   K  S left right   D relu
_BLOCKS = """
  MatchboxNet block      128   64    64    64   128  13  1    6     6   1  yes
  Conv-TasNet block        8  512   512   128  4001   3  1    8     8   8  no
"""

_BLOCK_CORNERS = """
  fused, odd channels      2   23    23    31    71   5  1    2     2   1  no
  fused, two filters       1   20    40    30   131   3  2    2     0   1  yes
  fused s3 d2              2   24    24    70   200   4  3    3     3   2  no
  fused, wide              1   40    40   130    66   7  1    3     3   1  yes
"""


class Layer(NamedTuple):
    """A convolution with all its sizes."""

    passes = ("forward", "gradient of x", "gradient of w")

    name: str
    transposed: bool
    N: int
    C_in: int
    C_out: int
    L: int
    K: int
    S: int
    left: int
    right: int
    D: int
    groups: int

    @property
    def length(self) -> int:
        """L of the output."""
        reach, both = self.D * (self.K - 1) + 1, self.left + self.right
        if self.transposed:
            return (self.L - 1) * self.S + reach - both
        return (self.L + both - reach) // self.S + 1

    def shapes(self, what: str) -> dict[str, tuple[int, ...]]:
        """The arrays that a pass takes: input x, weight w, bias b, derivative g in the output."""
        C_in, C_out = self.C_in, self.C_out
        rows, columns = (C_in, C_out) if self.transposed else (C_out, C_in)
        shapes = {
            "x": (self.N, C_in, self.L),
            "w": (rows, columns // self.groups, self.K),
            "b": (C_out,),
            "g": (self.N, C_out, self.length),
        }
        names = dict(zip(self.passes, ("xwb", "wg", "xg"), strict=True))[what]
        return {name: shapes[name] for name in names}

    def run(self, what: str, arrays: Mapping[str, mx.array]) -> mx.array:
        """A pass through the library."""
        place = {"stride": self.S, "dilation": self.D, "groups": self.groups}
        x, w, b, g = (arrays.get(name) for name in "xwbg")
        K, left, sides = self.K, self.left, (self.left, self.right)
        if what == "forward" and self.transposed:
            return conv_transpose1d(x, w, b, length=self.length, padding=left, **place)
        if what == "forward":
            return conv1d(x, w, b, padding=sides, **place)
        if what == "gradient of x" and self.transposed:
            return conv1d(g, w, padding=sides, **place)
        if what == "gradient of x":
            return conv_transpose1d(g, w, length=self.L, padding=left, **place)
        signal, derivative = (g, x) if self.transposed else (x, g)
        return conv1d_weight_grad(signal, derivative, kernel_size=K, padding=left, **place)

    def cut(self) -> Layer:
        """The same kernel on a few channels of a short signal of odd length."""
        each = self.C_in // self.groups, self.C_out // self.groups
        Cg, Og = (min(channels, 24) for channels in each)
        groups = min(self.groups, 3 if each == (1, 1) else 2)
        L = min(self.L, (200 if self.transposed else 200 * self.S) // self.S + self.D * self.K | 1)
        return self._replace(N=2, C_in=Cg * groups, C_out=Og * groups, L=L, groups=groups)


class Block(NamedTuple):
    """A depthwise-separable block with all its sizes: N signals of C_in channels, C_mid between its
    two convolutions, C_out at the end."""

    passes = ("forward",)

    name: str
    N: int
    C_in: int
    C_mid: int
    C_out: int
    L: int
    K: int
    S: int
    left: int
    right: int
    D: int
    relu: bool

    def shapes(self, what: str) -> dict[str, tuple[int, ...]]:
        """Input x, depthwise weight d and bias c, pointwise weight p and bias b."""
        C_mid, C_out = self.C_mid, self.C_out
        return {
            "x": (self.N, self.C_in, self.L),
            "d": (C_mid, 1, self.K),
            "c": (C_mid,),
            "p": (C_out, C_mid, 1),
            "b": (C_out,),
        }

    def run(self, what: str, arrays: Mapping[str, mx.array]) -> mx.array:
        """The block through the library."""
        steps = Steps(self.S, (self.left, self.right), self.D)
        return separable_conv1d(*(arrays[name] for name in "xdcpb"), steps, relu=self.relu)

    def cut(self) -> Block:
        """The same kernel on a few channels of a short signal of odd length."""
        filters = self.C_mid // self.C_in
        C_in, C_out, L = min(self.C_in, 20), min(self.C_out, 24), min(self.L, 201)
        return self._replace(N=2, C_in=C_in, C_mid=C_in * filters, C_out=C_out, L=L)


Case = Layer | Block


def _rows(table: str) -> list[list[str]]:
    """The cells of each line: 11 after a name of some words."""
    return [line.strip().rsplit(maxsplit=11) for line in table.strip().splitlines()]


def _layers(table: str) -> list[Layer]:
    return [
        Layer(name.strip(), transposed == "yes", *map(int, sizes))
        for name, transposed, *sizes in _rows(table)
    ]


def _blocks(table: str) -> list[Block]:
    return [
        Block(name.strip(), *map(int, sizes), relu == "yes") for name, *sizes, relu in _rows(table)
    ]


LAYERS = [*_layers(_LAYERS), *_blocks(_BLOCKS)]
CORNERS = [*_layers(_CORNERS), *_blocks(_BLOCK_CORNERS)]
