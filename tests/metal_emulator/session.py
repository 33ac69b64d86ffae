"""The library's own launches in the emulator: `with emulated() as session: ...`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import mlx.core as mx

from lucid.kernels import metal, trust

from .coverage import Coverage
from .report import Failure
from .run import Options, Run, launch


@dataclass
class Session:
    """What ran so far. `options` may be replaced between launches."""

    options: Options
    runs: list[Run] = field(default_factory=list)

    @property
    def failures(self) -> list[Failure]:
        """Of all launches. Without the option `collect` the first is raised instead."""
        return [failure for run in self.runs for failure in run.failures]

    @property
    def coverage(self) -> Coverage:
        """The lines that some launch ran; exact in check builds."""
        coverage = Coverage()
        for run in self.runs:
            coverage.add(run)
        return coverage

    def launch(
        self,
        kernel: metal.Kernel,
        inputs: Sequence[mx.array],
        template: Mapping[str, mx.Dtype | int | bool],
        grid: tuple[int, int, int],
        threadgroup: tuple[int, int, int],
        outputs: metal.Outputs,
    ) -> list[mx.array]:
        """Takes the place of `lucid.kernels.metal._launch`."""
        run = launch(
            metal._function(kernel),
            inputs=inputs,
            template=template,
            grid=grid,
            threadgroup=threadgroup,
            output_shapes=[shape for shape, _ in outputs],
            output_dtypes=[dtype for _, dtype in outputs],
            options=self.options,
        )
        self.runs.append(run)
        return run.outputs


@contextmanager
def emulated(ledger: trust.Ledger | None = None, **options: Any) -> Iterator[Session]:
    """Within, the library believes in a Metal GPU and its shaders run in the emulator. `options`
    are fields of `Options`. Without a `ledger` every shader is trusted: it runs once, and what is
    wrong with it is raised; with one, it proves itself first, as on a GPU."""
    session = Session(Options(**options))
    with (
        mock.patch.object(metal, "_launch", session.launch),
        mock.patch.object(metal, "available", return_value=True),
        trust.using(ledger or trust.Ledger(assume=True)),
    ):
        yield session
