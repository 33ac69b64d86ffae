"""Layers for JAX under PyTorch's names, in the layout (N, C, L): plain functions of `jax.numpy`.

A module keeps its arrays as attributes; `arrays` takes them out and `filled` puts others in, which
is how functions of parameters are made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..models import initial


class Module:
    def __call__(self, *args: Any) -> Any:
        return self.forward(*args)

    def forward(self, *args: Any) -> Any:
        raise NotImplementedError


def places(module: Any, path: str = "") -> Iterator[tuple[str, Any, str]]:
    """Path, owner and attribute of each array of a module."""
    found = enumerate(module) if isinstance(module, list) else vars(module).items()
    for key, value in found:
        if isinstance(value, jax.Array):
            yield f"{path}{key}", module, key
        elif isinstance(value, Module | list):
            yield from places(value, f"{path}{key}.")


def arrays(module: Any) -> dict[str, jax.Array]:
    if not isinstance(module, Module):
        return {}
    return {path: getattr(owner, name) for path, owner, name in places(module)}


@contextmanager
def filled(module: Any, values: dict[str, jax.Array]) -> Iterator[None]:
    """The module with other arrays, for as long as JAX traces a function."""
    before = arrays(module)
    _fill(module, values)
    try:
        yield
    finally:
        _fill(module, before)


def _fill(module: Any, values: dict[str, jax.Array]) -> None:
    for path, owner, name in places(module) if values else ():
        setattr(owner, name, values[path])


def _parameter(name: str, *shape: int) -> jax.Array:
    values = initial(name, shape)
    return jnp.ones(shape) if values is None else jnp.asarray(values)


class Conv(Module):
    """A convolution over as many axes as `axes` names."""

    axes = "H"

    def __init__(
        self,
        inner: int,
        outer: int,
        K: int,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        count = len(self.axes)
        self.weight = _parameter("weight", outer, inner // groups, *[K] * count)
        self.bias = _parameter("bias", outer, *[1] * count) if bias else 0.0
        self.settings = {
            "window_strides": [stride] * count,
            "padding": [(padding, padding)] * count,
            "rhs_dilation": [dilation] * count,
            "feature_group_count": groups,
            "dimension_numbers": (f"NC{self.axes}", f"OI{self.axes}", f"NC{self.axes}"),
        }

    def forward(self, x: jax.Array) -> jax.Array:
        return jax.lax.conv_general_dilated(x, self.weight, **self.settings) + self.bias


class Conv2d(Conv):
    axes = "HW"


def conv_transpose1d(
    x: jax.Array,
    w: jax.Array,
    stride: int,
    padding: int,
    dilation: int = 1,
    groups: int = 1,
    output_padding: int = 0,
) -> jax.Array:
    """PyTorch's, of a weight (C_in, C_out / groups, K)."""
    C_in, outer, K = w.shape
    w = w.reshape(groups, C_in // groups, outer, K).swapaxes(1, 2)
    w = jnp.flip(w.reshape(groups * outer, C_in // groups, K), -1)
    left = dilation * (K - 1) - padding
    return jax.lax.conv_general_dilated(
        x,
        w,
        window_strides=[1],
        padding=[(left, left + output_padding)],
        lhs_dilation=[stride],
        rhs_dilation=[dilation],
        feature_group_count=groups,
        dimension_numbers=("NCH", "OIH", "NCH"),
    )


class ConvTranspose1d(Module):
    def __init__(
        self,
        inner: int,
        outer: int,
        K: int,
        stride: int = 1,
        padding: int = 0,
        *,
        bias: bool = True,
    ) -> None:
        self.weight = _parameter("weight", inner, outer, K)
        self.bias = _parameter("bias", outer, 1) if bias else 0.0
        self.stride, self.padding = stride, padding

    def forward(self, x: jax.Array) -> jax.Array:
        return conv_transpose1d(x, self.weight, self.stride, self.padding) + self.bias


class Norm(Module):
    """Over some axes, then a gain and an offset per channel."""

    def __init__(self, shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
        self.weight, self.bias, self.axes = jnp.ones(shape), jnp.zeros(shape), axes

    def forward(self, x: jax.Array) -> jax.Array:
        mean = x.mean(self.axes, keepdims=True)
        variance = jnp.square(x - mean).mean(self.axes, keepdims=True)
        return (x - mean) * jax.lax.rsqrt(variance + 1e-5) * self.weight + self.bias


class Linear(Module):
    def __init__(self, inner: int, outer: int) -> None:
        self.weight, self.bias = _parameter("weight", outer, inner), _parameter("bias", outer)

    def forward(self, x: jax.Array) -> jax.Array:
        return x @ self.weight.T + self.bias


class PReLU(Module):
    def __init__(self) -> None:
        self.weight = jnp.full((1,), 0.25)

    def forward(self, x: jax.Array) -> jax.Array:
        return jnp.where(x > 0, x, self.weight * x)


class LSTM(Module):
    """Over (N, L, C); gates in PyTorch's order."""

    def __init__(self, inner: int, outer: int) -> None:
        self.inner = _parameter("weight", 4 * outer, inner)
        self.hidden = _parameter("weight", 4 * outer, outer)
        self.bias = _parameter("bias", 4 * outer)

    def forward(self, x: jax.Array) -> jax.Array:
        gates = (x @ self.inner.T + self.bias).swapaxes(0, 1)
        start = jnp.zeros((x.shape[0], self.hidden.shape[1]))

        def step(state: Any, gate: jax.Array) -> Any:
            h, c = state
            i, f, g, o = jnp.split(gate + h @ self.hidden.T, 4, axis=-1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        return jax.lax.scan(step, (start, start), gates)[1].swapaxes(0, 1)


class GRU(Module):
    """Over (N, L, C); gates in PyTorch's order."""

    def __init__(self, inner: int, outer: int) -> None:
        self.inner = _parameter("weight", 3 * outer, inner)
        self.hidden = _parameter("weight", 3 * outer, outer)
        self.bias, self.other = _parameter("bias", 3 * outer), _parameter("bias", 3 * outer)

    def forward(self, x: jax.Array) -> jax.Array:
        gates = (x @ self.inner.T + self.bias).swapaxes(0, 1)
        start = jnp.zeros((x.shape[0], self.hidden.shape[1]))

        def step(h: jax.Array, gate: jax.Array) -> Any:
            from_x = jnp.split(gate, 3, axis=-1)
            from_h = jnp.split(h @ self.hidden.T + self.other, 3, axis=-1)
            r, z = (jax.nn.sigmoid(from_x[i] + from_h[i]) for i in range(2))
            n = jnp.tanh(from_x[2] + r * from_h[2])
            h = (1 - z) * n + z * h
            return h, h

        return jax.lax.scan(step, start, gates)[1].swapaxes(0, 1)


class SelfAttention(Module):
    def __init__(self, dims: int, heads: int) -> None:
        self.inner, self.outer = Linear(dims, 3 * dims), Linear(dims, dims)
        self.heads = heads

    def forward(self, x: jax.Array) -> jax.Array:
        parts = jnp.split(self.inner(x), 3, axis=-1)
        q, k, v = (part.reshape(*part.shape[:2], self.heads, -1) for part in parts)
        return self.outer(jax.nn.dot_product_attention(q, k, v).reshape(x.shape))


def max_pool(K: int) -> Callable[[jax.Array], jax.Array]:
    window = (1, 1, K)
    return lambda x: jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, window, window, "VALID")


class Sequential(Module):
    def __init__(self, *layers: Any) -> None:
        self.layers = list(layers)

    def forward(self, x: jax.Array) -> jax.Array:
        for layer in self.layers:
            x = layer(x)
        return x


def separable(
    inner: int, outer: int, K: int, stride: int, padding: int, dilation: int = 1, bias: bool = True
) -> Sequential:
    """What lucid has as one layer."""
    depthwise = Conv(inner, inner, K, stride, padding, dilation, inner, bias)
    return Sequential(depthwise, Conv(inner, outer, 1, bias=bias))


def _function(function: Callable[[jax.Array], jax.Array]) -> Callable[[], Any]:
    return lambda: function


LAYERS = SimpleNamespace(
    Module=Module,
    ModuleList=list,
    Sequential=Sequential,
    Conv1d=Conv,
    Conv2d=Conv2d,
    ConvTranspose1d=ConvTranspose1d,
    DepthSeparableConv1d=separable,
    GroupNorm=lambda groups, C: Norm((C, 1), (1, 2)),  # the models have one group
    BatchNorm1d=lambda C: Norm((C, 1), (0, 2)),  # training needs no running statistics
    LayerNorm=lambda C: Norm((C,), (-1,)),
    Linear=Linear,
    PReLU=PReLU,
    ReLU=_function(jax.nn.relu),
    LeakyReLU=lambda slope: lambda x: jax.nn.leaky_relu(x, slope),
    GELU=lambda: lambda x: jax.nn.gelu(x, approximate=False),
    Tanh=_function(jnp.tanh),
    Sigmoid=_function(jax.nn.sigmoid),
    Softmax=_function(jax.nn.softmax),
    MaxPool1d=max_pool,
    LSTM=LSTM,
    GRU=GRU,
    SelfAttention=SelfAttention,
)


class Kit:
    """Layers and layout of the models in JAX."""

    nn = LAYERS
    log, abs = staticmethod(jnp.log), staticmethod(jnp.abs)

    def channels(self, x: jax.Array, start: int, stop: int) -> jax.Array:
        return x[:, start:stop]

    def flat(self, x: jax.Array) -> jax.Array:
        return x.squeeze(1)

    def sum(self, x: jax.Array) -> jax.Array:
        return x.sum(-1, keepdims=True)

    def cat(self, *parts: jax.Array) -> jax.Array:
        return jnp.concatenate(parts, axis=1)

    def mean_in_time(self, x: jax.Array) -> jax.Array:
        return x.mean(-1)

    def labels(self, numbers: np.ndarray) -> jax.Array:
        return jnp.asarray(numbers)

    def cross_entropy(self, scores: jax.Array, labels: jax.Array) -> jax.Array:
        chosen = jnp.take_along_axis(jax.nn.log_softmax(scores), labels[:, None], axis=-1)
        return -chosen.mean()
