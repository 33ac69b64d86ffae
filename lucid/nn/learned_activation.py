"""Activations with parameters: slopes and frequencies that are learned."""

from __future__ import annotations

from typing import Any

from lucid import ops
from lucid.nn.check import positive
from lucid.nn.module import Module
from lucid.nn.parameter import Parameter
from lucid.ops import activation as functions
from lucid.tensor import Tensor


class PReLU(Module):
    """x where positive, else weight * x, the weight being learned (He et al., 2015).

    Args:
        num_parameters: 1, or the number of channels for one slope each.
        init: the first value of the slopes.

    Shapes: x (N, C, ...), any shape with one slope.

    Raises:
        ValueError: at the call, another number of channels.

    >>> import lucid
    >>> lucid.nn.PReLU()(lucid.tensor([-4.0, 4.0])).tolist()
    [-1.0, 4.0]
    """

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.num_parameters, self.init = positive("PReLU", "num_parameters", num_parameters), init
        self.weight = Parameter(Tensor.full((num_parameters,), init, dtype=dtype, device=device))

    def forward(self, input: Tensor) -> Tensor:
        return functions.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class Snake(Module):
    """x + sin(alpha * x)**2 / alpha, for periodic signals (Ziyin et al., 2020).

    Shapes: x (N, C, ...).

    Args:
        in_features: C.
        alpha: the first value of the frequencies.
        alpha_trainable: learn them.
        alpha_logscale: the parameter is the logarithm of alpha, and begins at 0.

    Attributes:
        alpha: (C,), as in BigVGAN's checkpoints.

    Raises:
        ValueError: at the call, another number of channels.

    >>> import lucid
    >>> lucid.nn.Snake(3)(lucid.zeros(2, 3, 5)).shape
    (2, 3, 5)
    """

    names: tuple[str, ...] = ("alpha",)

    def __init__(
        self,
        in_features: int,
        alpha: float = 1.0,
        alpha_trainable: bool = True,
        alpha_logscale: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.in_features = positive(type(self).__name__, "in_features", in_features)
        self.alpha_logscale = alpha_logscale
        first = 0.0 if alpha_logscale else float(alpha)
        for name in self.names:
            values = Tensor.full(self._shape(), first, dtype=dtype, device=device)
            self.register_parameter(name, Parameter(values, requires_grad=alpha_trainable))

    def _shape(self) -> tuple[int, ...]:
        return (self.in_features,)

    def forward(self, input: Tensor) -> Tensor:
        shape = (-1, *[1] * (input.ndim - 2))
        values = [self._parameters[name].reshape(shape) for name in self.names]
        if self.alpha_logscale:
            values = [ops.exp(v) for v in values]
        return functions.snake(input, values[0], values[-1] + 1e-9)

    def extra_repr(self) -> str:
        return f"{self.in_features}, alpha_logscale={self.alpha_logscale}"


class Snake1d(Snake):
    """`Snake` with an alpha of shape (1, C, 1), as in DAC's checkpoints.

    >>> import lucid
    >>> lucid.nn.Snake1d(3).alpha.shape
    (1, 3, 1)
    """

    def _shape(self) -> tuple[int, ...]:
        return (1, self.in_features, 1)


class SnakeBeta(Snake):
    """x + sin(alpha * x)**2 / beta, magnitude and frequency apart (Lee et al., "BigVGAN", 2023).

    The arguments are those of `Snake`; alpha and beta have the shape (C,).

    >>> import lucid
    >>> lucid.nn.SnakeBeta(3)(lucid.zeros(2, 3, 5)).shape
    (2, 3, 5)
    """

    names = ("alpha", "beta")
