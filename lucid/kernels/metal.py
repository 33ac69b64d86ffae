"""Launching Metal shaders: the one place where the library meets `mx.fast.metal_kernel`.

A `.metal` file is a header, shared by its kernels, followed by kernels. A kernel begins with a line
such as

    // kernel scale(x, factor) -> y

and runs to the next such line. The line gives the names of the arrays; what follows is the body of
the function, whose signature MLX generates from them. Attributes, such as
thread_position_in_grid, exist in the body only. `#include "name.h"` takes in a file of the folder.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, cached_property
from math import prod
from typing import Any, NamedTuple

import mlx.core as mx

from lucid._device import on_cpu
from lucid.kernels import shaders

DTYPES = (mx.float32, mx.float16, mx.bfloat16)

Outputs = Sequence[tuple[Sequence[int], mx.Dtype]]
Template = Mapping[str, mx.Dtype | int | bool]

LARGEST_AXIS = 2**30  # positions inside a row are 32-bit: this leaves room for a tile past the end
LARGEST_GRID = 2**31 - 1  # threads along one axis

MLX = str(mx.__version__)  # type: ignore[attr-defined]  # missing from its stubs

_KERNEL = re.compile(r"^// kernel (\w+)\(([\w, ]*)\) -> ([\w, ]+)\n", re.MULTILINE)
_INCLUDE = re.compile(r'^#include "([\w.]+)"\n', re.MULTILINE)


def available() -> bool:
    """Whether shaders run."""
    return mx.metal.is_available() and not obstacle()


def obstacle() -> str:
    """Why shaders do not run, in words; empty where they do."""
    if os.environ.get("LUCID_KERNELS", "on").lower() in ("off", "0"):
        return "LUCID_KERNELS is off"
    if not mx.metal.is_available():
        return "MLX sees no Metal GPU on this machine"
    return "the default device is the CPU" if on_cpu() else ""


class Source(NamedTuple):
    """What one kernel hands to MLX."""

    header: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    body: str

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits of the text: another text is another name, so that no cache
        can ever run a stale shader."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:12]


class Launch(NamedTuple):
    """What makes one compiled kernel another: all that MLX's text of it depends on.

    `inputs` is the dtype of each input and whether MLX declares it `constant`, as it does below 8
    elements. `threads` of a threadgroup is no part of the text, but a device may refuse too many.
    """

    kernel: Kernel
    template: tuple[tuple[str, mx.Dtype | int | bool], ...]
    inputs: tuple[tuple[mx.Dtype, bool], ...]
    threads: int


class Recording(NamedTuple):
    """The launches since it began. A dry one launches nothing: its outputs are zeros."""

    launches: list[Launch]
    dry: bool


_recording: ContextVar[Recording | None] = ContextVar("recording", default=None)


@contextmanager
def recording(*, dry: bool = False) -> Iterator[list[Launch]]:
    """Collect the launches of this thread."""
    record = Recording([], dry)
    token = _recording.set(record)
    try:
        yield record.launches
    finally:
        _recording.reset(token)


class TooLarge(ValueError):
    """An array or a grid past the 32-bit arithmetic of a kernel."""


class Kernel:
    """The kernel `name` of the file `metal/<file>.metal`, read when it is first needed.

    Called, it returns its outputs, lazily as every array of MLX:

        (y,) = SCALE([x, factor], template={"T": x.dtype}, grid=(x.size, 1, 1),
                     threadgroup=(256, 1, 1), outputs=[(x.shape, x.dtype)])

    `grid` counts threads, not threadgroups. Template values are dtypes, ints and bools, few, and
    never a length or a batch: each new one is compiled again. Raises TooLarge where an axis of an
    array passes 2^30 elements, or one of the grid 2^31 threads.
    """

    def __init__(self, file: str, name: str) -> None:
        self.file, self.name = file, name

    def __repr__(self) -> str:
        return f"Kernel({self.file!r}, {self.name!r})"

    @cached_property
    def source(self) -> Source:
        """The text of the kernel.

        Raises:
            FileNotFoundError: the file is missing.
            ValueError: the file has no such kernel.
        """
        kernels = read(self.file)
        if self.name not in kernels:
            raise ValueError(
                f"metal/{self.file}.metal has no kernel {self.name!r}, only "
                f"{', '.join(kernels) or 'none'}; reinstall lucid, or restore the file"
            )
        return kernels[self.name]

    def __call__(
        self,
        inputs: Sequence[mx.array],
        *,
        template: Template,
        grid: tuple[int, int, int],
        threadgroup: tuple[int, int, int],
        outputs: Outputs,
    ) -> list[mx.array]:
        self._check_size(inputs, grid, outputs)
        record = _recording.get()
        if record is not None:
            kinds = tuple((array.dtype, array.size < 8) for array in inputs)
            threads = prod(min(sizes) for sizes in zip(grid, threadgroup, strict=True))
            record.launches.append(Launch(self, tuple(template.items()), kinds, threads))
            if record.dry:
                return [mx.zeros(shape, dtype) for shape, dtype in outputs]
        return _launch(self, inputs, template, grid, threadgroup, outputs)

    def _check_size(
        self, inputs: Sequence[mx.array], grid: tuple[int, int, int], outputs: Outputs
    ) -> None:
        shapes = [*(array.shape for array in inputs), *(shape for shape, _ in outputs)]
        if max(grid) > LARGEST_GRID or any(
            max(shape, default=0) > LARGEST_AXIS for shape in shapes
        ):
            raise TooLarge(
                f"{self.name}: shapes {', '.join(map(str, shapes))} with a grid of {grid} threads "
                f"are too large for 32-bit positions; the limits are {LARGEST_AXIS} along an axis "
                f"and {LARGEST_GRID} threads; split the signal or the batch"
            )


def read(file: str) -> dict[str, Source]:
    """The kernels of `metal/<file>.metal`, by name. Raises FileNotFoundError, or what reading a
    file raises."""
    return parse(_text(f"{file}.metal"))


def parse(text: str) -> dict[str, Source]:
    """The kernels in the text of a `.metal` file, by name.

    >>> parse("#define HALF 0.5f\\n// kernel f(x, y) -> z\\nz[0] = HALF;\\n")["f"].inputs
    ('x', 'y')
    """
    header, *rest = _KERNEL.split(text)
    kernels = {}
    for name, inputs, outputs, body in zip(*(rest[i::4] for i in range(4)), strict=True):
        kernels[name] = Source(header, _names(inputs), _names(outputs), body)
    return kernels


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _text(name: str) -> str:
    """A file of the folder, with the files that it includes in place of the lines that do so."""
    path = shaders.folder() / name
    if not path.is_file():
        raise FileNotFoundError(f"the Metal shader {path} is missing; reinstall lucid")
    return _INCLUDE.sub(lambda match: _text(match[1]), path.read_text(encoding="utf-8"))


def _launch(
    kernel: Kernel,
    inputs: Sequence[mx.array],
    template: Template,
    grid: tuple[int, int, int],
    threadgroup: tuple[int, int, int],
    outputs: Outputs,
) -> list[mx.array]:
    """Hand a kernel to MLX. The emulator of the tests takes the place of this function."""
    return _function(kernel)(
        inputs=list(inputs),
        template=list(template.items()),
        grid=grid,
        threadgroup=threadgroup,
        output_shapes=[tuple(shape) for shape, _ in outputs],
        output_dtypes=[dtype for _, dtype in outputs],
    )


@cache
def _function(kernel: Kernel) -> Any:
    source = kernel.source
    return mx.fast.metal_kernel(
        name=f"lucid_{kernel.name}_{source.digest}",
        input_names=list(source.inputs),
        output_names=list(source.outputs),
        header=source.header,
        source=source.body,
    )
