"""Filling parameters with their first values; all in place, all following `lucid.manual_seed`."""

from __future__ import annotations

import math
from typing import Any

import mlx.core as mx

from lucid.autograd import laziness
from lucid.autograd.mode import no_grad
from lucid.ops.device import on_device
from lucid.ops.keys import next_key
from lucid.tensor import Tensor


def _fill(tensor: Tensor, values: mx.array) -> Tensor:
    with no_grad():
        tensor._rebind(Tensor._wrap(values.astype(tensor.dtype), tensor.device))
    laziness.settle([tensor])  # what is pending could only be computed in this thread
    return tensor


def _check(name: str, tensor: Any) -> None:
    if not isinstance(tensor, Tensor):
        raise TypeError(f"{name} fills a Tensor, got {type(tensor).__name__}")
    if not tensor.is_leaf:
        raise ValueError(f"{name} fills a parameter, got the result of a recorded operation")


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0) -> Tensor:
    """Numbers from the uniform distribution on [a, b).

    >>> import lucid
    >>> lucid.nn.init.uniform_(lucid.zeros(2, 3), -1, 1).shape
    (2, 3)
    """
    _check("uniform_", tensor)
    if not a <= b:
        raise ValueError(f"uniform_ needs a <= b, got a={a} and b={b}")
    if tensor.numel() == 0:
        return tensor
    with on_device(tensor.device):
        return _fill(tensor, mx.random.uniform(a, b, tensor.shape, key=next_key()))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """Numbers from the normal distribution.

    Raises:
        ValueError: std below 0, or the result of a recorded operation.

    >>> import lucid
    >>> lucid.nn.init.normal_(lucid.zeros(3), mean=2.0, std=0.0)
    Tensor([2., 2., 2.], grad=None)
    """
    _check("normal_", tensor)
    if not std >= 0:
        raise ValueError(f"normal_ needs std >= 0, got {std}")
    if tensor.numel() == 0:
        return tensor
    with on_device(tensor.device):
        return _fill(tensor, mx.random.normal(tensor.shape, key=next_key()) * std + mean)


def trunc_normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0
) -> Tensor:
    """Numbers from the normal distribution, redrawn where outside [a, b].

    Raises:
        ValueError: std not above 0, or a not below b.

    >>> import lucid
    >>> bool((lucid.nn.init.trunc_normal_(lucid.zeros(99), a=-1, b=1).abs() <= 1).all())
    True
    """
    _check("trunc_normal_", tensor)
    if not std > 0 or not a < b:
        raise ValueError(f"trunc_normal_ needs std > 0 and a < b, got std={std}, a={a}, b={b}")
    if tensor.numel() == 0:
        return tensor
    with on_device(tensor.device):
        low, high = mx.array((a - mean) / std), mx.array((b - mean) / std)
        values = mx.random.truncated_normal(low, high, tensor.shape, key=next_key()) * std + mean
        return _fill(tensor, mx.clip(values, a, b))


def constant_(tensor: Tensor, value: float) -> Tensor:
    """One value everywhere.

    >>> import lucid
    >>> lucid.nn.init.constant_(lucid.zeros(2), 0.5)
    Tensor([0.5, 0.5], grad=None)
    """
    _check("constant_", tensor)
    with on_device(tensor.device):
        return _fill(tensor, mx.full(tensor.shape, value, tensor.dtype))


def zeros_(tensor: Tensor) -> Tensor:
    """Zeros.

    >>> import lucid
    >>> lucid.nn.init.zeros_(lucid.ones(2))
    Tensor([0., 0.], grad=None)
    """
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """Ones.

    >>> import lucid
    >>> lucid.nn.init.ones_(lucid.zeros(2))
    Tensor([1., 1.], grad=None)
    """
    return constant_(tensor, 1.0)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which weights before a nonlinearity are scaled up.

    Args:
        nonlinearity: "relu", "leaky_relu", "tanh", "selu", "sigmoid", "linear" or a convolution.
        param: the slope of the leaky ReLU; 0.01 if None.

    Raises:
        ValueError: another nonlinearity.

    >>> import lucid
    >>> round(lucid.nn.init.calculate_gain("leaky_relu", 0.2), 4)
    1.3868
    """
    if nonlinearity == "leaky_relu":
        return math.sqrt(2.0 / (1 + (0.01 if param is None else param) ** 2))
    gains = {"tanh": 5 / 3, "relu": math.sqrt(2.0), "selu": 0.75}
    gains |= dict.fromkeys(("linear", "sigmoid", "conv1d", "conv_transpose1d"), 1.0)
    if nonlinearity not in gains:
        raise ValueError(
            f"unknown nonlinearity {nonlinearity!r}; expected one of "
            f"{', '.join(sorted([*gains, 'leaky_relu']))}"
        )
    return gains[nonlinearity]


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """Inputs per output and outputs per input of a weight (out, in, taps...)."""
    if tensor.ndim < 2:
        raise ValueError(f"fan in and fan out need 2 dimensions or more, got shape {tensor.shape}")
    taps = math.prod(tensor.shape[2:])
    return tensor.shape[1] * taps, tensor.shape[0] * taps


def xavier_uniform_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """Uniform with variance gain**2 * 2 / (fan_in + fan_out) (Glorot and Bengio, 2010).

    Shapes: (out, in, taps...); fan_in is in * taps, fan_out is out * taps.

    Raises:
        ValueError: fewer than two dimensions.

    >>> import lucid
    >>> bool((lucid.nn.init.xavier_uniform_(lucid.zeros(3, 3)).abs() <= 1).all())
    True
    """
    bound = gain * math.sqrt(6.0 / max(1, sum(_calculate_fan_in_and_fan_out(tensor))))
    return uniform_(tensor, -bound, bound)


def xavier_normal_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """Normal with variance gain**2 * 2 / (fan_in + fan_out); see `xavier_uniform_`.

    >>> import lucid
    >>> lucid.nn.init.xavier_normal_(lucid.zeros(3, 3), gain=0.0).sum()
    Tensor(0., grad=None)
    """
    fans = max(1, sum(_calculate_fan_in_and_fan_out(tensor)))
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / fans))


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f'mode must be "fan_in" or "fan_out", got {mode!r}')
    fan = _calculate_fan_in_and_fan_out(tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(max(1, fan))


def kaiming_uniform_(
    tensor: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu"
) -> Tensor:
    """Uniform with variance gain**2 / fan (He et al., 2015).

    Shapes: (out, in, taps...); the fan is in * taps, or out * taps with mode="fan_out".

    Args:
        a: the slope of the leaky ReLU that follows.
        nonlinearity: what follows, a name that `calculate_gain` knows.

    Raises:
        ValueError: fewer than two dimensions; another mode or nonlinearity.

    >>> import lucid
    >>> weight = lucid.nn.init.kaiming_uniform_(lucid.zeros(4, 6), nonlinearity="relu")
    >>> bool((weight.abs() <= 1).all())
    True
    """
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound)


def kaiming_normal_(
    tensor: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu"
) -> Tensor:
    """Normal with variance gain**2 / fan; see `kaiming_uniform_`.

    >>> import lucid
    >>> lucid.nn.init.kaiming_normal_(lucid.zeros(4, 6, 3), mode="fan_out").shape
    (4, 6, 3)
    """
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity))


def orthogonal_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """A (semi-)orthogonal matrix of the first dimension and all others (Saxe et al., 2013).

    Raises:
        ValueError: fewer than two dimensions.

    >>> import lucid
    >>> weight = lucid.nn.init.orthogonal_(lucid.zeros(2, 3))
    >>> bool(lucid.allclose(weight @ weight.T, lucid.eye(2), atol=1e-5))
    True
    """
    _check("orthogonal_", tensor)
    if tensor.ndim < 2:
        raise ValueError(f"orthogonal_ needs 2 dimensions or more, got shape {tensor.shape}")
    if tensor.numel() == 0:
        return tensor
    rows = tensor.shape[0]
    columns = tensor.numel() // rows
    with on_device("cpu"):  # MLX has the QR decomposition on the CPU only
        drawn = mx.random.normal((max(rows, columns), min(rows, columns)), key=next_key())
        q, r = mx.linalg.qr(drawn)
        q = q * mx.where(mx.diag(r) < 0, -1.0, 1.0)  # makes the distribution uniform
        q = q.T if rows < columns else q
        return _fill(tensor, gain * q.reshape(tensor.shape))


def eye_(tensor: Tensor) -> Tensor:
    """A matrix that passes its inputs through.

    Raises:
        ValueError: not a matrix.

    >>> import lucid
    >>> lucid.nn.init.eye_(lucid.zeros(2, 3)).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    _check("eye_", tensor)
    if tensor.ndim != 2:
        raise ValueError(f"eye_ needs a matrix, got shape {tensor.shape}")
    return _fill(tensor, mx.eye(tensor.shape[0], tensor.shape[1]))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """A convolution weight (C_out, C_in / groups, K) that passes its inputs through.

    Raises:
        ValueError: fewer than three dimensions, or C_out not divisible by groups.

    >>> import lucid
    >>> lucid.nn.init.dirac_(lucid.zeros(1, 1, 3)).tolist()
    [[[0.0, 1.0, 0.0]]]
    """
    _check("dirac_", tensor)
    if tensor.ndim < 3 or tensor.shape[0] % groups:
        raise ValueError(
            f"dirac_ needs a weight (C_out, C_in, K) with C_out divisible by groups={groups}, "
            f"got shape {tensor.shape}"
        )
    out = tensor.shape[0] // groups
    values = mx.zeros(tensor.shape)
    centre = tuple(k // 2 for k in tensor.shape[2:])
    for g in range(groups):
        for i in range(min(out, tensor.shape[1])):
            values[(g * out + i, i) + centre] = 1.0  # noqa: RUF005 (mypy)
    return _fill(tensor, values)
