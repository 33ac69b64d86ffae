"""Plain MLX, as whoever writes for it would: `mlx.nn`, (N, L, C), transformed functions."""

from __future__ import annotations

import ctypes
import operator
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from unittest.mock import patch

if "OPENBLAS" in os.environ:  # the peer `mlx-openblas`: the same with the BLAS that lucid loads
    ctypes.CDLL(os.environ["OPENBLAS"], mode=ctypes.RTLD_GLOBAL)

import mlx.core as mx
import mlx.nn as mlx_nn
import mlx.optimizers
import numpy as np
from mlx.utils import tree_flatten

from ..case import Built, draw
from ..models import NETWORKS
from ..modules import SINGLES
from ..overhead import OPERANDS
from .graph import one_launch, primitives
from .mlx_kit import Kit, initialise, numpy, parameters, tensor
from .peer import Peer

OPERATIONS: dict[str, Callable[..., mx.array]] = {
    "add": operator.add,
    "mul": operator.mul,
    "exp": mx.exp,
    "matmul": operator.matmul,
    "relu": lambda x: mx.maximum(x, 0),
    "sum": mx.sum,
    "reshape": lambda x: x.reshape(64),
    "conv1d": lambda x, w: mx.conv1d(x, w, padding=1),
    "linear": lambda x, w, b: mx.addmm(b, x, w.T),
}


class Mlx(Peer):
    """Its results are evaluated; it must not have imported us, who change BLAS and allocator."""

    program = "import mlx.core, numpy"

    def __init__(self) -> None:
        if "lucid" in sys.modules:
            raise RuntimeError("the peer of plain MLX has imported lucid")

    def conv(
        self, shapes: dict[str, list[int]], transposed: bool, groups: int, **settings: int
    ) -> Built:
        """A convolution; `both` adds the gradients of x and w."""
        convolve = partial(
            mx.conv_transpose1d if transposed else mx.conv1d, groups=groups, **settings
        )
        x, g = (tensor(draw(0, *shapes[name]), True) for name in "xy")
        w = mx.array(_weight(draw(0, *shapes["w"]), groups, transposed))
        mx.eval(x, g, w)

        def forward() -> Any:
            y = convolve(x, w)
            mx.eval(y)
            return [y]

        def both() -> Any:
            (y,), gradients = mx.vjp(convolve, [x, w], [g])
            mx.eval(y, gradients)
            return [y, *gradients]

        def back(results: Sequence[mx.array]) -> list[np.ndarray]:
            arrays = [numpy(array, True) for array in results[:2]]
            weights = [np.array(array) for array in results[2:]]
            return arrays + [_weight_back(w, groups, transposed) for w in weights]

        return Built({"forward": forward, "both": both}, back)

    def layer(self, name: str) -> Built:
        """A layer; `both` adds the gradients of its input and parameters."""
        make, shape, channels_first = SINGLES[name]
        model, x = make(Kit()), tensor(draw(0, *shape), channels_first)
        initialise(model)
        weights, buffers = parameters(model), getattr(model, "state", [])
        g = tensor(draw(1, *np.shape(numpy(model(x), channels_first))), channels_first)
        mx.eval(x, g, weights)

        def call(x: mx.array, *values: mx.array) -> mx.array:
            if values:
                model.load_weights(list(zip(weights, values, strict=True)), strict=False)
            return model(x)

        def forward() -> Any:
            y = model(x)
            mx.eval(y, buffers)
            return [y]

        def both() -> Any:
            (y,), gradients = mx.vjp(call, [x, *weights.values()], [g])
            mx.eval(y, gradients, buffers)
            return [y, gradients[0]]

        return Built(
            {"forward": forward, "both": both},
            lambda results: [numpy(array, channels_first) for array in results],
        )

    def op(self, name: str, count: int) -> Built:
        """An operation on tiny arrays, `count` times on the same ones. MLX always records: `grad`
        is the same as `no grad`."""
        function = OPERATIONS[name]
        inputs = [tensor(draw(i, *shape), True) for i, shape in enumerate(OPERANDS[name])]
        if name == "conv1d":
            inputs[1] = mx.array(_weight(np.array(inputs[1].swapaxes(1, 2)), 1, False))
        seed = draw(9, *numpy(function(*inputs), True).shape)
        seeds = [tensor(seed, True)] * count

        def built(*inputs: mx.array) -> list[mx.array]:
            return [function(*inputs) for _ in range(count)]

        def computed() -> list[mx.array]:
            outputs = built(*inputs)
            mx.eval(outputs)
            return outputs

        def backward() -> list[mx.array]:
            _, gradients = mx.vjp(built, inputs, seeds)
            mx.eval(gradients)
            return gradients

        passes = {"built": partial(built, *inputs), "no grad": computed, "grad": computed}
        last = slice(-len(inputs), None)
        return Built(
            passes | {"backward": backward}, lambda arrays: [numpy(a, True) for a in arrays[last]]
        )

    def step(self, network: str) -> Built:
        """A training step, whose result is the loss."""

        def run(update: Callable[[], mx.array], state: Any) -> mx.array:
            loss = update()
            mx.eval(loss, state)
            return loss

        passes = {
            name: partial(run, *self._training(network, name)) for name in ("eager", "compiled")
        }
        return Built(passes, lambda loss: [np.array(loss)])

    def primitives(self, network: str, name: str) -> dict[str, int]:
        """In the graph of one training step."""
        update, state = self._training(network, name)
        for _ in range(2):
            mx.eval(update(), state)
        loss = update()
        held = [array for _, array in tree_flatten(state) if isinstance(array, mx.array)]
        return primitives([loss, *held])

    def launches(self, network: str, name: str) -> dict[str, int]:
        """The same with the normalization that MLX has on a GPU: one primitive, and one back."""
        with patch.object(mx.fast, "layer_norm", _layer_norm):
            return self.primitives(network, name)

    def _training(self, network: str, name: str) -> tuple[Callable[[], mx.array], Any]:
        """A step that returns the loss, and the state that it changes."""
        made = NETWORKS[network]
        model = made.make(Kit(), **made.sizes)
        initialise(model)
        batch = [tensor(array, made.channels_first) for array in made.batch(**made.sizes)]
        settings = {"bias_correction": True} if made.optimizer == "Adam" else {}
        optimizer = getattr(mlx.optimizers, made.optimizer)(made.rate, **settings)
        optimizer.init(model.trainable_parameters())
        state = [model.state, optimizer.state]
        mx.eval(state, batch)
        gradient = mlx_nn.value_and_grad(model, lambda *batch: model(*batch))

        def update(*batch: mx.array) -> mx.array:
            loss, gradients = gradient(*batch)
            optimizer.update(model, gradients)
            return loss

        run = mx.compile(update, inputs=state, outputs=state) if name == "compiled" else update
        return lambda: run(*batch), state


def _layer_norm(
    x: mx.array, weight: mx.array | None, bias: mx.array | None, eps: float
) -> mx.array:
    """Zeros in place of `mx.fast.layer_norm`."""
    given = [array for array in (x, weight, bias) if array is not None]

    @mx.custom_function
    def forward(*given: mx.array) -> mx.array:
        return one_launch(given, x.shape, x.dtype)

    @forward.vjp
    def backward(given: Any, g: mx.array, _: mx.array) -> tuple[mx.array, ...]:
        first = one_launch([*given, g], x.shape, x.dtype)
        rest = [mx.broadcast_to(first.reshape(-1)[0], array.shape) for array in given[1:]]
        return first, *rest

    return forward(*given)


def _weight(w: np.ndarray, groups: int, transposed: bool) -> np.ndarray:
    """PyTorch's weight as MLX has it, (C_out, K, C_in / groups)."""
    if transposed:
        C_in, outer, K = w.shape
        w = w.reshape(groups, C_in // groups, outer, K).transpose(0, 2, 3, 1)
        return np.ascontiguousarray(w.reshape(groups * outer, K, C_in // groups))
    return np.ascontiguousarray(w.transpose(0, 2, 1))


def _weight_back(w: np.ndarray, groups: int, transposed: bool) -> np.ndarray:
    if transposed:
        C_out, K, inner = w.shape
        w = w.reshape(groups, C_out // groups, K, inner).transpose(0, 3, 1, 2)
        return w.reshape(groups * inner, C_out // groups, K)
    return w.transpose(0, 2, 1)
