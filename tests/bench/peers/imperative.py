"""What PyTorch and lucid do alike: the same calls with another library's name before them."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from ..case import Built, draw
from ..models import NETWORKS, initial, separating
from ..modules import SINGLES
from ..overhead import OPERANDS
from .peer import Peer


def operations(lib: Any) -> dict[str, Callable[..., Any]]:
    """Of the suite `overhead`."""
    functions = lib.nn.functional
    return {
        "add": operator.add,
        "mul": operator.mul,
        "exp": lib.exp,
        "matmul": operator.matmul,
        "relu": functions.relu,
        "sum": lambda x: x.sum(),
        "reshape": lambda x: x.reshape(64),
        "conv1d": lambda x, w: functions.conv1d(x, w, padding=1),
        "linear": functions.linear,
    }


def blocks(nn: Any, count: int, channels: int) -> Any:
    """As in a separator of Conv-TasNet: pointwise and dilated depthwise convolutions, norms."""
    wide = 2 * channels

    class Block(nn.Module):
        def __init__(self, dilation: int) -> None:
            super().__init__()
            inner = separating(nn, channels, wide, dilation)
            self.net = nn.Sequential(*inner, nn.Conv1d(wide, channels, 1))

        def forward(self, x: Any) -> Any:
            return x + self.net(x)

    return nn.Sequential(*[Block(2 ** (i % 8)) for i in range(count)])


def layers(lib: Any) -> Any:
    """`lib.nn`, with the settings and results that the models expect of some layers."""
    nn = lib.nn

    class LSTM(nn.LSTM):
        def __init__(self, inner: int, outer: int) -> None:
            super().__init__(inner, outer, batch_first=True)

        def forward(self, x: Any) -> Any:
            return super().forward(x)[0]

    class GRU(nn.GRU):
        def __init__(self, inner: int, outer: int) -> None:
            super().__init__(inner, outer, batch_first=True)

        def forward(self, x: Any) -> Any:
            return super().forward(x)[0]

    class SelfAttention(nn.MultiheadAttention):
        def __init__(self, dims: int, heads: int) -> None:
            super().__init__(dims, heads, batch_first=True)

        def forward(self, x: Any) -> Any:
            return super().forward(x, x, x, need_weights=False)[0]

    def separable(
        inner: int, outer: int, K: int, stride: int, padding: int, dilation: int = 1, bias=True
    ) -> Any:
        return nn.Sequential(
            nn.Conv1d(inner, inner, K, stride, padding, dilation, inner, bias),
            nn.Conv1d(inner, outer, 1, bias=bias),
        )

    special = {"LSTM": LSTM, "GRU": GRU, "SelfAttention": SelfAttention}
    special["Softmax"] = lambda: nn.Softmax(-1)
    return SimpleNamespace(**{"DepthSeparableConv1d": separable, **vars(nn), **special})


class Kit:
    """The layers of the networks, in the layout (N, C, L)."""

    def __init__(self, lib: Any) -> None:
        self.nn, self.log, self.abs = layers(lib), lib.log, lib.abs
        self.labels, self.cross_entropy = lib.from_numpy, lib.nn.functional.cross_entropy
        self._cat = lib.cat

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


class Training(NamedTuple):
    """A training step that returns the loss, and the tensors that it changes."""

    update: Callable[[], Any]
    held: list[Any]


class Imperative(Peer):
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

    def limits(self, side: int, megabytes: int) -> Built:
        """What the machine can do: a matrix product, and a copy by one thread per core."""
        a, b = (self.tensor(draw(seed, side, side)) for seed in (0, 1))
        cores = os.cpu_count() or 1
        source = np.ones((cores, megabytes * 250_000 // cores), np.float32)
        target = np.zeros_like(source)
        pool = ThreadPoolExecutor(cores)

        def copy() -> Any:
            list(pool.map(np.copyto, target, source))
            return ()

        return Built({"copy": copy, "product": lambda: self.finish(a @ b)}, self.numpy)

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

    def layer(self, name: str) -> Built:
        """A layer; `both` adds the gradients of its input and parameters."""
        make, shape, _ = SINGLES[name]
        model = make(Kit(self.lib))
        parameters = self._initialise(model)
        x = self.tensor(draw(0, *shape))
        xg = self.tensor(draw(0, *shape)).requires_grad_()
        g = self.tensor(draw(1, *model(x).shape))

        def forward() -> Any:
            with self.lib.no_grad():
                return self.finish(model(x))

        def both() -> Any:
            for tensor in (xg, *parameters):
                tensor.grad = None
            y = model(xg)
            y.backward(g)
            self.wait([parameter.grad for parameter in parameters])
            return self.finish(y, xg.grad)

        return Built({"forward": forward, "both": both}, self.numpy)

    def _initialise(self, model: Any) -> list[Any]:
        """Give the parameters their first values, the same for all peers; the parameters."""
        named = dict(model.named_parameters()) if isinstance(model, self.lib.nn.Module) else {}
        with self.lib.no_grad():
            for name, parameter in named.items():
                value = initial(name, tuple(parameter.shape))
                if value is not None:
                    parameter.copy_(self.tensor(value))
        return list(named.values())

    def op(self, name: str, count: int) -> Built:
        """An operation on tiny tensors, `count` times on the same ones."""
        function = operations(self.lib)[name]
        shapes = OPERANDS[name]
        inputs = [self.tensor(draw(i, *shape)) for i, shape in enumerate(shapes)]
        leaves = [self.tensor(draw(i, *shape)).requires_grad_() for i, shape in enumerate(shapes)]
        seeds = [self.tensor(draw(9, *function(*inputs).shape))] * count

        def built() -> Any:
            with self.lib.no_grad():
                return [function(*inputs) for _ in range(count)]

        def grad() -> Any:
            return [function(*leaves) for _ in range(count)]

        def backward() -> Any:
            for leaf in leaves:
                leaf.grad = None
            self.lib.autograd.backward(grad(), seeds)
            return [leaf.grad for leaf in leaves]

        def computed(variant: Callable[[], Any]) -> Any:
            tensors = variant()
            self.wait(tensors)
            return tensors

        variants = {"no grad": built, "grad": grad, "backward": backward}
        passes = {name: partial(computed, variant) for name, variant in variants.items()}
        last = slice(-len(leaves), None)
        return Built({"built": built, **passes}, lambda t: self.numpy(self.finish(*t[last])))

    def stack(self, batch: int, channels: int, length: int, count: int, segments: int = 1) -> Built:
        """Loss and gradients of dilated residual blocks, which are checkpointed in `segments`."""
        model = blocks(self.lib.nn, count, channels)
        parameters = self._initialise(model)
        x = self.tensor(draw(0, batch, channels, length))

        def step() -> Any:
            for parameter in parameters:
                parameter.grad = None
            y = self.checkpointed(model, segments, x) if segments > 1 else model(x)
            loss = y.square().mean()
            loss.backward()
            self.wait([parameter.grad for parameter in parameters])
            return self.finish(loss, parameters[0].grad)

        return Built({"step": step}, self.numpy)

    def checkpointed(self, model: Any, segments: int, x: Any) -> Any:
        """The output of a Sequential that keeps only what lies between its segments."""
        raise NotImplementedError

    def step(self, network: str) -> Built:
        """A training step, whose result is the loss."""
        trainings = {"eager": self.training(network)}
        if self.compile is not None:
            trainings["compiled"] = self.training(network, self.compile)

        def run(training: Training) -> Any:
            loss = training.update()
            self.wait(training.held)
            return self.finish(loss)

        return Built({name: partial(run, made) for name, made in trainings.items()}, self.numpy)

    def training(
        self, network: str, compiled: Callable[..., Any] = lambda function: function
    ) -> Training:
        made = NETWORKS[network]
        model = made.make(Kit(self.lib), **made.sizes)
        parameters = self._initialise(model)
        optimizer = getattr(self.lib.optim, made.optimizer)(parameters, lr=made.rate)
        tensors = [self.tensor(array) for array in made.batch(**made.sizes)]

        @compiled
        def update(*tensors: Any) -> Any:
            optimizer.zero_grad()
            loss = model(*tensors)
            loss.backward()
            optimizer.step()
            return loss

        return Training(lambda: update(*tensors), [*parameters, *model.buffers()])
