"""JAX on the CPU: whole functions under `jax.jit`, the only way in which it is used."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import numpy as np

from ..case import Built, draw
from ..models import NETWORKS
from ..modules import SINGLES
from .jax_kit import Kit, arrays, conv_transpose1d, filled
from .peer import Peer


def compiled(function: Callable[..., Any], *args: Any) -> Callable[[], Any]:
    """The function of these arguments, compiled before its first call."""
    run = jax.jit(function).lower(*args).compile()
    return lambda: jax.block_until_ready(run(*args))


def numpy(results: Sequence[jax.Array]) -> list[np.ndarray]:
    return [np.asarray(array) for array in results]


class Jax(Peer):
    program = "import jax"

    def conv(
        self,
        shapes: dict[str, list[int]],
        transposed: bool,
        stride: int,
        padding: int,
        dilation: int,
        groups: int,
        output_padding: int = 0,
    ) -> Built:
        """A convolution; `both` adds the gradients of x and w."""
        x, w, g = (jnp.asarray(draw(0, *shapes[name])) for name in "xwy")
        if transposed:
            settings = {"stride": stride, "padding": padding, "dilation": dilation}
            convolve = partial(
                conv_transpose1d, groups=groups, output_padding=output_padding, **settings
            )
        else:
            convolve = partial(
                jax.lax.conv_general_dilated,
                window_strides=[stride],
                padding=[(padding, padding)],
                rhs_dilation=[dilation],
                feature_group_count=groups,
                dimension_numbers=("NCH", "OIH", "NCH"),
            )
        return _passes(convolve, g, x, w)

    def layer(self, name: str) -> Built:
        """A layer; `both` adds the gradients of its input and parameters."""
        make, shape, _ = SINGLES[name]
        model = make(Kit())
        x = jnp.asarray(draw(0, *shape))

        def call(x: jax.Array, weights: dict[str, jax.Array]) -> jax.Array:
            with filled(model, weights):
                return model(x)

        g = jnp.asarray(draw(1, *jax.eval_shape(call, x, arrays(model)).shape))
        return _passes(call, g, x, arrays(model), compared=2)

    def step(self, network: str) -> Built:
        """A training step, whose result is the loss."""
        made = NETWORKS[network]
        optimize = {"Adam": _adam, "SGD": _sgd}[made.optimizer]
        model = made.make(Kit(), **made.sizes)
        batch = [jnp.asarray(array) for array in made.batch(**made.sizes)]

        def loss(weights: dict[str, jax.Array], batch: list[jax.Array]) -> jax.Array:
            with filled(model, weights):
                return model(*batch)

        @jax.jit
        def update(state: Any, batch: list[jax.Array]) -> Any:
            weights, moments = state
            value, gradients = jax.value_and_grad(loss)(weights, batch)
            return value, optimize(weights, gradients, moments, made.rate)

        zeros = jax.tree.map(jnp.zeros_like, arrays(model))
        state = (arrays(model), (zeros, zeros, jnp.zeros(())))

        def step() -> jax.Array:
            nonlocal state
            value, state = jax.block_until_ready(update(state, batch))
            return value

        return Built({"compiled": step}, lambda value: [np.asarray(value)])


def _passes(function: Callable[..., Any], g: jax.Array, *args: Any, compared: int = 3) -> Built:
    def both(g: jax.Array, *args: Any) -> Any:
        y, back = jax.vjp(function, *args)
        return (y, *back(g))

    def forward(*args: Any) -> Any:
        return [function(*args)]

    passes = {"forward": compiled(forward, *args), "both": compiled(both, g, *args)}
    return Built(passes, lambda results: numpy(results[:compared]))


def _sgd(weights: Any, gradients: Any, moments: Any, rate: float) -> Any:
    return jax.tree.map(lambda w, g: w - rate * g, weights, gradients), moments


def _adam(weights: Any, gradients: Any, moments: Any, rate: float) -> Any:
    means, squares, count = moments
    count += 1
    means = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, means, gradients)
    squares = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, squares, gradients)
    first, second = 1 - 0.9**count, 1 - 0.999**count

    def moved(w: jax.Array, m: jax.Array, v: jax.Array) -> jax.Array:
        return w - rate * (m / first) / (jnp.sqrt(v / second) + 1e-8)

    return jax.tree.map(moved, weights, means, squares), (means, squares, count)
