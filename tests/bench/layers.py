"""The convolutions of published networks, as the benchmarks need them: read from a table, cut to a
size that the emulator runs in about a second, with the numbers that depend on the shape alone.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from functools import partial
from math import prod
from pathlib import Path
from typing import NamedTuple

import mlx.core as mx

from lucid.kernels.convolution import conv1d, conv1d_weight_grad, conv_transpose1d

SHAPES = Path(__file__).resolve().parents[3] / "shared" / "bench" / "shapes.csv"
BUDGET = 160_000_000  # multiply-adds, a second or two in the emulator
PASSES = ("forward", "gradient of x", "gradient of w")


class Layer(NamedTuple):
    """A convolution of x (N, C_in, L), ordinary or transposed."""

    name: str
    transposed: bool
    C_in: int
    C_out: int
    K: int
    stride: int
    padding: int
    dilation: int
    groups: int
    output_padding: int
    N: int
    L: int

    @property
    def length(self) -> int:
        """Of the output."""
        reach, S = self.dilation * (self.K - 1) + 1, self.stride
        if self.transposed:
            return (self.L - 1) * S - 2 * self.padding + reach + self.output_padding
        return (self.L + 2 * self.padding - reach) // S + 1

    @property
    def depthwise(self) -> bool:
        return self.groups == self.C_in > 1

    @property
    def shapes(self) -> dict[str, tuple[int, int, int]]:
        """Of x, w and y; the gradient g in y has the shape of y."""
        rows, columns = (self.C_in, self.C_out) if self.transposed else (self.C_out, self.C_in)
        return {
            "x": (self.N, self.C_in, self.L),
            "w": (rows, columns // self.groups, self.K),
            "y": (self.N, self.C_out, self.length),
        }

    def results(self, name: str) -> int:
        """Values that a pass computes."""
        return prod(self.shapes[{"gradient of x": "x", "gradient of w": "w"}.get(name, "y")])

    @property
    def elements(self) -> int:
        """Of x, w and y together: what each of the three passes must at least move."""
        return sum(map(prod, self.shapes.values()))

    @property
    def products(self) -> int:
        """Multiply-adds of two values of arrays. The same in all three passes: each sums over the
        same (sample, input and output channel, tap, position)."""
        return self._pairs * sum(map(self._positions, range(self.K)))

    @property
    def products_at_edges_too(self) -> dict[str, int]:
        """By pass: the multiply-adds of loops that take every tap at every position of the result,
        without asking whether it falls on a value or on the padding. All but `products` of them
        are with zero."""
        L, length, K, S, D = self.L, self.length, self.K, self.stride, self.dilation
        fine = length if self.transposed else L  # the side on which a stride is a step
        coarse = L if self.transposed else length
        # Tap k meets position i of the fine side where S divides i + padding - k*D.
        first = [(k * D - self.padding) % S for k in range(K)]
        strided = K * coarse
        polyphase = sum(len(range(i, fine, S)) for i in first)
        forward, grad_x = (polyphase, strided) if self.transposed else (strided, polyphase)
        counts = zip(PASSES, (forward, grad_x, strided), strict=True)
        return {name: self._pairs * count for name, count in counts}

    def in_tiles(self, name: str, tile: int) -> int:
        """Values that a pass moves as a matrix product in tiles of `tile` by `tile` sums, each of
        which reads its rows and its columns: no zeros between inputs, nothing unfolded."""
        sizes = {array: prod(shape) for array, shape in self.shapes.items()}
        rows, Cg = (self.shapes["w"][0] // self.groups, self.shapes["w"][1])
        read, made = {PASSES[0]: "xy", PASSES[1]: "yx"}.get(name, "yx" if self.transposed else "xy")
        if name == "gradient of w":
            columns = -(-Cg * self.K // tile)
            return sizes[read] * -(-rows // tile) + sizes[made] * columns + sizes["w"]
        polyphase = self.transposed == (name == "forward")
        rows = Cg * self.stride if polyphase else rows
        columns = -(-self.shapes[read if polyphase else made][2] // tile) * self.N
        return sizes["w"] * columns + sizes[read] * -(-rows // tile) + sizes[made]

    @property
    def _pairs(self) -> int:
        return self.N * self.C_in * self.C_out // self.groups

    def _positions(self, k: int) -> int:
        """How many t have 0 <= t*stride + k*dilation - padding < size of the fine side."""
        fine, coarse = (self.length, self.L) if self.transposed else (self.L, self.length)
        first = self.padding - k * self.dilation  # t * stride >= first
        low = max(-(-first // self.stride), 0)
        high = min((fine - 1 + first) // self.stride, coarse - 1)
        return max(high - low + 1, 0)

    def calls(self) -> Iterator[tuple[str, Callable[..., mx.array], tuple[str, str]]]:
        """Name, function and names of its two arguments of the library's three passes."""
        place = {"stride": self.stride, "dilation": self.dilation, "groups": self.groups}
        S, p, reach = self.stride, self.padding, self.dilation * (self.K - 1) + 1
        window = {"kernel_size": self.K, "padding": p, **place}
        if self.transposed:
            right = (self.L - 1) * S + reach - p - self.length
            forward = partial(conv_transpose1d, length=self.length, padding=p, **place)
            grad_x = partial(conv1d, padding=(p, right), **place)
            grad_w, pair = partial(conv1d_weight_grad, **window), ("y", "x")
        else:
            forward = partial(conv1d, padding=(p, p), **place)
            grad_x = partial(conv_transpose1d, length=self.L, padding=p, **place)
            grad_w, pair = partial(conv1d_weight_grad, **window), ("x", "y")
        yield PASSES[0], forward, ("x", "w")
        yield PASSES[1], grad_x, ("y", "w")
        yield PASSES[2], grad_w, pair


OPERATIONS = {"conv": False, "convT": True}  # the end of the name of an operation: transposed?


def layer(name: str, op: str, *sizes: int) -> Layer:
    """A layer from the columns of the table; `op` is as "dw_conv" or "dense_convT".

    Raises:
        ValueError: another operation, or not ten sizes.
    """
    kind = op.rsplit("_", 1)[-1]
    if kind not in OPERATIONS or len(sizes) != 10:
        raise ValueError(
            f"a layer is conv or convT and ten sizes, C_in, C_out, K, stride, padding, dilation, "
            f"groups, output_padding, N, L, not {op} and {sizes}"
        )
    return Layer(name, OPERATIONS[kind], *sizes)


# Of the table, in the order of Layer.
COLUMNS = ("Cin", "Cout", "K", "stride", "pad", "dil", "groups", "out_pad", "B_train", "Lin_train")


def read(path: Path) -> list[tuple[Layer, dict[str, str]]]:
    """The layers of a table of shapes, each with its row."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [
        (layer(f"{row['model']}: {row['layer']}", row["op"], *(int(row[c]) for c in COLUMNS)), row)
        for row in rows
    ]


def cut(whole: Layer, budget: int = BUDGET) -> Layer:
    """The layer, smaller: at most `budget` multiply-adds in a pass, where a value read or written
    counts as eight. Only batch and length change.

    First the batch becomes 2. If that is too much, it becomes 1 and the length is cut as well, but
    not below 512 outputs, even where those are too many. It loses multiples of 32 values on both
    sides, so that rows begin at the same places of their 128-byte lines as in the whole.
    """
    pair = whole._replace(N=min(whole.N, 2))
    if _work(pair) <= budget:
        return pair
    shorter = single = whole._replace(N=1)
    step = 32 if whole.transposed else 32 * whole.stride
    for L in range(whole.L, 0, -step):
        candidate = single._replace(L=L)
        if candidate.length < 512:
            break
        shorter = candidate
        if _work(shorter) <= budget:
            break
    return shorter


def _work(layer: Layer) -> int:
    return layer.products + 8 * layer.elements
