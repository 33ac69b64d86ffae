"""What the Metal shaders do for the convolutions of published networks, counted in the emulator:
the multiply-adds and the bytes, beside the least that is possible and beside MLX's own path.

    PYTHONPATH=tests python tests/bench/metal_traffic.py [--rows TEXT] [--csv FILE] [--row LAYER]

The library's real path runs: `lucid.kernels.convolution` chooses a form and launches it. Each
layer is cut in batch and length (`layers.cut`), because a second in the emulator is little; MLX's
path is a formula (`mlx_path`) and takes the layer whole. Counts are no times: nothing ran on a GPU.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import lucid  # noqa: F401  before mlx: it loads the BLAS

# isort: split
from bench import layers, mlx_path
from bench.counted import ARGUMENTS, RESULTS, Traffic, passes
from bench.layers import Layer
from metal_emulator import missing

TITLE = """\
# Traffic of the Metal shaders

Made by `PYTHONPATH=tests python tests/bench/metal_traffic.py`, with mlx {mlx} and the emulator
(ziglang {ziglang}). float32. Counted on a CPU: none of this ran on a GPU, and counts are no times.
"""

LEGEND = """
- form: the kernels launched; in brackets a form of MLX's own operations, where nothing is counted:
  conv1d.mlx and conv_transpose1d.mlx are MLX's path, others plain matmuls.
- multiply-adds: done / useful, where useful ones have both factors in an array. "+e": products with
  the padding at the edges are done too, and nothing else. Goal: not more than those in a direct
  form; at most 1.25 where the matrix unit multiplies. Only fused ones are counted: clang fuses each
  `sum += a * b`, and products alone are part of finding positions.
- traffic: bytes of the 128-byte lines that threadgroups touch, each line once per threadgroup (an
  ideal cache for each) / once in the launch (one ideal cache for all); relative to x + w + y once.
  Copies that a launch needs are included. Goal for the first: at most 1.15 in depthwise layers, at
  most 1.3 in transposed ones with K = 2*stride. A number in bold misses its goal.
- issued: bytes asked for by loads and stores, relative to the same.
- loads: reads of threadgroup memory per value of the result. Barriers are those of a threadgroup.
- MLX: its path by formula (mlx_path.py); traffic is the first kind, in bytes instead of lines.
- tiles of 64: the traffic of a matrix product whose threadgroups compute 64 x 64 sums each (4096
  accumulators, 32 in each of 128 threads) and share nothing. It is the reason of a dense layer that
  misses: such a threadgroup reads all weights of 64 rows for 64 positions, and x for each 64 rows.
  Only the caches that threadgroups share bring that to the second kind of traffic.
- beyond once: what moves more than its own bytes: how often, and what that adds to the traffic. g
  is the gradient in y, gx and gw are results; "making" is a copy in another order by MLX.
- Traffic is that of the layer at the size used in training. From what was counted in the cut one,
  x, y and their gradients are multiplied by the ratio of positions, what all threadgroups read by
  that of threadgroups; what is made or written once stays, partial sums are those of the whole."""

HEAD = (
    "layer",
    "pass",
    "form",
    "multiply-adds",
    "traffic",
    "issued",
    "loads",
    "barriers",
    "threadgroup bytes",
    "MLX's path",
    "multiply-adds",
    "traffic",
    "tiles of 64",
    "beyond once",
)
RULE = "|---|---|---|" + "---:|" * 6 + "---|" + "---:|" * 3 + "---|"


class Row(NamedTuple):
    """A pass of a layer, counted where it was `cut`."""

    layer: Layer
    cut: Layer
    name: str
    traffic: Traffic
    theirs: mlx_path.Cost

    @property
    def title(self) -> str:
        layer, cut = self.layer, self.cut
        settings = (("s", layer.stride), ("d", layer.dilation), ("groups", layer.groups))
        text = f"{layer.C_in} → {layer.C_out}, K {layer.K}"
        text += "".join(f" {letter} {value}" for letter, value in settings if value != 1)
        for letter, a, b in (("N", layer.N, cut.N), ("L", layer.L, cut.L)):
            text += f", {letter} {a}" + (f" cut to {b}" if a != b else "")
        return f"{layer.name} ({text})"

    @property
    def compulsory(self) -> int:
        """Bytes of x, w and y."""
        return 4 * self.layer.elements

    @property
    def meets_products(self) -> bool:
        """Whether the useful multiply-adds are done and not more than the goal allows."""
        done, useful = self.traffic.multiply_adds, self.cut.products
        most = 1.25 * useful if self.traffic.matrix else self.cut.products_at_edges_too[self.name]
        return useful <= done <= most

    @property
    def goal(self) -> float | None:
        """The most traffic, relative to the compulsory."""
        if self.layer.depthwise:
            return 1.15
        return 1.3 if self.layer.transposed and 2 * self.layer.stride == self.layer.K else None

    @property
    def meets_traffic(self) -> bool:
        return self.goal is None or self.traffic.cached <= self.goal * self.compulsory

    def __str__(self) -> str:
        title = self.title if self.name == layers.PASSES[0] else ""
        plain = [f"({self.traffic.form})", *["-"] * 6]
        counted = self._counted() if self.traffic.kernels else plain
        tiles = self.layer.in_tiles(self.name, 64) / self.layer.elements
        theirs = [
            self.theirs.path,
            f"{self.theirs.multiply_adds / self.layer.products:.2f}",
            f"{self.theirs.bytes / self.compulsory:.2f}",
            f"{tiles:.2f}" if self.traffic.matrix else "",
        ]
        return f"| {' | '.join([title, self.name, *counted, *theirs, self._beyond()])} |"

    def _counted(self) -> list[str]:
        traffic, done, useful = self.traffic, self.traffic.multiply_adds, self.cut.products
        edges = "+e" if done > useful and self.meets_products and not traffic.matrix else ""
        cached = _bold_unless(self.meets_traffic, f"{traffic.cached / self.compulsory:.2f}")
        return [
            " + ".join(traffic.kernels),
            _bold_unless(self.meets_products, f"{done / useful:.2f}{edges}"),
            f"{cached} / {traffic.once / self.compulsory:.2f}",
            f"{traffic.issued / self.compulsory:.2f}",
            f"{traffic.threadgroup_loads / self.cut.results(self.name):.1f}",
            f"{traffic.barriers:.0f}",
            f"{traffic.threadgroup_bytes}",
        ]

    def _beyond(self) -> str:
        own = {*ARGUMENTS.values(), *RESULTS.values()}
        parts = []
        for name, moved in self.traffic.moved.items():
            part = (moved.cached - moved.once * (name in own)) / self.compulsory
            often = f" {moved.cached / moved.once:.1f} times" if moved.cached > moved.once else ""
            parts.append((part, f"{name}{often} +{part:.2f}"))
        return ", ".join(text for part, text in sorted(parts)[::-1] if part >= 0.005)


def _bold_unless(met: bool, text: str) -> str:
    return text if met else f"**{text}**"


def rows(chosen: Iterable[Layer]) -> Iterator[Row]:
    for layer in chosen:
        cut, theirs = layers.cut(layer), mlx_path.costs(layer)
        for name, traffic in passes(layer, cut):
            yield Row(layer, cut, name, traffic, theirs[name])


def summary(found: list[Row]) -> Iterator[str]:
    """How many passes meet the goals."""
    ours = [row for row in found if row.traffic.kernels]
    yield f"{len(found)} passes, of which {len(ours)} run as shaders. Of these,\n"
    depthwise = [row.meets_traffic for row in ours if row.layer.depthwise]
    transposed = [row.meets_traffic for row in ours if row.goal and not row.layer.depthwise]
    for text, met in (
        ("do no more multiply-adds than the goal", [row.meets_products for row in ours]),
        ("of depthwise layers move no more than the goal", depthwise),
        ("of other transposed layers with K = 2*stride do", transposed),
        ("move less than MLX's path", [r.traffic.cached < r.theirs.bytes for r in ours]),
    ):
        yield f"- {sum(met)} of {len(met)} {text}"


def chosen(arguments: argparse.Namespace) -> list[Layer]:
    """The layers that the command line asks for.

    Raises:
        ValueError: there are none.
    """
    if arguments.row:
        op, *sizes = arguments.row.split(",")
        return [layers.layer(arguments.row, op, *map(int, sizes))]
    if not arguments.csv.is_file():
        raise ValueError(
            f"no table of shapes at {arguments.csv}; name one with --csv, or a layer with --row "
            "op,C_in,C_out,K,stride,padding,dilation,groups,output_padding,N,L"
        )
    table = [layer for layer, _ in layers.read(arguments.csv)]
    found = [layer for layer in table if arguments.rows in layer.name]
    if not found:
        raise ValueError(f"none of the {len(table)} layers of {arguments.csv} has {arguments.rows}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", default="", help="only layers whose name contains this")
    parser.add_argument("--csv", type=Path, default=layers.SHAPES, help="the table of shapes")
    parser.add_argument("--row", help="one layer instead: conv or convT and ten sizes, by commas")
    arguments = parser.parse_args()
    if reason := missing():
        sys.exit(f"the emulator cannot run: {reason}")
    try:
        wanted = chosen(arguments)
    except ValueError as error:
        sys.exit(str(error))
    print(TITLE.format(mlx=version("mlx"), ziglang=version("ziglang")))
    print(f"| {' | '.join(HEAD)} |\n{RULE}")
    found = []
    for row in rows(wanted):
        print(row, flush=True)
        found.append(row)
    print("", *summary(found), LEGEND, sep="\n")


if __name__ == "__main__":
    main()
