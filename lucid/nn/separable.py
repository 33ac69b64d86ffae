"""`SeparableConv1d`: Keras' SeparableConv1D, every argument of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from lucid import ops
from lucid.nn import keras
from lucid.nn.check import positive, single
from lucid.nn.conv import Conv1d, separable
from lucid.nn.convolution import Sides, convolve, padding_sides
from lucid.nn.module import Module
from lucid.nn.parameter import Parameter
from lucid.tensor import Tensor

_FORMATS = ("channels_first", "channels_last")


class SeparableConv1d(Module):
    """A depthwise convolution, a pointwise one, a bias and an activation: Keras' SeparableConv1D.

    Keras' `filters`, `strides`, `dilation_rate` and `use_bias` are called `out_channels`, `stride`,
    `dilation` and `bias`; the other arguments keep their names. Initializers, regularizers,
    constraints and the activation are a callable, Keras' name, or what Keras' `get_config()` holds
    for them. They see the kernels in Keras' layout: depthwise (K, C_in, m), pointwise
    (1, C_in*m, C_out).

    Shapes: x (N, C_in, L) -> (N, C_out, L_out), or (N, L, C_in) -> (N, L_out, C_out) with
    `data_format="channels_last"`; both also without N. L_out is that of `Conv1d`, and ceil(L/s) for
    "same".

    Args:
        in_channels: C_in.
        out_channels: C_out.
        kernel_size, stride, dilation: of the depthwise convolution. Keras forbids a stride together
            with a dilation; here both work.
        padding: "valid"; "same", with zeros such that L_out = ceil(L/s), the odd one to the right;
            "causal", d(K-1) zeros on the left; or an int.
        depth_multiplier: m, depthwise filters per input channel.
        data_format: "channels_first" or "channels_last".
        activation: applied to the output.
        bias: add a bias after the pointwise convolution.
        depthwise_initializer, pointwise_initializer, bias_initializer: shape -> values.
        depthwise_regularizer, pointwise_regularizer, bias_regularizer: weight -> penalty; their sum
            is `regularization_loss()`.
        activity_regularizer: output -> penalty, divided by N; of the latest call.
        depthwise_constraint, pointwise_constraint, bias_constraint: weight -> weight, applied after
            each step of an optimizer.
        trainable: whether the weights require grad.
        device, dtype: of the parameters.

    Attributes:
        depthwise: holds weight (C_in*m, 1, K); filter j of channel c is c*m + j.
        pointwise: holds weight (C_out, C_in*m, 1) and bias (C_out,) or None.

    Raises:
        ValueError, TypeError: settings that make no sense, or an input that does not fit.

    >>> import lucid
    >>> layer = lucid.nn.SeparableConv1d(3, 8, 5, stride=2, padding="same", activation="relu",
    ...                                  depthwise_regularizer="l2")
    >>> layer(lucid.randn(4, 3, 9)).shape
    (4, 8, 5)
    >>> layer.regularization_loss().item() > 0
    True
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: str | int | tuple[int, ...] = "valid",
        dilation: int | tuple[int, ...] = 1,
        depth_multiplier: int = 1,
        data_format: str = "channels_first",
        activation: Any = None,
        bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        trainable: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        name = "SeparableConv1d"
        self.depth_multiplier = positive(name, "depth_multiplier", depth_multiplier)
        middle = positive(name, "in_channels", in_channels) * depth_multiplier
        if data_format not in _FORMATS:
            raise ValueError(
                f"{name}: data_format must be one of {', '.join(_FORMATS)}, got {data_format!r}"
            )
        if not isinstance(trainable, bool):
            raise TypeError(f"{name}: trainable must be a bool, got {trainable!r}")
        self.data_format = data_format
        self.padding = _checked_padding(name, padding, kernel_size, stride, dilation)
        new = {"device": device, "dtype": dtype}
        self.depthwise = Conv1d(
            in_channels, middle, kernel_size, stride, dilation=dilation, groups=in_channels,
            bias=False, **new,
        )  # fmt: skip
        self.pointwise = Conv1d(middle, out_channels, 1, bias=bias, **new)
        self.activation = keras.resolve("activation", keras.ACTIVATIONS, activation)
        self.activity_regularizer = _regularizer(activity_regularizer)
        self._penalties: list[tuple[Parameter, Callable, Callable]] = []
        self._activity: Tensor | None = None
        parts = [
            (self.depthwise.weight, self._depthwise_kernel, self._depthwise_weight,
             depthwise_initializer or "glorot_uniform",
             depthwise_regularizer, depthwise_constraint),
            (self.pointwise.weight, _pointwise_kernel, _pointwise_weight,
             pointwise_initializer or "glorot_uniform",
             pointwise_regularizer, pointwise_constraint),
            (self.pointwise.bias, _same, _same,
             bias_initializer or "zeros", bias_regularizer, bias_constraint),
        ]  # fmt: skip
        for parameter, to_keras, from_keras, initializer, regularizer, constraint in parts:
            if parameter is None:
                continue
            fill = keras.resolve("initializer", keras.INITIALIZERS, initializer)
            assert fill is not None
            shape = to_keras(parameter.detach()).shape
            parameter.data = from_keras(keras.initial(fill, shape)).to(parameter.dtype)
            penalty = _regularizer(regularizer)
            if penalty is not None:
                self._penalties.append((parameter, to_keras, penalty))
            parameter.constraint = _constraint(constraint, to_keras, from_keras)
            parameter.requires_grad_(trainable)

    def forward(self, x: Tensor) -> Tensor:
        last = self.data_format == "channels_last"
        if last and isinstance(x, Tensor) and x.ndim in (2, 3):
            x = ops.transpose(x, -1, -2)
        depthwise = self.depthwise
        sides = self._sides(x.shape[-1]) if isinstance(x, Tensor) and x.ndim else (0, 0)
        activation = self.activation
        y = separable(x, depthwise, self.pointwise, sides, relu=activation is ops.relu)
        if y is None:
            _, s, d = depthwise._steps()
            y = convolve(
                "SeparableConv1d", x, depthwise.weight, None, stride=s, sides=sides, dilation=d,
                groups=depthwise.groups,
            )  # fmt: skip
            y = self.pointwise(y)
        elif activation is ops.relu:
            activation = None
        if last:
            y = ops.transpose(y, -1, -2)
        if activation is not None:
            y = activation(y)
        if self.activity_regularizer is not None:
            batch = y.shape[0] if y.ndim == 3 else 1
            self._activity = self.activity_regularizer(y) / max(batch, 1)
        return y

    def _sides(self, L: int) -> Sides:
        """The zeros left and right of an input of length L."""
        K, s, d = self.depthwise._steps()
        if self.padding != "same":
            return padding_sides("SeparableConv1d", self.padding, K, s, d)
        outputs = -(-L // s)
        total = max((outputs - 1) * s + d * (K - 1) + 1 - L, 0)
        return total // 2, total - total // 2

    def __getstate__(self) -> dict[str, Any]:
        """What a copy or a pickle holds: not the activity of a call, with its graph."""
        return {**self.__dict__, "_activity": None}

    def _regularization(self) -> Tensor | None:
        terms = [penalty(to_keras(p)) for p, to_keras, penalty in self._penalties]
        if self._activity is not None:
            terms.append(self._activity)
        return sum(terms[1:], terms[0]) if terms else None

    def _depthwise_kernel(self, weight: Tensor) -> Tensor:
        """(C_in*m, 1, K) -> (K, C_in, m)."""
        m, K = self.depth_multiplier, weight.shape[-1]
        return weight.reshape(-1, m, K).permute(2, 0, 1)

    def _depthwise_weight(self, kernel: Tensor) -> Tensor:
        """(K, C_in, m) -> (C_in*m, 1, K)."""
        return kernel.permute(1, 2, 0).reshape(-1, 1, kernel.shape[0])

    @classmethod
    def from_keras(cls, config: Mapping[str, Any], weights: Sequence[Any]) -> SeparableConv1d:
        """The layer of a Keras layer's `get_config()` and `get_weights()`.

        Args:
            config: the dict; the data format is Keras', "channels_last" unless it says otherwise.
                Parameters have the dtype that its policy gives to variables.
            weights: depthwise kernel (K, C_in, m), pointwise kernel (1, C_in*m, C_out), and the
                bias (C_out,) where there is one.

        Raises:
            ValueError: weights whose number or shapes do not fit the config.

        >>> import lucid
        >>> import numpy as np
        >>> config = {"filters": 4, "kernel_size": (3,), "padding": "same"}
        >>> weights = [np.zeros((3, 2, 1)), np.zeros((1, 2, 4)), np.zeros(4)]
        >>> lucid.nn.SeparableConv1d.from_keras(config, weights).in_channels
        2
        """
        missing = [name for name in ("filters", "kernel_size") if name not in config]
        if missing:
            raise ValueError(f"SeparableConv1d.from_keras: the config lacks {', '.join(missing)}")
        renamed = {"filters": "out_channels", "strides": "stride", "dilation_rate": "dilation",
                   "use_bias": "bias"}  # fmt: skip
        kept = ("kernel_size", "padding", "depth_multiplier", "data_format", "activation",
                "depthwise_initializer", "pointwise_initializer", "bias_initializer",
                "depthwise_regularizer", "pointwise_regularizer", "bias_regularizer",
                "activity_regularizer", "depthwise_constraint", "pointwise_constraint",
                "bias_constraint", "trainable")  # fmt: skip
        arguments = {ours: config[theirs] for theirs, ours in renamed.items() if theirs in config}
        arguments |= {name: config[name] for name in kept if name in config}
        if arguments.get("data_format") is None:
            arguments["data_format"] = "channels_last"
        arguments["dtype"] = keras.variable_dtype(config.get("dtype"))
        bias = arguments.get("bias", True)
        if len(weights) != 2 + bias:
            raise ValueError(
                f"SeparableConv1d.from_keras expects {2 + bias} weight arrays (depthwise, "
                f"pointwise{', bias' if bias else ''}), got {len(weights)}"
            )
        arrays = [Tensor(w, dtype=arguments["dtype"]) for w in weights]
        if arrays[0].ndim != 3:
            raise ValueError(
                "SeparableConv1d.from_keras expects a depthwise kernel of shape "
                f"(kernel_size, in_channels, depth_multiplier), got {arrays[0].shape}"
            )
        layer = cls(arrays[0].shape[1], **arguments)
        state = {
            "depthwise.weight": layer._depthwise_weight(arrays[0]),
            "pointwise.weight": _pointwise_weight(arrays[1]),
        }
        if bias:
            state["pointwise.bias"] = arrays[2]
        layer.load_state_dict(state)
        return layer

    @property
    def in_channels(self) -> int:
        return self.depthwise.in_channels

    @property
    def out_channels(self) -> int:
        return self.pointwise.out_channels

    def extra_repr(self) -> str:
        shown = f"padding={self.padding!r}"
        if self.depth_multiplier != 1:
            shown += f", depth_multiplier={self.depth_multiplier}"
        return shown if self.data_format == _FORMATS[0] else f"{shown}, data_format='channels_last'"


def _checked_padding(name: str, padding: Any, kernel_size: Any, stride: Any, dilation: Any) -> Any:
    """A padding as it will be kept: a known word in lower case, or an int."""
    if isinstance(padding, str):
        padding = padding.lower()
    if padding == "same":
        return padding
    K, s = single(name, "kernel_size", kernel_size), single(name, "stride", stride)
    sides = padding_sides(name, padding, K, s, single(name, "dilation", dilation))
    return padding if isinstance(padding, str) else sides[0]


def _regularizer(given: Any) -> Callable[..., Tensor] | None:
    return keras.resolve("regularizer", keras.REGULARIZERS, given)


def _constraint(given: Any, to_keras: Callable, from_keras: Callable) -> Callable | None:
    constrain = keras.resolve("constraint", keras.CONSTRAINTS, given)
    if constrain is None:
        return None
    return partial(_constrained, constrain, to_keras, from_keras)


def _constrained(
    constrain: Callable, to_keras: Callable, from_keras: Callable, weight: Tensor
) -> Tensor:
    return from_keras(constrain(to_keras(weight)))


def _pointwise_kernel(weight: Tensor) -> Tensor:
    """(C_out, C_in*m, 1) -> (1, C_in*m, C_out), and back by `_pointwise_weight`."""
    return weight.permute(2, 1, 0)


_pointwise_weight = _pointwise_kernel  # exchanging the first and the last axis undoes itself


def _same(bias: Tensor) -> Tensor:
    return bias
