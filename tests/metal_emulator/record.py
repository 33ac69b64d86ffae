"""What the library launches, written down: with what it made, or unrun at any size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from unittest import mock

import mlx.core as mx
import numpy as np

from lucid.kernels import metal

from .capture import capture
from .session import emulated

# The first quiet NaN of a dtype, and how many follow it.
_NAN = {
    mx.float32: (0x7FC00000, 2**22),
    mx.float16: (0x7E00, 2**9),
    mx.bfloat16: (0x7FC0, 2**6),
}


@dataclass
class Record:
    """One launch: what `mx.fast.metal_kernel` is given, the source that it makes of it, and the
    outputs."""

    kernel: metal.Kernel
    source: str
    inputs: list[mx.array]
    template: Mapping[str, mx.Dtype | int | bool]
    grid: tuple[int, int, int]
    threadgroup: tuple[int, int, int]
    outputs: list[mx.array]


@contextmanager
def recorded(*, run: bool = True) -> Iterator[list[Record]]:
    """Within, the library believes in a Metal GPU, and its launches are collected.

    They run in the emulator; with `run=False` nothing runs, and every output holds `marks`.
    """
    launches: list[Record] = []

    with emulated() as session:

        def launch(
            kernel: metal.Kernel,
            inputs: Sequence[mx.array],
            template: Mapping[str, mx.Dtype | int | bool],
            grid: tuple[int, int, int],
            threadgroup: tuple[int, int, int],
            outputs: metal.Outputs,
        ) -> list[mx.array]:
            if run:
                results = session.launch(kernel, inputs, template, grid, threadgroup, outputs)
                source = session.runs[-1].source
            else:
                results = [marks(shape, dtype, len(launches)) for shape, dtype in outputs]
                source = _generated(kernel, inputs, template, grid, threadgroup, outputs)
            launches.append(
                Record(kernel, source, list(inputs), template, grid, threadgroup, results)
            )
            return results

        with mock.patch.object(metal, "_launch", launch):
            yield launches


def marks(shape: Sequence[int], dtype: mx.Dtype, seed: int = 0) -> mx.array:
    """NaNs, told apart by their bits, by which an array is known again after a reshape."""
    ones, period = _NAN[dtype]
    bits = (np.arange(np.prod(shape)) + seed) * 2654435761 % period + ones
    return (
        mx.array(bits.astype(np.uint32 if dtype.size == 4 else np.uint16))
        .view(dtype)
        .reshape(shape)
    )


def _generated(
    kernel: metal.Kernel,
    inputs: Sequence[mx.array],
    template: Mapping[str, mx.Dtype | int | bool],
    grid: tuple[int, int, int],
    threadgroup: tuple[int, int, int],
    outputs: metal.Outputs,
) -> str:
    return capture(
        metal._function(kernel),
        inputs,
        output_shapes=[tuple(shape) for shape, _ in outputs],
        output_dtypes=[dtype for _, dtype in outputs],
        grid=grid,
        threadgroup=threadgroup,
        template=list(template.items()),
    ).source
