"""This library."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np

import lucid
import lucid.audio
import lucid.data
import lucid.nn.functional
from lucid import _device
from lucid.kernels import metal, trust
from lucid.utils.checkpoint import checkpoint_sequential

# isort: split
import mlx.core as mx

from ..case import Built
from .graph import one_launch, primitives, unevaluated
from .imperative import Imperative


class Lucid(Imperative):
    program, lib = "import lucid", lucid
    compile = staticmethod(lucid.compile)

    def tensor(self, values: np.ndarray) -> lucid.Tensor:
        return lucid.from_numpy(values)

    def finish(self, *tensors: lucid.Tensor) -> Any:
        """Evaluated and contiguous, so that no copy is left to whoever reads them."""
        arrays = [mx.contiguous(tensor.array) for tensor in tensors]
        mx.eval(arrays)
        return arrays

    def wait(self, tensors: Iterable[lucid.Tensor]) -> None:
        mx.eval([tensor.array for tensor in tensors])

    def numpy(self, tensors: Any) -> list[np.ndarray]:
        return [np.array(array) for array in tensors]

    def checkpointed(self, model: Any, segments: int, x: lucid.Tensor) -> lucid.Tensor:
        return checkpoint_sequential(model, segments, x)

    def loader(self, folder: str, rate: int, length: int, batch: int) -> Built:
        """The labels of an epoch of batches of cropped recordings."""
        clips = lucid.audio.scan(folder).clips
        recordings = lucid.audio.AudioFolder(clips, sample_rate=rate, length=length)

        def epoch(workers: int) -> Callable[[], Any]:
            batches = lucid.data.DataLoader(recordings, batch, num_workers=workers)

            def labels() -> Any:
                found = []
                for samples, numbers in batches:
                    self.wait([samples])
                    found.append(numbers)
                return self.finish(lucid.cat(found))

            return labels

        return Built({"in line": epoch(0), "2 workers": epoch(2)}, self.numpy)

    def primitives(self, network: str, name: str) -> dict[str, int]:
        """Of MLX, in the graph of one training step."""
        chosen = {"eager": lambda step: step, "compiled": self.compile}[name]
        if chosen is None:
            raise NotImplementedError("not offered")
        training = self.training(network, chosen)
        for _ in range(2):  # the first steps make the optimizer's state, and compile
            training.update()
            self.wait(training.held)
        with unevaluated():
            loss = training.update()
            return primitives(tensor.array for tensor in (loss, *training.held))

    def launches(self, network: str, name: str) -> dict[str, int]:
        """The same where MLX computes on a Metal GPU, with each shader as one primitive."""
        with on_metal():
            return self.primitives(network, name)


@contextmanager
def on_metal() -> Iterator[None]:
    """The library believes in a Metal GPU, whose shaders compute zeros."""

    def launch(
        kernel: metal.Kernel,
        inputs: Sequence[mx.array],
        template: metal.Template,
        grid: tuple[int, int, int],
        threadgroup: tuple[int, int, int],
        outputs: metal.Outputs,
    ) -> list[mx.array]:
        return [one_launch(inputs, shape, dtype) for shape, dtype in outputs]

    with (
        patch.object(_device, "_CPU", object()),
        patch.object(metal, "available", return_value=True),
        patch.object(metal, "_launch", launch),
        trust.using(trust.Ledger(assume=True)),
    ):
        yield
