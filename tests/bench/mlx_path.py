"""What MLX does for a convolution on Metal: the operations that it records for (N, C, L) arrays,
and by formula the multiply-adds and the bytes of device memory that each of them takes.

The operations come from the installed MLX itself (`mx.export_function` tells them without running
them), so that its derivatives and the copies around them are what they are. Which Metal kernel a
Convolution becomes, and the tiles of that kernel, are written down here from MLX 0.32's
mlx/backend/metal/conv.cpp; they were read, not run. Bytes are those of an ideal cache per
threadgroup, and where there is a choice the formula favours MLX: bytes, not the 128-byte lines that
hold them; no padding of the tiles of a plain matmul; no second pass of a split one.

Sizes of a Convolution of x (N, L, C) with w (O, K, Cg), Og = O/groups, to y (N, length, O):
M = N*length rows, J = K*Cg products each. Its kernel is one of

DW1  depthwise_conv_1d: one thread per output. M*O*K multiply-adds; x, w and y once.
DW2  depthwise_conv_2d with a width of 1: tiles of 4 rows, 8 channels and 8 columns, 7 of them idle.
     8*M*O*K multiply-adds with M rounded up to 4 a sample; a tile reads the window of x under its
     rows, and the weights of its channels.
IG   implicit matmul, IGg with groups: tiles of BM x BN outputs, where BM is 64 from M = 8192 and
     Cg = 64 on, else 32; BN 64 where BM or Og is 64, 8 up to Og = 16, else 32. M, Og and J are
     rounded up to BM, BN and 16 (channels alone to 16 where Cg > 4, to 4 where Cg = 3). A tile
     reads the window of x under its rows, and the weights of its columns.
UF   explicit matmul, UFg with groups: the unfolded matrix, M rows of K*C values, is written and
     then multiplied; "+z" where the input is dilated: zeros are unfolded and multiplied as well.
     M*J*O multiply-adds. A matmul reads its left side once per 64 columns, its right side once per
     64 rows.
PATCH (gradient of w, groups = 1, no dilation) is Pad, AsStrided, a copy of K times the input, and
     Matmul, which is counted like that of UF.

A copy reads and writes its array. Convolution copies an argument that is not row-contiguous: so an
(N, C, L) array is copied into (N, L, C) on its way in, and a result back on its way out.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import prod
from typing import Any, NamedTuple

import mlx.core as mx
import numpy as np

from bench.layers import PASSES, Layer

ITEM = 4  # bytes of a float32


class Cost(NamedTuple):
    """What a pass takes on Metal. `path` names the kernels of its convolutions and matmuls."""

    path: str
    multiply_adds: int
    bytes: int


def costs(layer: Layer) -> dict[str, Cost]:
    """By pass, for (N, C, L) arrays in and out. The weights lie as MLX wants them."""
    shapes = layer.shapes
    x, g = mx.zeros(shapes["x"]), mx.zeros(shapes["y"])
    w = mx.zeros((layer.C_out, layer.K, layer.C_in // layer.groups))
    settings = {"stride": layer.stride, "padding": layer.padding}
    settings |= {"dilation": layer.dilation, "groups": layer.groups}
    if layer.transposed:
        settings["output_padding"] = layer.output_padding
    convolve = mx.conv_transpose1d if layer.transposed else mx.conv1d

    def forward(x: mx.array, w: mx.array) -> mx.array:
        return convolve(x.transpose(0, 2, 1), w, **settings).transpose(0, 2, 1)

    def grad_x(x: mx.array, w: mx.array, g: mx.array) -> mx.array:
        return mx.vjp(lambda x: forward(x, w), [x], [g])[1][0]

    def grad_w(x: mx.array, w: mx.array, g: mx.array) -> mx.array:
        return mx.vjp(lambda w: forward(x, w), [w], [g])[1][0]

    passes = (_cost(forward, x, w), _cost(grad_x, x, w, g), _cost(grad_w, x, w, g))
    return dict(zip(PASSES, passes, strict=True))


def _cost(function: Callable[..., mx.array], *arrays: mx.array) -> Cost:
    graph = _Graph()
    mx.export_function(graph.add, function, *arrays)
    graph.contiguous(graph.arrays[graph.result])
    return Cost("+".join(graph.paths), graph.multiply_adds, graph.bytes)


class _Graph:
    """Adds up the operations as MLX tells them. An array is followed as a numpy array of one byte
    an element, never touched: only its shape and strides matter."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.multiply_adds = self.bytes = 0
        self.arrays: dict[str, np.ndarray] = {}
        self.result = ""

    def add(self, event: dict[str, Any]) -> None:
        if event["type"] in ("inputs", "constants"):
            for name, value, *_ in event[event["type"]]:
                shape = value if isinstance(value, tuple) else value.shape
                self.arrays[name] = np.empty(shape, np.int8)
        elif event["type"] == "outputs":
            ((self.result, *_),) = event["outputs"]
        elif event["type"] == "primitive":
            if event["name"] not in _OPERATIONS:
                raise NotImplementedError(f"no formula for MLX's {event['name']}, see {__file__}")
            inputs = [self.arrays[name] for name, *_ in event["inputs"]]
            ((name, shape, _),) = event["outputs"]
            self.arrays[name] = _OPERATIONS[event["name"]](self, inputs, shape, event["arguments"])

    def move(self, *elements: int) -> None:
        self.bytes += ITEM * sum(elements)

    def contiguous(self, array: np.ndarray) -> np.ndarray:
        if array.flags.c_contiguous:
            return array
        self.move(array.size, array.size)
        return np.empty(array.shape, np.int8)

    def transpose(self, inputs, shape, arguments) -> np.ndarray:
        return inputs[0].transpose(arguments[0])

    def reshape(self, inputs, shape, arguments) -> np.ndarray:
        view = inputs[0].reshape(shape)
        if not np.may_share_memory(view, inputs[0]):
            self.move(view.size, view.size)
        return view

    def slice(self, inputs, shape, arguments) -> np.ndarray:
        sliced = inputs[0][tuple(map(slice, *arguments))]
        assert sliced.shape == shape, (sliced.shape, shape)
        return sliced

    def pad(self, inputs, shape, arguments) -> np.ndarray:
        self.move(inputs[0].size, prod(shape))
        return np.empty(shape, np.int8)

    def as_strided(self, inputs, shape, arguments) -> np.ndarray:
        _, strides, _ = arguments
        return np.lib.stride_tricks.as_strided(self.contiguous(inputs[0]), shape, strides)

    def matmul(self, inputs, shape, arguments) -> np.ndarray:
        self.paths.append("PATCH")
        self.multiply(*shape, inputs[0].shape[-1])
        return np.empty(shape, np.int8)

    def multiply(self, M: int, O: int, J: int, groups: int = 1) -> None:  # noqa: E741
        self.multiply_adds += groups * M * J * O
        reads = M * J * -(-O // 64) + O * J * -(-M // 64)
        self.move(groups * (reads + M * O))

    def convolution(self, inputs, shape, arguments) -> np.ndarray:
        (S,), (left,), _, (D,), (expansion,), groups, flip = arguments
        x, w = map(self.contiguous, inputs)
        (N, length, O), (_, K, Cg) = shape, w.shape  # noqa: E741
        Og, C = O // groups, x.shape[2]
        plain = left == 0 and not flip
        path = metal_kernel(Cg, Og, K, S, D, expansion, groups, plain)
        self.paths.append(path)
        M, J = N * length, K * Cg
        if path == "DW1":
            self.multiply_adds += M * O * K
            self.move(x.size, w.size, M * O)
        elif path == "DW2":
            tiles = N * -(-length // 4)
            self.multiply_adds += 8 * 4 * tiles * O * K
            self.move(tiles * _window(min(4, length), S, K, D) * C, tiles * w.size, M * O)
        elif path.startswith("IG"):
            BM = 64 if M >= 8192 and Cg >= 64 else 32
            BN = 8 if Og <= 16 else 64 if BM == 64 or Og >= 64 else 32
            rows, columns = -(-M // BM), -(-Og // BN)
            padded = J if Cg <= 2 else 4 * K if Cg <= 4 else K * _up(Cg, 16)
            self.multiply_adds += groups * rows * BM * columns * BN * _up(padded, 16)
            run = min(BM, length)  # rows of a tile that lie in one sample
            windows = -(-M // run) * _window(run, S, K, D)
            self.move(windows * columns * C, rows * w.size, M * O)
        else:
            unfolded = M * K * C
            self.move(x.size, unfolded)
            if groups > 1:
                self.move(w.size, w.size)  # its taps and channels change places
            self.multiply(M, Og, J, groups)
        return np.empty(shape, np.int8)


_OPERATIONS: dict[str, Callable[[_Graph, list[np.ndarray], tuple[int, ...], Any], np.ndarray]] = {
    "Transpose": _Graph.transpose,
    "Reshape": _Graph.reshape,
    "Flatten": _Graph.reshape,
    "Unflatten": _Graph.reshape,
    "Squeeze": _Graph.reshape,
    "ExpandDims": _Graph.reshape,
    "Slice": _Graph.slice,
    "Pad": _Graph.pad,
    "AsStrided": _Graph.as_strided,
    "Matmul": _Graph.matmul,
    "Convolution": _Graph.convolution,
}


def metal_kernel(
    Cg: int, Og: int, K: int, stride: int, dilation: int, expansion: int, groups: int, plain: bool
) -> str:
    """Which kernel MLX's Metal backend takes for a Convolution, in the order of its decisions.

    `expansion` is the dilation of the input; `plain`: no padding on the left, no flipped kernel.
    """
    depthwise = groups > 1 and Cg == Og == 1
    if depthwise and plain and expansion == stride == dilation == 1:
        return "DW1"
    fits = (Cg <= 4 or Cg % 16 == 0) and (Og <= 16 or Og % 16 == 0)
    if expansion == 1 and fits:
        if depthwise and dilation == 1 and K <= 7 and stride <= 2 and groups % 16 == 0:
            return "DW2"
        return "IGg" if groups > 1 else "IG"
    return ("UFg" if groups > 1 else "UF") + ("+z" if expansion > 1 else "")


@cache
def _window(outputs: int, S: int, K: int, D: int) -> int:
    """Different positions of the input that consecutive outputs read."""
    return np.unique(np.arange(outputs)[:, None] * S + np.arange(K) * D).size


def _up(n: int, to: int) -> int:
    return -(-n // to) * to
