"""What the library's launches for one pass of a layer do, counted in the emulator."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from itertools import product
from math import prod
from typing import NamedTuple
from unittest import mock

import mlx.core as mx
import numpy as np

from bench.layers import PASSES, Layer
from lucid.kernels import (
    conv1d_weight_grad,
    convolution,
    depthwise_shaders,
    forms,
    implicit_matmul,
    metal,
)
from metal_emulator import Mode, Run, emulated
from metal_emulator.report import Counts

LINE = 128  # bytes
SMALL = 1024  # bytes: settings, which every threadgroup reads and which are not counted

# How many threadgroups fill a GPU: launchers give each more to do where there are more of them. The
# constants are scaled as layers are cut, so that one does what it would do in the whole layer.
GROUPS = ((implicit_matmul, "BUSY"), (conv1d_weight_grad, "GROUPS"), (depthwise_shaders, "_GROUPS"))

ARGUMENTS = {"x": "x", "w": "w", "y": "g"}
RESULTS = dict(zip(PASSES, ("y", "gx", "gw"), strict=True))
ALONG = {"x", "g", "y", "gx"}  # grow with the positions


@dataclass
class Moved:
    """Bytes of the lines of an array that loads and stores touch."""

    cached: float = 0  # each line once per threadgroup
    once: float = 0  # each line once


@dataclass
class Traffic:
    """What the launches of one pass did."""

    form: str  # chosen by the library
    kernels: list[str] = field(default_factory=list)
    multiply_adds: int = 0
    matrix: bool = False
    issued: float = 0
    moved: dict[str, Moved] = field(default_factory=dict)
    threadgroup_loads: int = 0
    threadgroup_bytes: int = 0
    barriers: float = 0.0
    groups: int = 0  # threadgroups of the first launch

    def add(self, kernel: str, counts: Counts, arrays: dict[str, str]) -> None:
        """Add a launch; `arrays` are its buffers and what is in them."""
        self.groups = self.groups or counts.groups
        self.kernels.append(kernel)
        self.multiply_adds += counts.operations.get("fma", 0) + counts.matrix_macs
        self.matrix |= counts.matrix_macs > 0
        self.threadgroup_loads += counts.threadgroup_loads
        self.threadgroup_bytes = max(self.threadgroup_bytes, counts.threadgroup_bytes)
        self.barriers = max(self.barriers, counts.barriers / counts.groups)
        for (buffer, name), kind in product(arrays.items(), (counts.loads, counts.stores)):
            self.issued += kind[buffer].bytes
            self.move(name, kind[buffer].group_lines * LINE, kind[buffer].unique_lines * LINE)

    def move(self, name: str, cached: float, once: float) -> None:
        moved = self.moved.setdefault(name, Moved())
        moved.cached += cached
        moved.once += once

    @property
    def cached(self) -> float:
        return sum(moved.cached for moved in self.moved.values())

    @property
    def once(self) -> float:
        return sum(moved.once for moved in self.moved.values())

    def of_whole(self, ratio: float, whole: Launches) -> Traffic:
        """The same for `ratio` times the positions, where the launches are those of the whole."""
        traffic = replace(self, issued=self.issued * ratio, moved={})
        for name, moved in self.moved.items():
            array = name.removeprefix("making ")
            if array in ALONG:
                traffic.move(name, moved.cached * ratio, moved.once * ratio)
            elif name == array and name not in (PASSED_ON, "gw"):  # read by every threadgroup
                traffic.move(name, moved.cached * whole.groups / self.groups, moved.once)
            elif name != PASSED_ON:
                traffic.move(name, moved.cached, moved.once)
        if whole.passed_on:
            traffic.move(PASSED_ON, 2 * whole.passed_on, 2 * whole.passed_on)
        return traffic


class Launches(NamedTuple):
    """What a pass launches."""

    groups: int  # threadgroups of the first
    passed_on: int  # bytes that launches hand to the next


PASSED_ON = "partial sums"  # from one launch to the next


def measure(name: str, function: Callable[..., mx.array], arrays: dict[str, mx.array]) -> Traffic:
    """Run a pass of the library in the emulator. What a launch reads and neither the pass nor a
    launch before it has made, MLX has copied or packed: written once, and read from somewhere."""
    launched: list[tuple[metal.Kernel, list[mx.array], Run]] = []
    form = ""

    def choose(*arguments) -> forms.Form:
        nonlocal form
        chosen = forms.choose(*arguments)
        form = f"{chosen.__module__.rpartition('.')[2]}.{chosen.__name__}"
        return chosen

    with emulated(mode=Mode(checked=False)) as session:  # the tests check; here is only counted

        def launch(kernel: metal.Kernel, inputs, *rest) -> list[mx.array]:
            outputs = session.launch(kernel, inputs, *rest)
            launched.append((kernel, list(inputs), session.runs[-1]))
            return outputs

        with (
            mock.patch.object(metal, "_launch", launch),
            mock.patch.object(convolution, "choose", choose),
        ):
            result = function(*arrays.values())
            mx.eval(result)

    traffic = Traffic(form)
    known = {_content(array): ARGUMENTS[role] for role, array in arrays.items()}
    for kernel, inputs, run in launched:
        buffers = dict(zip(kernel.source.inputs, inputs, strict=True))
        buffers = {b: a for b, a in buffers.items() if a.dtype != mx.int32 or a.nbytes > SMALL}
        for buffer, array in buffers.items():
            if _content(array) not in known:
                known[_content(array)] = f"{buffer} packed"
                traffic.move(f"making {buffer}", 2 * array.nbytes, 2 * array.nbytes)
        for buffer, array in zip(kernel.source.outputs, run.outputs, strict=True):
            buffers[buffer] = array
            last = _content(array) == _content(result)
            known[_content(array)] = RESULTS[name] if last else PASSED_ON
        traffic.add(kernel.name, run.counts, {b: known[_content(a)] for b, a in buffers.items()})
    if launched and _content(result) not in known:
        traffic.move(f"making {RESULTS[name]}", 2 * result.nbytes, 2 * result.nbytes)
    return traffic


def _content(array: mx.array) -> int:
    return hash(np.array(array).tobytes())


def launches(function: Callable[..., mx.array], shapes: Iterable[tuple[int, ...]]) -> Launches:
    """What a pass would launch; nothing is computed."""
    groups, made = [0], [0]

    def launch(kernel, inputs, template, grid, threadgroup, outputs) -> list[mx.array]:
        arrays = [mx.zeros(shape, dtype) for shape, dtype in outputs]
        groups.append(prod(-(-a // b) for a, b in zip(grid, threadgroup, strict=True)))
        made.append(sum(array.nbytes for array in arrays))
        return arrays

    with emulated(), mock.patch.object(metal, "_launch", launch):
        function(*map(mx.zeros, shapes))
    return Launches(sum(groups[:2]), sum(made[:-1]))


def passes(whole: Layer, cut: Layer) -> Iterator[tuple[str, Traffic]]:
    """The three passes of a layer, from those of one that has been cut, on random arrays."""
    rng = np.random.default_rng(0)
    arrays = {
        name: mx.array(rng.standard_normal(shape).astype(np.float32))
        for name, shape in cut.shapes.items()
    }
    ratio = whole.N * whole.L / (cut.N * cut.L)
    for (name, function, roles), (_, of_whole, _) in zip(cut.calls(), whole.calls(), strict=True):
        with scaled(1 / ratio):
            traffic = measure(name, function, {role: arrays[role] for role in roles})
        yield name, traffic.of_whole(ratio, launches(of_whole, [whole.shapes[r] for r in roles]))


@contextmanager
def scaled(ratio: float) -> Iterator[None]:
    """Within, a GPU is full with `ratio` of the threadgroups that it takes to fill one."""
    with ExitStack() as stack:
        for module, name in GROUPS:
            groups = max(round(getattr(module, name) * ratio), 1)
            stack.enter_context(mock.patch.object(module, name, groups))
        yield
