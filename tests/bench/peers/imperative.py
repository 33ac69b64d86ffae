"""What PyTorch and lucid do alike: the same calls with another library's name before them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..case import Built, draw
from ..models import NETWORKS, initial


class Kit:
    """The layers of the networks, in the layout (N, C, L)."""

    def __init__(self, lib: Any) -> None:
        self.nn, self.log, self.abs = lib.nn, lib.log, lib.abs
        self.cross_entropy = lib.nn.functional.cross_entropy
        self._cat = lib.cat

    def lstm(self, inner: int, outer: int) -> Any:
        return self.nn.LSTM(inner, outer, batch_first=True)

    def outputs(self, lstm: Any, x: Any) -> Any:
        return lstm(x)[0]

    def cat(self, *parts: Any) -> Any:
        """Along the channels."""
        return self._cat(parts, dim=1)

    def mean_in_time(self, x: Any) -> Any:
        return x.mean(-1)

    def channels(self, x: Any, start: int, stop: int) -> Any:
        return x[:, start:stop]

    def flat(self, x: Any) -> Any:
        """(N, 1, L) as (N, L)."""
        return x.squeeze(1)

    def sum(self, x: Any) -> Any:
        return x.sum(-1, keepdim=True)


class Imperative:
    """A library with PyTorch's API, `lib`, and what it makes of a training step."""

    lib: Any
    compile: Callable[..., Any] | None = None

    def tensor(self, values: np.ndarray) -> Any:
        raise NotImplementedError

    def finish(self, *tensors: Any) -> Any:
        """The tensors, computed and laid out."""
        return tensors

    def wait(self, tensors: Iterable[Any]) -> None:
        """Until the tensors are computed."""

    def numpy(self, tensors: Sequence[Any]) -> list[np.ndarray]:
        return [tensor.detach().numpy() for tensor in tensors]

    def conv(self, shapes: dict[str, list[int]], transposed: bool, **settings: int) -> Built:
        """A convolution of x (N, C, L) with w; `both` adds the gradients of x and w."""
        functions = self.lib.nn.functional
        function = functions.conv_transpose1d if transposed else functions.conv1d
        x, w, g = (self.tensor(draw(0, *shapes[name])) for name in "xwy")

        def forward() -> Any:
            with self.lib.no_grad():
                return self.finish(function(x, w, **settings))

        xg, wg = (self.tensor(draw(0, *shapes[name])).requires_grad_() for name in "xw")

        def both() -> Any:
            xg.grad = wg.grad = None
            y = function(xg, wg, **settings)
            y.backward(g)
            return self.finish(y, xg.grad, wg.grad)

        return Built({"forward": forward, "both": both}, self.numpy)

    def step(self, network: str) -> Built:
        """A training step with Adam, whose result is the loss."""
        passes = {"eager": self._trainer(network, lambda step: step)}
        if self.compile is not None:
            passes["compiled"] = self._trainer(network, self.compile)
        return Built(passes, self.numpy)

    def _trainer(self, network: str, compiled: Callable[..., Any]) -> Callable[[], Any]:
        make, batch, sizes = NETWORKS[network]
        model = make(Kit(self.lib), **sizes)
        parameters = dict(model.named_parameters())
        with self.lib.no_grad():
            for name, parameter in parameters.items():
                value = initial(name, tuple(parameter.shape))
                if value is not None:
                    parameter.copy_(self.tensor(value))
        optimizer = self.lib.optim.Adam(parameters.values(), lr=1e-3)
        tensors = [self.tensor(array) for array in batch(**sizes)]

        @compiled
        def update(*tensors: Any) -> Any:
            optimizer.zero_grad()
            loss = model(*tensors)
            loss.backward()
            optimizer.step()
            return loss

        def step() -> Any:
            loss = update(*tensors)
            self.wait(parameters.values())
            return self.finish(loss)

        return step
