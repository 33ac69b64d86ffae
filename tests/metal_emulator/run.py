"""Runs one kernel: text and arrays in, arrays and a record of what happened out."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, NamedTuple

import mlx.core as mx
import numpy as np

from . import build, native
from .capture import capture
from .instrument import Block
from .lint import lint
from .report import Array, Counters, Counts, Failure, counts, failures
from .rewrite import Parameter, launcher, rewrite


@dataclass(frozen=True)
class Options:
    """How kernels are built and run.

    `descending` names what runs in descending order: "groups", "simdgroups", "lanes". Results must
    not depend on it. `misalign` puts inputs so many elements past an aligned address, as slices
    are. `fill` is the byte that outputs hold before the kernel writes them. `trace_groups` is the
    number of threadgroups whose accesses are traced for the traffic report. `budget` is the number
    of turns of a threadgroup's loops after which the launch is given up. `collect`: failures raise
    nothing. `last_groups` runs only so many threadgroups, the last ones, of a launch that is too
    large to be run whole: 0 is all of them. Races and elements never written stay unseen then.
    """

    mode: build.Mode = field(default_factory=build.Mode)
    descending: tuple[str, ...] = ()
    misalign: int = 0
    fill: int = 0xFF
    trace_groups: int = 0
    budget: int = 1 << 28
    collect: bool = False
    last_groups: int = 0

    @property
    def order(self) -> int:
        bits = {"groups": 1, "simdgroups": 2, "lanes": 4}
        return sum(bits[name] for name in self.descending)


class MetalError(Exception):
    """A kernel that does not compile, or that broke Metal's rules while it ran."""


@dataclass
class Run:
    """What one launch was and did."""

    kernel: str
    source: str
    grid: tuple[int, ...]
    threadgroup: tuple[int, ...]
    options: Options
    failures: list[Failure]
    counts: Counts
    blocks: Sequence[Block]
    executions: Sequence[int]  # of each block
    outputs: list[mx.array]

    @property
    def report(self) -> str:
        """The failures, readable."""
        head = f"{self.kernel}: grid {self.grid}, threadgroup {self.threadgroup}"
        return "\n".join([head, *map(str, self.failures)])


class Output(NamedTuple):
    """An output to allocate; `init_value` None leaves it undefined. `last`: only so many of its
    elements are wanted, the last ones, and what is not written is zero."""

    shape: tuple[int, ...]
    dtype: mx.Dtype
    init_value: float | None = None
    last: int | None = None


class Sparse(NamedTuple):
    """An input too large to be held in memory: zeros, but for the last elements."""

    shape: tuple[int, ...]
    dtype: mx.Dtype
    last: mx.array


Size = Sequence[int]

MOST_BUFFERS = 31


def launch(
    kernel: Any,
    *,
    inputs: Sequence[mx.array],
    output_shapes: Sequence[Size],
    output_dtypes: Sequence[mx.Dtype],
    grid: Size,
    threadgroup: Size,
    template: Sequence[tuple[str, Any]] | Mapping[str, Any] | None = None,
    init_value: float | None = None,
    options: Options = Options(),
) -> Run:
    """What `kernel(inputs=inputs, ...)` does on a GPU, done by the emulator. `kernel` is what
    `mx.fast.metal_kernel` returned.

    Raises:
        MetalError: the kernel does not compile, or it failed and `options.collect` is not set.
    """
    arrays = [array if isinstance(array, mx.array) else mx.array(array) for array in inputs]
    template = dict(template or {})
    captured = capture(
        kernel,
        arrays,
        output_shapes=[tuple(shape) for shape in output_shapes],
        output_dtypes=list(output_dtypes),
        grid=tuple(grid),
        threadgroup=tuple(threadgroup),
        template=list(template.items()) or None,
        init_value=init_value,
    )
    outputs = [
        Output(tuple(shape), dtype, init_value)
        for shape, dtype in zip(output_shapes, output_dtypes, strict=True)
    ]
    return execute(*captured, [*arrays, *outputs], grid, threadgroup, options)


def execute(
    source: str,
    function: str,
    buffers: Sequence[mx.array | Output | Sparse],
    grid: Size,
    threadgroup: Size,
    options: Options = Options(),
) -> Run:
    """Run the kernel `function` of a Metal source on its buffers, in the order of its signature.

    `function` names its template arguments, as `softmax<float>`, unless the source instantiates it.
    The shapes, strides and ranks that MLX adds for an input need not be given.

    Raises:
        MetalError: as in `launch`.
        ValueError: the buffers do not fit the signature, or a size is impossible.
    """
    grid, group = _sizes(grid, threadgroup)
    rewritten = rewrite(source, function)
    text = f'#line 1 "kernel.metal"\n{rewritten.text}{launcher(rewritten)}'
    try:
        built = build.kernel(text, options.mode)
        complaints = lint(source, text, options.mode)
    except build.CompileError as error:
        raise MetalError(f"{function} does not compile as Metal:\n{error}") from None
    if complaints:
        told = "\n".join(f"kernel.metal:{line}: {what}" for what, line in complaints)
        raise MetalError(f"{function} is C++ but not Metal:\n{told}")
    bound = _bind(rewritten.buffers, buffers)
    if len(bound) > MOST_BUFFERS:
        raise MetalError(f"{function} has {len(bound)} buffers: Metal takes {MOST_BUFFERS}")
    made, results, kept = _buffers(bound, options)
    request = native.Launch(
        entry=ctypes.cast(built.library.emu_entry, ctypes.c_void_p),
        grid=grid,
        group=group,
        order=options.order,
        buffer_count=len(made),
        buffers=made,
        last_groups=options.last_groups,
        trace_groups=options.trace_groups,
        checked=options.mode.checked,
        budget=options.budget,
    )
    runtime = build.runtime()
    executions = _reset_counts(runtime, built)
    status = runtime.emu_run(ctypes.byref(request))
    del kept  # the runtime had its addresses
    if status:
        raise MemoryError(f"the emulator could not place {len(made)} buffers: status {status}")
    arrays = {
        buffer.name.decode(): Array(tuple(value.shape), buffer.element)
        for buffer, (_, value) in zip(made, bound, strict=True)
    }
    wanted = [value for value in buffers if isinstance(value, Output)]
    run = Run(
        kernel=rewritten.function,
        source=source,
        grid=grid,
        threadgroup=group,
        options=options,
        failures=failures(
            request.failures[: request.failure_count], built.tables.sites, source, arrays
        ),
        counts=counts(
            Counters.in_dll(runtime, "emu_counters"),
            request,
            list(arrays),
            built.tables.blocks,
            executions,
        ),
        blocks=built.tables.blocks,
        executions=list(executions),
        outputs=[
            native.from_bytes(
                result, output.shape if output.last is None else (output.last,), output.dtype
            )
            for result, output in zip(results, wanted, strict=True)
        ],
    )
    if run.failures and not options.collect:
        raise MetalError(run.report)
    return run


def _sizes(grid: Size, threadgroup: Size) -> tuple[tuple[int, ...], tuple[int, ...]]:
    group = tuple(min(*pair) for pair in zip(grid, threadgroup, strict=True))
    total = int(np.prod(group))
    if len(group) != 3 or min(group) < 1 or total > 1024 or max(grid) >= 2**32:
        raise ValueError(
            f"grid {tuple(grid)} and threadgroup {tuple(threadgroup)} must be 3 positive 32-bit "
            f"numbers each, with at most 1024 threads in a threadgroup, not {total}"
        )
    return tuple(grid), group


class _Bound(NamedTuple):
    parameter: Parameter
    value: mx.array | np.ndarray | Output | Sparse


def _bind(
    parameters: Sequence[Parameter], values: Sequence[mx.array | Output | Sparse]
) -> list[_Bound]:
    """A value for every buffer; MLX's `x_shape`, `x_strides` and `x_ndim` come after their `x`."""
    bound: list[_Bound] = []
    given = list(values)
    extras: dict[str, np.ndarray] = {}
    for parameter in parameters:
        if parameter.name in extras:
            bound.append(_Bound(parameter, extras[parameter.name]))
            continue
        if not given:
            raise ValueError(f"no array is given for `{parameter.name}`")
        value = given.pop(0)
        if isinstance(value, Output) != parameter.output:
            kinds = {True: "an output", False: "an input"}
            raise ValueError(
                f"`{parameter.name}` is {kinds[parameter.output]} in the kernel's signature, but "
                f"{kinds[not parameter.output]} is given for it"
            )
        bound.append(_Bound(parameter, value))
        if not isinstance(value, Output):
            strides = np.cumprod([1, *value.shape[:0:-1]], dtype=np.int64)[::-1]
            extras = {
                f"{parameter.name}_shape": np.array(value.shape, np.int32),
                f"{parameter.name}_strides": np.ascontiguousarray(strides),
                f"{parameter.name}_ndim": np.array([len(value.shape)], np.int32),
            }
    if given:
        raise ValueError(f"{len(given)} more arrays are given than the kernel has buffers")
    return bound


def _buffers(bound: Sequence[_Bound], options: Options) -> tuple[Any, list[np.ndarray], list[Any]]:
    """The table of buffers, the arrays that outputs are copied to, and what holds the memory of
    the inputs."""
    made = (native.Buffer * len(bound))()
    kept, results = [], []
    for buffer, (parameter, value) in zip(made, bound, strict=True):
        data = None
        if isinstance(value, Output):
            if value.init_value is not None:
                data = native.to_numpy(mx.full(value.shape, value.init_value, value.dtype))
            size, element = prod(value.shape) * value.dtype.size, value.dtype.size
            wanted = size if value.last is None else value.last * element
            results.append(np.empty(wanted, np.uint8))
            buffer.result, buffer.start = results[-1].ctypes.data, size - wanted
        elif isinstance(value, Sparse):
            data = native.to_numpy(value.last.astype(value.dtype))
            size, element = prod(value.shape) * value.dtype.size, value.dtype.size
            buffer.start = size - data.nbytes
        else:
            data = native.to_numpy(value) if isinstance(value, mx.array) else value
            size, element = data.nbytes, data.itemsize
            if isinstance(value, mx.array):
                buffer.misalign = options.misalign * element
        kept.append(data)
        buffer.data = data.ctypes.data if data is not None else None
        buffer.name = parameter.name.encode()
        buffer.size, buffer.element = size, element
        buffer.output = parameter.output
        buffer.initialised = parameter.output and data is not None
        buffer.constant = parameter.space == "constant"
        buffer.fill = 0 if options.last_groups else options.fill
    return made, results, kept


def _reset_counts(runtime: ctypes.CDLL, built: build.Built) -> Any:
    """The counters of the kernel's blocks, zero; the runtime is told its constants."""
    runtime.emu_set_constants(ctypes.byref(ctypes.c_uint64.in_dll(built.library, "emu_constants")))
    executions = (ctypes.c_uint64 * len(built.tables.blocks)).in_dll(
        built.library, "emu_block_counts"
    )
    ctypes.memset(executions, 0, ctypes.sizeof(executions))
    return executions
