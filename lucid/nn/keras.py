"""Keras' names for initializers, regularizers, constraints and activations.

Each is given as a callable, as a name ("glorot_uniform", "GlorotUniform"), or in the form that
Keras' `get_config()` writes, {"class_name": ..., "config": {...}}. Definitions follow Keras 3;
where an axis is meant, it is an axis of the kernel in Keras' layout, (K, C_in, C_out).
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from lucid import ops
from lucid.nn import functional as F
from lucid.nn import init
from lucid.tensor import Tensor

_EPSILON = 1e-7  # keras.backend.epsilon()

# Initializers: (shape, **settings) -> Tensor ---------------------------------------------------


def _constant(shape: tuple[int, ...], value: float = 0.0) -> Tensor:
    return Tensor.full(shape, float(value))


def _normal(shape: tuple[int, ...], mean: float = 0.0, stddev: float = 0.05) -> Tensor:
    return init.normal_(Tensor.zeros(shape), mean, stddev)


def _uniform(shape: tuple[int, ...], minval: float = -0.05, maxval: float = 0.05) -> Tensor:
    return init.uniform_(Tensor.zeros(shape), minval, maxval)


def _truncated_normal(shape: tuple[int, ...], mean: float = 0.0, stddev: float = 0.05) -> Tensor:
    low, high = mean - 2 * stddev, mean + 2 * stddev
    return init.trunc_normal_(Tensor.zeros(shape), mean, stddev, low, high)


def _variance_scaling(
    shape: tuple[int, ...],
    scale: float = 1.0,
    mode: str = "fan_in",
    distribution: str = "truncated_normal",
) -> Tensor:
    taps = math.prod(shape[:-2])
    fan_in, fan_out = (shape[-2] * taps, shape[-1] * taps) if len(shape) > 1 else shape * 2
    fans = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}
    variance = scale / max(1.0, fans[mode])
    if distribution == "uniform":
        limit = math.sqrt(3 * variance)
        return _uniform(shape, -limit, limit)
    if distribution == "untruncated_normal":
        return _normal(shape, 0.0, math.sqrt(variance))
    # a normal distribution cut off at two standard deviations has 0.8796 of the standard deviation
    return _truncated_normal(shape, 0.0, math.sqrt(variance) / 0.87962566103423978)


def _scaled(scale: float, mode: str, distribution: str) -> Callable[..., Tensor]:
    return lambda shape: _variance_scaling(shape, scale, mode, distribution)


def _orthogonal(shape: tuple[int, ...], gain: float = 1.0) -> Tensor:
    flat = init.orthogonal_(Tensor.zeros(math.prod(shape[:-1]), shape[-1]), gain)
    return flat.reshape(shape)


INITIALIZERS: dict[str, Callable[..., Tensor]] = {
    "zeros": lambda shape: _constant(shape, 0.0),
    "ones": lambda shape: _constant(shape, 1.0),
    "constant": _constant,
    "random_normal": _normal,
    "random_uniform": _uniform,
    "truncated_normal": _truncated_normal,
    "variance_scaling": _variance_scaling,
    "glorot_normal": _scaled(1.0, "fan_avg", "truncated_normal"),
    "glorot_uniform": _scaled(1.0, "fan_avg", "uniform"),
    "he_normal": _scaled(2.0, "fan_in", "truncated_normal"),
    "he_uniform": _scaled(2.0, "fan_in", "uniform"),
    "lecun_normal": _scaled(1.0, "fan_in", "truncated_normal"),
    "lecun_uniform": _scaled(1.0, "fan_in", "uniform"),
    "orthogonal": _orthogonal,
}

# Regularizers: (tensor, **settings) -> scalar Tensor -------------------------------------------


def _l1(w: Tensor, l1: float = 0.01) -> Tensor:
    return l1 * w.abs().sum()


def _l2(w: Tensor, l2: float = 0.01) -> Tensor:
    return l2 * w.square().sum()


def _l1_l2(w: Tensor, l1: float = 0.01, l2: float = 0.01) -> Tensor:
    return _l1(w, l1) + _l2(w, l2)


def _l1l2(w: Tensor, l1: float = 0.0, l2: float = 0.0) -> Tensor:
    return _l1(w, l1) + _l2(w, l2)


REGULARIZERS: dict[str, Callable[..., Tensor]] = {
    "l1": _l1,
    "l2": _l2,
    "l1_l2": _l1_l2,  # Keras 2's name, whose defaults are 0.01; Keras 3's class L1L2 has 0
    "l1l2": _l1l2,
}

# Constraints: (tensor, **settings) -> Tensor ----------------------------------------------------


def _norms(w: Tensor, axis: Any) -> Tensor:
    axis = tuple(axis) if isinstance(axis, list) else axis
    return w.square().sum(axis, keepdim=True).sqrt()


def _non_neg(w: Tensor) -> Tensor:
    return w.clamp(min=0.0)


def _max_norm(w: Tensor, max_value: float = 2, axis: Any = 0) -> Tensor:
    norms = _norms(w, axis)
    return w * (norms.clamp(0, max_value) / (_EPSILON + norms))


def _unit_norm(w: Tensor, axis: Any = 0) -> Tensor:
    return w / (_EPSILON + _norms(w, axis))


def _min_max_norm(
    w: Tensor, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Any = 0
) -> Tensor:
    norms = _norms(w, axis)
    desired = rate * norms.clamp(min_value, max_value) + (1 - rate) * norms
    return w * (desired / (_EPSILON + norms))


CONSTRAINTS: dict[str, Callable[..., Tensor]] = {
    "non_neg": _non_neg,
    "max_norm": _max_norm,
    "unit_norm": _unit_norm,
    "min_max_norm": _min_max_norm,
}

# Activations: Tensor -> Tensor -----------------------------------------------------------------


def _linear(x: Tensor) -> Tensor:
    return x


ACTIVATIONS: dict[str, Callable[..., Tensor]] = {  # no lambdas: a layer can be pickled
    "linear": _linear,
    "relu": F.relu,
    "relu6": F.relu6,
    "leaky_relu": partial(F.leaky_relu, negative_slope=0.2),  # Keras' slope; torch's is 0.01
    "elu": F.elu,
    "selu": F.selu,
    "gelu": F.gelu,
    "silu": F.silu,
    "swish": F.silu,
    "mish": F.mish,
    "sigmoid": F.sigmoid,
    "log_sigmoid": F.logsigmoid,
    "hard_sigmoid": F.hardsigmoid,
    "hard_silu": F.hardswish,
    "hard_swish": F.hardswish,
    "hard_tanh": F.hardtanh,
    "tanh": F.tanh,
    "softmax": partial(F.softmax, dim=-1),
    "log_softmax": partial(F.log_softmax, dim=-1),
    "softplus": F.softplus,
    "softsign": F.softsign,
    "exponential": ops.exp,
}

_ALIASES = {"zero": "zeros", "one": "ones", "normal": "random_normal", "uniform": "random_uniform"}


def resolve(kind: str, table: Mapping[str, Callable], given: Any) -> Callable[..., Tensor] | None:
    """The function that a callable, a name or a serialised object stands for; None stays None.

    Raises:
        ValueError: an unknown name, with those that are known.
        TypeError: something else.
    """
    if given is None or callable(given):
        return given
    settings: dict[str, Any] = {}
    if isinstance(given, Mapping) and "class_name" in given:
        settings = dict(given.get("config") or {})
        given = given["class_name"]
    if not isinstance(given, str):
        raise TypeError(f"{kind} must be None, a callable or a name, got {given!r}")
    name = _snake(given)
    function = table.get(_ALIASES.get(name, name))
    if function is None:
        raise ValueError(f"unknown {kind} {given!r}; known are {', '.join(sorted(table))}")
    accepted = inspect.signature(function).parameters
    # Keras writes seeds and fan axes too; the stream of lucid.manual_seed takes the seeds' place
    settings = {k: v for k, v in settings.items() if k in accepted and v is not None}
    return partial(function, **settings) if settings else function


def variable_dtype(policy: Any) -> str | None:
    """The dtype of the weights under a policy, given by name or as Keras' config writes it."""
    name = policy["config"]["name"] if isinstance(policy, Mapping) else policy
    return "float32" if isinstance(name, str) and name.startswith("mixed_") else name


def _snake(name: str) -> str:
    """GlorotUniform -> glorot_uniform, L1L2 -> l1l2."""
    separated = (
        f"_{c}" if c.isupper() and i and not name[i - 1].isdigit() else c
        for i, c in enumerate(name)
    )
    return "".join(separated).lower()


def initial(initializer: Callable[..., Any], shape: tuple[int, ...]) -> Tensor:
    """What an initializer gives for a shape; Keras' own take a dtype too."""
    parameters = inspect.signature(initializer).parameters
    values = initializer(shape, dtype="float32") if "dtype" in parameters else initializer(shape)
    tensor = values if isinstance(values, Tensor) else Tensor(values)
    if tensor.shape != shape:
        raise ValueError(f"an initializer must return shape {shape}, got {tensor.shape}")
    return tensor.detach()
