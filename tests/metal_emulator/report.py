"""What a launch in the emulator found and counted, for people and for tests.

`Failure` is one kind of error at one place, `Counts` are the numbers of a launch. They are issued
operations of clang's optimised code: they say nothing about time on any GPU.
"""

from __future__ import annotations

import ctypes
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import NamedTuple

from .instrument import Block, Site

LINE_BYTES = 128

_u64 = ctypes.c_ulonglong


class Traffic(ctypes.Structure):
    """One buffer in one direction; "of a group" is summed over the threadgroups, each with an ideal
    cache of its own. Mirrors counters.h."""

    _fields_ = (
        ("accesses", _u64),
        ("bytes", _u64),
        ("unique_bytes", _u64),
        ("unique_lines", _u64),
        ("group_bytes", _u64),
        ("group_lines", _u64),
        ("traced_bytes", _u64),
        ("traced_requests", _u64),
        ("traced_lines", _u64),
    )


class Counters(ctypes.Structure):
    """Mirrors `Counters` in counters.h."""

    _fields_ = (
        ("buffers", Traffic * 2 * 64),
        ("threadgroup_accesses", _u64 * 2),
        ("threadgroup_bytes", _u64 * 2),
        ("constant_loads", _u64),
    )


class Array(NamedTuple):
    """What a buffer holds, to say where in it something happened."""

    shape: tuple[int, ...]
    itemsize: int

    def place(self, offset: int) -> str:
        """The element at a byte offset, in words.

        >>> Array((2, 3), 4).place(16), Array((2, 3), 4).place(24)
        ('element [1, 1]', 'element 6 of 6, shape (2, 3)')
        """
        element, size = offset // self.itemsize, prod(self.shape)
        if not 0 <= element < size:
            return f"element {element} of {size}, shape {self.shape}"
        index = []
        for length in reversed(self.shape):
            element, i = divmod(element, length)
            index.insert(0, i)
        return f"element {index}"


@dataclass(frozen=True)
class Failure:
    """One kind of error at one place of a kernel, however often it happened."""

    kind: str
    name: str | None  # of the buffer or threadgroup array
    where: str  # in it
    line: int  # of the kernel's text, from 1; 0: no line of it
    text: str  # of that line
    group: tuple[int, int, int]
    thread: tuple[int, int, int]
    other: int | None  # index in the threadgroup of the other thread of a race
    times: int

    def __str__(self) -> str:
        name = f" on '{self.name}'" if self.name else ""
        where = f": {self.where}" if self.where else ""
        other = "" if self.other is None else f" and thread number {self.other}"
        head = (
            f"{self.kind}{name}{where}; threadgroup {self.group} thread {self.thread}{other}; "
            f"{self.times} time{'s' if self.times > 1 else ''}"
        )
        return f"{head}\n  line {self.line}: {self.text}" if self.line else head


def failures(
    records: Iterable[ctypes.Structure],
    sites: Sequence[Site],
    source: str,
    arrays: Mapping[str, Array],
) -> list[Failure]:
    """The failures of a launch, made readable from those of runtime.h: one for each kind, object
    and line, the first that happened."""
    lines = source.splitlines()
    found: dict[tuple[str, str | None, int], Failure] = {}
    for f in records:
        line = sites[f.site].line if f.site >= 0 else f.line
        name = f.object.decode() if f.object else None
        where = [f"byte {f.offset}"] if name else []
        if name in arrays:
            where = [f"{arrays[name].place(f.offset)} (byte {f.offset})"]
        where += [f"{f.size} bytes"] if f.size else []
        failure = Failure(
            kind=f.kind.decode(),
            name=name,
            where=", ".join(where),
            line=line,
            text=lines[line - 1].strip() if 0 < line <= len(lines) else "",
            group=tuple(f.group),
            thread=tuple(f.thread),
            other=f.other if f.other >= 0 else None,
            times=f.count,
        )
        key = (failure.kind, name, line)
        first = found.setdefault(key, failure)
        if first is not failure:
            found[key] = replace(first, times=first.times + failure.times)
    return list(found.values())


@dataclass(frozen=True)
class Counts:
    """What a launch issued. `loads` and `stores` are by buffer."""

    loads: Mapping[str, Traffic]
    stores: Mapping[str, Traffic]
    operations: Mapping[str, int]  # by class (instrument.OPERATIONS), one per vector component
    threadgroup_loads: int
    threadgroup_stores: int
    threadgroup_load_bytes: int
    threadgroup_store_bytes: int
    threadgroup_bytes: int  # peak of one threadgroup
    barriers: int
    simd_ops: int
    matrix_macs: int
    threads: int
    groups: int

    @property
    def multiply_adds(self) -> int:
        """Products of floats, whether or not clang fused them with a sum."""
        return sum(self.operations.get(kind, 0) for kind in ("fma", "mul")) + self.matrix_macs

    @property
    def bytes_issued(self) -> int:
        return self._total("bytes")

    @property
    def bytes_compulsory(self) -> int:
        """Each byte that the launch touches, once."""
        return self._total("unique_bytes")

    @property
    def bytes_of_groups(self) -> int:
        """Each byte once per threadgroup that touches it: an ideal cache per threadgroup."""
        return self._total("group_bytes")

    def levels(self) -> dict[str, float]:
        """Traffic relative to the compulsory 128-byte lines, from the most pessimistic view of
        caches to the most optimistic. "requests" needs all threadgroups traced."""
        compulsory = max(1, self._total("unique_lines") * LINE_BYTES)
        return {
            "issued": self.bytes_issued / compulsory,
            "requests": self._total("traced_lines") * LINE_BYTES / compulsory,
            "threadgroup cache": self._total("group_lines") * LINE_BYTES / compulsory,
        }

    def _total(self, field: str) -> int:
        return sum(getattr(t, field) for t in (*self.loads.values(), *self.stores.values()))

    def __str__(self) -> str:
        rows = [f"{'':12}{'accesses':>12}{'bytes':>14}{'unique':>14}{'per group':>14}"]
        for verb, traffic in (("load", self.loads), ("store", self.stores)):
            rows += [
                f"{verb + ' ' + name:12}{t.accesses:>12}{t.bytes:>14}{t.unique_bytes:>14}"
                f"{t.group_bytes:>14}"
                for name, t in traffic.items()
                if t.accesses
            ]
        rows += [
            f"threadgroup memory: {self.threadgroup_bytes} bytes, {self.threadgroup_loads} loads, "
            f"{self.threadgroup_stores} stores",
            f"{self.threads} threads in {self.groups} threadgroups, {self.barriers} barriers, "
            f"{self.simd_ops} simdgroup operations, {self.matrix_macs} matrix multiply-adds",
            "operations: " + ", ".join(f"{k} {v}" for k, v in sorted(self.operations.items())),
        ]
        return "\n".join(rows)


def counts(
    struct: Counters,
    launch: ctypes.Structure,
    names: Sequence[str],
    blocks: Sequence[Block],
    executions: Sequence[int],
) -> Counts:
    """The counts of a launch whose buffers are `names`, and whose blocks ran `executions` times.

    The structures are copied: the runtime uses them again.
    """
    operations: Counter[str] = Counter()
    for block, n in zip(blocks, executions, strict=True):
        for kind, each in block.operations.items():
            operations[kind] += n * each
    copies = [[Traffic.from_buffer_copy(t) for t in pair] for pair in struct.buffers[: len(names)]]
    return Counts(
        loads={name: pair[0] for name, pair in zip(names, copies, strict=True)},
        stores={name: pair[1] for name, pair in zip(names, copies, strict=True)},
        operations=+operations,
        threadgroup_loads=struct.threadgroup_accesses[0],
        threadgroup_stores=struct.threadgroup_accesses[1],
        threadgroup_load_bytes=struct.threadgroup_bytes[0],
        threadgroup_store_bytes=struct.threadgroup_bytes[1],
        threadgroup_bytes=launch.threadgroup_bytes,
        barriers=launch.barriers,
        simd_ops=launch.simd_ops,
        matrix_macs=launch.matrix_macs,
        threads=launch.threads,
        groups=launch.groups,
    )
