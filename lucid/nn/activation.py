"""Activations as modules: one line each over `nn.functional`."""

from __future__ import annotations

from typing import Any

from lucid.nn import functional as F
from lucid.nn.check import positive
from lucid.nn.module import Module
from lucid.nn.parameter import Parameter
from lucid.tensor import Tensor


class _Activation(Module):
    """A function with settings, which `repr` shows."""

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self._settings = settings
        for name, value in settings.items():
            setattr(self, name, value)

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in self._settings)


class ReLU(_Activation):
    """max(x, 0). `inplace` is accepted for torch's sake and changes nothing."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x)


class ReLU6(ReLU):
    """x limited to [0, 6]."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu6(x)


class LeakyReLU(_Activation):
    """x where positive, else negative_slope * x."""

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__(negative_slope=negative_slope)

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x, self.negative_slope)


class ELU(_Activation):
    """x where positive, else alpha * (e**x - 1)."""

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(alpha=alpha)

    def forward(self, x: Tensor) -> Tensor:
        return F.elu(x, self.alpha)


class SELU(ReLU):
    """The self-normalising ELU."""

    def forward(self, x: Tensor) -> Tensor:
        return F.selu(x)


class GELU(_Activation):
    """x * Phi(x); `approximate` is "none" or "tanh"."""

    def __init__(self, approximate: str = "none") -> None:
        super().__init__(approximate=approximate)

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(x, self.approximate)


class SiLU(ReLU):
    """x * sigmoid(x)."""

    def forward(self, x: Tensor) -> Tensor:
        return F.silu(x)


class Mish(ReLU):
    """x * tanh(softplus(x))."""

    def forward(self, x: Tensor) -> Tensor:
        return F.mish(x)


class Sigmoid(_Activation):
    """1 / (1 + e**-x)."""

    def forward(self, x: Tensor) -> Tensor:
        return F.sigmoid(x)


class LogSigmoid(_Activation):
    """log(sigmoid(x))."""

    def forward(self, x: Tensor) -> Tensor:
        return F.logsigmoid(x)


class Tanh(_Activation):
    """The hyperbolic tangent."""

    def forward(self, x: Tensor) -> Tensor:
        return F.tanh(x)


class Softsign(_Activation):
    """x / (1 + |x|)."""

    def forward(self, x: Tensor) -> Tensor:
        return F.softsign(x)


class Softplus(_Activation):
    """log(1 + e**(beta * x)) / beta."""

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__(beta=beta, threshold=threshold)

    def forward(self, x: Tensor) -> Tensor:
        return F.softplus(x, self.beta, self.threshold)


class Hardtanh(_Activation):
    """x limited to [min_val, max_val]."""

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        if not min_val < max_val:
            raise ValueError(f"Hardtanh: min_val={min_val} must be below max_val={max_val}")
        super().__init__(min_val=min_val, max_val=max_val)

    def forward(self, x: Tensor) -> Tensor:
        return F.hardtanh(x, self.min_val, self.max_val)


class Hardsigmoid(ReLU):
    """x / 6 + 1 / 2, limited to [0, 1]."""

    def forward(self, x: Tensor) -> Tensor:
        return F.hardsigmoid(x)


class Hardswish(ReLU):
    """x * hardsigmoid(x)."""

    def forward(self, x: Tensor) -> Tensor:
        return F.hardswish(x)


class GLU(_Activation):
    """a * sigmoid(b) for the two halves of x along `dim`."""

    def __init__(self, dim: int = -1) -> None:
        super().__init__(dim=dim)

    def forward(self, x: Tensor) -> Tensor:
        return F.glu(x, self.dim)


class Softmax(_Activation):
    """e**x divided by its sum along `dim`. torch guesses a dim of None; here it is named."""

    def __init__(self, dim: int = -1) -> None:
        super().__init__(dim=dim)

    def forward(self, x: Tensor) -> Tensor:
        return F.softmax(x, self.dim)


class LogSoftmax(_Activation):
    """The logarithm of softmax along `dim`."""

    def __init__(self, dim: int = -1) -> None:
        super().__init__(dim=dim)

    def forward(self, x: Tensor) -> Tensor:
        return F.log_softmax(x, self.dim)


class PReLU(Module):
    """x where positive, else weight * x, the weight being learned (He et al., 2015).

    Args:
        num_parameters: 1, or the number of channels for one slope each.
        init: the first value of the slopes.

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

    def forward(self, x: Tensor) -> Tensor:
        return F.prelu(x, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"
