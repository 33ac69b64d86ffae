"""Small kernels with known results, to test the emulator itself: right ones must run clean, and
each way of breaking one must be noticed."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import mlx.core as mx
import numpy as np
import pytest

from .run import MetalError, Options, Run, launch

# The orders in which threads may run, by what runs in descending order; and the two extremes.
ALL_ORDERS = tuple(
    names
    for count in range(4)
    for names in itertools.combinations(("groups", "simdgroups", "lanes"), count)
)
ORDERS = (ALL_ORDERS[0], ALL_ORDERS[-1])
LEVELS = (0, 1, pytest.param(2, marks=pytest.mark.slow))  # of clang's optimiser


@dataclass(frozen=True)
class Sample:
    """A kernel with its arguments and the results that are expected of it, exactly."""

    name: str
    body: str
    inputs: Mapping[str, mx.array]
    expected: Mapping[str, np.ndarray]  # by output; bfloat16 as float32
    grid: tuple[int, int, int]
    threadgroup: tuple[int, int, int]
    dtype: mx.Dtype = mx.float32  # of the outputs
    header: str = ""
    template: Mapping[str, Any] = field(default_factory=dict)
    init_value: float | None = None
    atomic: bool = False  # the outputs are arrays of atomic<T>

    def broken(self, old: str, new: str) -> Sample:
        """The sample with one edit of its header or body.

        Raises:
            ValueError: the text `old` is not there exactly once.
        """
        found = (self.header + self.body).count(old)
        if found != 1:
            raise ValueError(f"{old!r} is {found} times in {self.name}, not once")
        header, body = (text.replace(old, new) for text in (self.header, self.body))
        return replace(self, header=header, body=body)

    def run(self, options: Options) -> Run:
        kernel = mx.fast.metal_kernel(
            name=self.name,
            input_names=list(self.inputs),
            output_names=list(self.expected),
            header=self.header,
            source=self.body,
            atomic_outputs=self.atomic,
        )
        return launch(
            kernel,
            inputs=list(self.inputs.values()),
            output_shapes=[value.shape for value in self.expected.values()],
            output_dtypes=[self.dtype] * len(self.expected),
            grid=self.grid,
            threadgroup=self.threadgroup,
            template=self.template,
            init_value=self.init_value,
            options=options,
        )

    def verdict(self, options: Options) -> list[str]:
        """What is wrong: the compiler's message, or failures and "wrong numbers"."""
        try:
            run = self.run(replace(options, collect=True))
        except MetalError as error:
            return [str(error)]
        wrong = [str(failure) for failure in run.failures]
        results = (np.array(y.astype(mx.float32)) for y in run.outputs)
        if not all(map(np.array_equal, results, self.expected.values())):
            wrong.append("wrong numbers")
        return wrong
