"""The Metal source that MLX generates for a kernel, captured without a Mac.

Tracing a kernel for export runs MLX's source generator but no GPU. It prints the text from C++, so
file descriptor 1 is redirected for that moment; replacing `sys.stdout` would not catch it.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import mlx.core as mx

_PRINTED = re.compile(r"Generated source code for `\w+`:\n```\n(.*?)\n```\n", re.DOTALL)
_FUNCTION = re.compile(r"\[\[kernel\]\] void (custom_kernel_\w+)\(")


class Captured(NamedTuple):
    """The generated source of one kernel, and the name of its function."""

    source: str
    function: str


def capture(kernel: Any, inputs: Sequence[mx.array], **call: Any) -> Captured:
    """The source that `kernel(inputs=inputs, **call)` has MLX generate; `kernel` is what
    `mx.fast.metal_kernel` returned. The text depends on the dtypes, the ranks and the template, and
    on whether an input has fewer than 8 elements, but never on values.

    Raises:
        RuntimeError: MLX printed no source.
    """
    stand_ins = [mx.zeros(array.shape, array.dtype) for array in inputs]
    with tempfile.TemporaryDirectory() as folder:
        with _stdout_of_the_process() as printed:
            mx.export_function(
                os.path.join(folder, "kernel.mlxfn"),
                lambda *arrays: kernel(inputs=list(arrays), verbose=True, **call),
                *stand_ins,
            )
        text = printed[0]
    found = _PRINTED.search(text)
    if not found:
        raise RuntimeError(
            f"MLX printed no source for the kernel, only {text!r}: the emulator reads "
            "what mx.fast.metal_kernel prints with verbose=True"
        )
    source = found[1] + "\n"
    return Captured(source, function_of(source))


def function_of(source: str) -> str:
    """The name of the kernel in a source that MLX generated."""
    return str(_FUNCTION.findall(source)[-1])


@contextmanager
def _stdout_of_the_process() -> Iterator[list[str]]:
    """Collects what the process writes to file descriptor 1."""
    printed: list[str] = []
    sys.stdout.flush()
    kept = os.dup(1)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 1)
        try:
            yield printed
        finally:
            os.dup2(kept, 1)
            os.close(kept)
            file.seek(0)
            printed.append(file.read().decode())
