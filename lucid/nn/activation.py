"""Activations as modules: a function and its settings."""

from __future__ import annotations

from typing import Any

from lucid import ops
from lucid.nn.applied import Applied
from lucid.ops import activation as functions
from lucid.ops.probabilities import log_softmax, softmax, softmin
from lucid.tensor import Tensor


class _Activation(Applied):
    """A function that in place rebinds its input."""

    def __init__(self, inplace: bool = False, **settings: Any) -> None:
        super().__init__(**settings)
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        y = super().forward(input)
        return input._rebind(y) if self.inplace else y

    def extra_repr(self) -> str:
        return ", ".join(filter(None, [super().extra_repr(), "inplace=True" * self.inplace]))


# Without settings --------------------------------------------------------------------------------


class ReLU(_Activation):
    """max(x, 0)."""

    function = staticmethod(functions.relu)

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace)


class ReLU6(ReLU):
    """x limited to [0, 6]."""

    function = staticmethod(functions.relu6)


class SELU(ReLU):
    """The self-normalising ELU (Klambauer et al., 2017)."""

    function = staticmethod(functions.selu)


class SiLU(ReLU):
    """x * sigmoid(x)."""

    function = staticmethod(functions.silu)


class Mish(ReLU):
    """x * tanh(softplus(x))."""

    function = staticmethod(functions.mish)


class Hardsigmoid(ReLU):
    """x / 6 + 1 / 2, limited to [0, 1]."""

    function = staticmethod(functions.hardsigmoid)


class Hardswish(ReLU):
    """x * hardsigmoid(x)."""

    function = staticmethod(functions.hardswish)


class _Plain(_Activation):
    def __init__(self) -> None:
        super().__init__()


class Sigmoid(_Plain):
    """1 / (1 + e**-x)."""

    function = staticmethod(ops.sigmoid)


class LogSigmoid(_Plain):
    """log(sigmoid(x))."""

    function = staticmethod(functions.logsigmoid)


class Tanh(_Plain):
    """The hyperbolic tangent."""

    function = staticmethod(ops.tanh)


class Tanhshrink(_Plain):
    """x - tanh(x)."""

    function = staticmethod(functions.tanhshrink)


class Softsign(_Plain):
    """x / (1 + |x|)."""

    function = staticmethod(functions.softsign)


class Softmax2d(_Plain):
    """`Softmax` over the channels of (N, C, H, W) or (C, H, W)."""

    @staticmethod
    def function(x: Tensor) -> Tensor:
        if x.ndim not in (3, 4):
            raise ValueError(
                f"Softmax2d expects x of shape (N, C, H, W) or (C, H, W), got {x.shape}"
            )
        return softmax(x, -3)


# With settings -----------------------------------------------------------------------------------


class LeakyReLU(_Activation):
    """x where positive, else negative_slope * x."""

    function = staticmethod(functions.leaky_relu)

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__(inplace, negative_slope=negative_slope)


class RReLU(_Activation):
    """x where positive, else x times a slope: in training drawn for each element from [lower,
    upper], in evaluation the middle of it (Xu et al., 2015)."""

    function = staticmethod(functions.rrelu)

    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3, inplace: bool = False) -> None:
        super().__init__(inplace, lower=lower, upper=upper)

    def forward(self, input: Tensor) -> Tensor:
        y = functions.rrelu(input, self.lower, self.upper, self.training)
        return input._rebind(y) if self.inplace else y


class Threshold(_Activation):
    """x where above the threshold, else `value`."""

    function = staticmethod(functions.threshold)

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__(inplace, threshold=threshold, value=value)


class Hardtanh(_Activation):
    """x limited to [min_val, max_val]."""

    function = staticmethod(functions.hardtanh)

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        if not min_val < max_val:
            raise ValueError(f"Hardtanh: min_val={min_val} must be below max_val={max_val}")
        super().__init__(inplace, min_val=min_val, max_val=max_val)


class Hardshrink(_Activation):
    """x, and 0 where |x| <= lambd."""

    function = staticmethod(functions.hardshrink)

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__(lambd=lambd)


class Softshrink(_Activation):
    """x moved towards 0 by lambd, and 0 where |x| <= lambd."""

    function = staticmethod(functions.softshrink)

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__(lambd=lambd)


class ELU(_Activation):
    """x where positive, else alpha * (e**x - 1)."""

    function = staticmethod(functions.elu)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace, alpha=alpha)


class CELU(ELU):
    """x where positive, else alpha * (e**(x / alpha) - 1)."""

    function = staticmethod(functions.celu)


class GELU(_Activation):
    """x * Phi(x); `approximate` is "none" or "tanh"."""

    function = staticmethod(functions.gelu)

    def __init__(self, approximate: str = "none") -> None:
        super().__init__(approximate=approximate)


class Softplus(_Activation):
    """log(1 + e**(beta * x)) / beta."""

    function = staticmethod(functions.softplus)

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__(beta=beta, threshold=threshold)


class GLU(_Activation):
    """a * sigmoid(b) for the two halves of x along `dim`."""

    function = staticmethod(functions.glu)

    def __init__(self, dim: int = -1) -> None:
        super().__init__(dim=dim)


class Softmax(_Activation):
    """e**x divided by its sum along `dim`; None is guessed, with a warning, as in torch."""

    function = staticmethod(softmax)

    def __init__(self, dim: int | None = None) -> None:
        super().__init__(dim=dim)


class Softmin(Softmax):
    """The softmax of -x."""

    function = staticmethod(softmin)


class LogSoftmax(Softmax):
    """The logarithm of softmax along `dim`."""

    function = staticmethod(log_softmax)
