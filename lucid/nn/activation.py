"""Activations as modules: a function and its settings."""

from __future__ import annotations

from typing import Any

from lucid import ops
from lucid.nn.applied import Applied
from lucid.ops import activation as functions
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
    """`nn.functional.relu`: max(x, 0), element by element.

    Args:
        inplace: bind the input to the result, too.

    >>> import lucid
    >>> lucid.nn.ReLU()(lucid.tensor([-1.0, 2.0]))
    Tensor([0., 2.], grad=None)
    """

    function = staticmethod(functions.relu)

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace)


class ReLU6(ReLU):
    """`nn.functional.relu6`: x limited to [0, 6], element by element.

    >>> import lucid
    >>> lucid.nn.ReLU6()(lucid.tensor([-1.0, 2.0, 9.0]))
    Tensor([0., 2., 6.], grad=None)
    """

    function = staticmethod(functions.relu6)


class SELU(ReLU):
    """The self-normalising ELU, element by element (Klambauer et al., 2017).

    1.0507 * x where positive, else 1.7581 * (e**x - 1): keeps mean 0 and variance 1.

    >>> import lucid
    >>> lucid.nn.SELU()(lucid.tensor([-100.0, 1.0]))
    Tensor([-1.7581,  1.0507], grad=None)
    """

    function = staticmethod(functions.selu)


class SiLU(ReLU):
    """x * sigmoid(x), element by element; also called swish (Ramachandran et al., 2017).

    >>> import lucid
    >>> lucid.nn.SiLU()(lucid.tensor([0.0, 1.0]))
    Tensor([0.    , 0.7311], grad=None)
    """

    function = staticmethod(functions.silu)


class Mish(ReLU):
    """x * tanh(softplus(x)), element by element (Misra, 2019).

    >>> import lucid
    >>> lucid.nn.Mish()(lucid.tensor([0.0, 1.0]))
    Tensor([0.    , 0.8651], grad=None)
    """

    function = staticmethod(functions.mish)


class Hardsigmoid(ReLU):
    """x / 6 + 1 / 2, limited to [0, 1], element by element.

    >>> import lucid
    >>> lucid.nn.Hardsigmoid()(lucid.tensor([-3.0, 0.0, 3.0]))
    Tensor([0. , 0.5, 1. ], grad=None)
    """

    function = staticmethod(functions.hardsigmoid)


class Hardswish(ReLU):
    """x * hardsigmoid(x), element by element (Howard et al., 2019).

    >>> import lucid
    >>> lucid.nn.Hardswish()(lucid.tensor([0.0, 1.5, 3.0]))
    Tensor([0.   , 1.125, 3.   ], grad=None)
    """

    function = staticmethod(functions.hardswish)


class _Plain(_Activation):
    def __init__(self) -> None:
        super().__init__()


class Sigmoid(_Plain):
    """1 / (1 + e**-x), element by element.

    >>> import lucid
    >>> lucid.nn.Sigmoid()(lucid.zeros(1))
    Tensor([0.5], grad=None)
    """

    function = staticmethod(ops.sigmoid)


class LogSigmoid(_Plain):
    """log(sigmoid(x)), element by element, without underflow.

    >>> import lucid
    >>> lucid.nn.LogSigmoid()(lucid.tensor([-1000.0]))
    Tensor([-1000.], grad=None)
    """

    function = staticmethod(functions.logsigmoid)


class Tanh(_Plain):
    """The hyperbolic tangent, element by element.

    >>> import lucid
    >>> lucid.nn.Tanh()(lucid.tensor([0.0, 1.0]))
    Tensor([0.    , 0.7616], grad=None)
    """

    function = staticmethod(ops.tanh)


class Tanhshrink(_Plain):
    """x - tanh(x), element by element.

    >>> import lucid
    >>> lucid.nn.Tanhshrink()(lucid.tensor([0.0, 1.0]))
    Tensor([0.    , 0.2384], grad=None)
    """

    function = staticmethod(functions.tanhshrink)


class Softsign(_Plain):
    """x / (1 + |x|), element by element.

    >>> import lucid
    >>> lucid.nn.Softsign()(lucid.tensor([-1.0, 3.0]))
    Tensor([-0.5 ,  0.75], grad=None)
    """

    function = staticmethod(functions.softsign)


# With settings -----------------------------------------------------------------------------------


class LeakyReLU(_Activation):
    """x where positive, else negative_slope * x, element by element.

    >>> import lucid
    >>> lucid.nn.LeakyReLU(0.5)(lucid.tensor([-4.0, 4.0]))
    Tensor([-2.,  4.], grad=None)
    """

    function = staticmethod(functions.leaky_relu)

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__(inplace, negative_slope=negative_slope)


class RReLU(_Activation):
    """x where positive, else x times a slope: in training drawn for each element from [lower,
    upper], in evaluation the middle of it (Xu et al., 2015).

    Raises:
        ValueError: at the call, lower above upper.

    >>> import lucid
    >>> lucid.nn.RReLU(0.25, 0.75).eval()(lucid.tensor([-4.0, 4.0]))
    Tensor([-2.,  4.], grad=None)
    """

    function = staticmethod(functions.rrelu)

    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3, inplace: bool = False) -> None:
        super().__init__(inplace, lower=lower, upper=upper)

    def forward(self, input: Tensor) -> Tensor:
        y = functions.rrelu(input, self.lower, self.upper, self.training)
        return input._rebind(y) if self.inplace else y


class Threshold(_Activation):
    """x where above the threshold, else `value`, element by element.

    >>> import lucid
    >>> lucid.nn.Threshold(1.0, -5.0)(lucid.tensor([1.0, 2.0]))
    Tensor([-5.,  2.], grad=None)
    """

    function = staticmethod(functions.threshold)

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__(inplace, threshold=threshold, value=value)


class Hardtanh(_Activation):
    """x limited to [min_val, max_val], element by element; no gradient at the ends.

    Raises:
        ValueError: min_val not below max_val.

    >>> import lucid
    >>> lucid.nn.Hardtanh()(lucid.tensor([-3.0, 0.5]))
    Tensor([-1. ,  0.5], grad=None)
    """

    function = staticmethod(functions.hardtanh)

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        if not min_val < max_val:
            raise ValueError(f"Hardtanh: min_val={min_val} must be below max_val={max_val}")
        super().__init__(inplace, min_val=min_val, max_val=max_val)


class Hardshrink(_Activation):
    """x, and 0 where |x| <= lambd, element by element.

    >>> import lucid
    >>> lucid.nn.Hardshrink(1.0)(lucid.tensor([-3.0, 0.5]))
    Tensor([-3.,  0.], grad=None)
    """

    function = staticmethod(functions.hardshrink)

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__(lambd=lambd)


class Softshrink(_Activation):
    """x moved towards 0 by lambd, and 0 where |x| <= lambd.

    Raises:
        ValueError: at the call, lambd below 0.

    >>> import lucid
    >>> lucid.nn.Softshrink(1.0)(lucid.tensor([-3.0, 0.5]))
    Tensor([-2.,  0.], grad=None)
    """

    function = staticmethod(functions.softshrink)

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__(lambd=lambd)


class ELU(_Activation):
    """x where positive, else alpha * (e**x - 1), element by element (Clevert et al., 2016).

    >>> import lucid
    >>> lucid.nn.ELU(2.0)(lucid.tensor([-100.0, 1.0]))
    Tensor([-2.,  1.], grad=None)
    """

    function = staticmethod(functions.elu)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace, alpha=alpha)


class CELU(ELU):
    """x where positive, else alpha * (e**(x / alpha) - 1), element by element (Barron, 2017).

    Raises:
        ZeroDivisionError: at the call, an alpha of 0.

    >>> import lucid
    >>> lucid.nn.CELU(2.0)(lucid.tensor([-100.0, 1.0]))
    Tensor([-2.,  1.], grad=None)
    """

    function = staticmethod(functions.celu)


class GELU(_Activation):
    """x * Phi(x), Phi the normal distribution (Hendrycks and Gimpel, 2016).

    Args:
        approximate: "none" for the error function, or "tanh" for its approximation.

    Raises:
        ValueError: at the call, another `approximate`.

    >>> import lucid
    >>> lucid.nn.GELU()(lucid.tensor([0.0, 1.0]))
    Tensor([0.    , 0.8413], grad=None)
    """

    function = staticmethod(functions.gelu)

    def __init__(self, approximate: str = "none") -> None:
        super().__init__(approximate=approximate)


class Softplus(_Activation):
    """log(1 + e**(beta * x)) / beta, and x itself where beta * x passes the threshold.

    >>> import lucid
    >>> lucid.nn.Softplus()(lucid.tensor([0.0, 50.0]))
    Tensor([ 0.6931, 50.    ], grad=None)
    """

    function = staticmethod(functions.softplus)

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__(beta=beta, threshold=threshold)


class GLU(_Activation):
    """a * sigmoid(b) for the two halves of x along `dim` (Dauphin et al., 2017).

    Shapes: (..., 2C, ...) -> (..., C, ...).

    Raises:
        ValueError: an odd size along `dim`.

    >>> import lucid
    >>> lucid.nn.GLU(dim=1)(lucid.ones(2, 6, 5)).shape
    (2, 3, 5)
    """

    function = staticmethod(functions.glu)

    def __init__(self, dim: int = -1) -> None:
        super().__init__(dim=dim)
