"""`mlx.nn` under PyTorch's names, in MLX's own layout (N, L, C): what the models are made of."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import mlx.core as mx
import mlx.nn as mlx_nn
import numpy as np
from mlx.utils import tree_flatten, tree_unflatten

from ..models import initial


class Module(mlx_nn.Module):
    def __call__(self, *args: Any) -> Any:
        return self.forward(*args)


class SelfAttention(mlx_nn.MultiHeadAttention):
    def __call__(self, x: mx.array) -> mx.array:
        return super().__call__(x, x, x)


class LSTM(mlx_nn.LSTM):
    def __call__(self, x: mx.array) -> mx.array:
        return super().__call__(x)[0]


def separable(
    inner: int, outer: int, K: int, stride: int, padding: int, dilation: int = 1, bias: bool = True
) -> mlx_nn.Module:
    """What lucid has as one layer."""
    return mlx_nn.Sequential(
        mlx_nn.Conv1d(inner, inner, K, stride, padding, dilation, inner, bias),
        mlx_nn.Conv1d(inner, outer, 1, bias=bias),
    )


LAYERS = SimpleNamespace(
    Module=Module,
    ModuleList=list,
    Sequential=mlx_nn.Sequential,
    Conv1d=mlx_nn.Conv1d,
    Conv2d=mlx_nn.Conv2d,
    ConvTranspose1d=mlx_nn.ConvTranspose1d,
    DepthSeparableConv1d=separable,
    # Its other form is another norm for several groups, and slower for one.
    GroupNorm=lambda groups, C: mlx_nn.GroupNorm(groups, C, pytorch_compatible=True),
    BatchNorm1d=mlx_nn.BatchNorm,
    LayerNorm=mlx_nn.LayerNorm,
    Linear=mlx_nn.Linear,
    PReLU=mlx_nn.PReLU,
    ReLU=mlx_nn.ReLU,
    LeakyReLU=mlx_nn.LeakyReLU,
    GELU=mlx_nn.GELU,
    Tanh=mlx_nn.Tanh,
    Sigmoid=mlx_nn.Sigmoid,
    Softmax=lambda: lambda x: mx.softmax(x, axis=-1),
    MaxPool1d=mlx_nn.MaxPool1d,
    LSTM=LSTM,
    GRU=mlx_nn.GRU,
    SelfAttention=lambda dims, heads: SelfAttention(dims, heads, bias=True),
)


class Kit:
    """Layers and layout of plain MLX."""

    nn = LAYERS
    log, abs = staticmethod(mx.log), staticmethod(mx.abs)

    def channels(self, x: mx.array, start: int, stop: int) -> mx.array:
        return x[..., start:stop]

    def flat(self, x: mx.array) -> mx.array:
        return x.squeeze(-1)

    def sum(self, x: mx.array) -> mx.array:
        return x.sum(-1, keepdims=True)

    def cat(self, *parts: mx.array) -> mx.array:
        return mx.concatenate(parts, axis=-1)

    def mean_in_time(self, x: mx.array) -> mx.array:
        return x.mean(1)

    def labels(self, numbers: np.ndarray) -> mx.array:
        return mx.array(numbers)

    def cross_entropy(self, scores: mx.array, labels: mx.array) -> mx.array:
        return mlx_nn.losses.cross_entropy(scores, labels, reduction="mean")


def tensor(array: np.ndarray, channels_first: bool) -> mx.array:
    """An array of PyTorch's layout in MLX's, contiguous."""
    if channels_first and array.ndim > 2:
        array = np.ascontiguousarray(np.moveaxis(array, 1, -1))
    return mx.array(array)


def numpy(array: mx.array, channels_first: bool) -> np.ndarray:
    """The way back."""
    values = np.array(array)
    return np.moveaxis(values, -1, 1) if channels_first and values.ndim > 2 else values


def initialise(model: Any) -> None:
    """The same first values as in PyTorch; nothing for a layer that is a mere function."""
    if not isinstance(model, mlx_nn.Module):
        return
    values = {path: _initial(model, path, array) for path, array in parameters(model).items()}
    found = [(path, value) for path, value in values.items() if value is not None]
    model.update(tree_unflatten(found))


def parameters(model: Any) -> dict[str, mx.array]:
    """By path; none of a layer that is a mere function."""
    held = model.trainable_parameters() if isinstance(model, mlx_nn.Module) else {}
    return dict(tree_flatten(held))


BIASES = ("bias", "b", "bhn")
PROJECTIONS = ("query_proj", "key_proj", "value_proj")  # thirds of one matrix in PyTorch


def _initial(model: mlx_nn.Module, path: str, array: mx.array) -> mx.array | None:
    *owner, leaf = path.split(".")
    shape = array.shape
    if owner and owner[-1] in PROJECTIONS and array.ndim == 2:
        values = initial("weight", (3 * shape[0], shape[1]))
        start = PROJECTIONS.index(owner[-1]) * shape[0]
        return mx.array(values[start : start + shape[0]])
    if array.ndim > 2:  # (outer, *taps, inner) here, (outer, inner, *taps) there
        shape = (shape[0], shape[-1], *shape[1:-1])
    transposed = array.ndim > 2 and isinstance(_at(model, owner), mlx_nn.ConvTranspose1d)
    if transposed:  # and (inner, outer, taps)
        shape = (shape[1], shape[0], *shape[2:])
    values = initial("bias" if leaf in BIASES else leaf, shape)
    if values is None:
        return None
    return tensor(values.swapaxes(0, 1) if transposed else values, channels_first=True)


def _at(model: Any, path: list[str]) -> Any:
    for part in path:
        model = model[int(part)] if isinstance(model, list) else model[part]
    return model
