"""One step of a recurrent layer: `RNNCell`, `LSTMCell`, `GRUCell`."""

from __future__ import annotations

import math
from typing import Any

from lucid import ops
from lucid.nn import init
from lucid.nn.check import floating, positive
from lucid.nn.module import Module
from lucid.nn.parameter import Parameter
from lucid.ops.recurrent import recurrent
from lucid.ops.recurrent_cells import CELLS
from lucid.tensor import Tensor


class RNNCellBase(Module):
    """What `RNNCell`, `LSTMCell` and `GRUCell` share: one step, with its parameters.

    >>> import lucid
    >>> isinstance(lucid.nn.GRUCell(3, 4), lucid.nn.RNNCellBase)
    True
    """

    mode = ""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool, device: Any, dtype: Any
    ) -> None:
        super().__init__()
        name, new = type(self).__name__, {"device": device, "dtype": dtype}
        self.input_size = positive(name, "input_size", input_size)
        self.hidden_size = positive(name, "hidden_size", hidden_size)
        self.bias = bool(bias)
        rows = CELLS[self.mode].gates * hidden_size
        self.weight_ih = Parameter(Tensor.zeros(rows, input_size, **new))
        self.weight_hh = Parameter(Tensor.zeros(rows, hidden_size, **new))
        for label in ("bias_ih", "bias_hh"):
            self.register_parameter(label, Parameter(Tensor.zeros(rows, **new)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Uniform on +-1/sqrt(hidden_size), weights and biases."""
        bound = 1 / math.sqrt(self.hidden_size)
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    def _step(self, input: Tensor, hx: Any) -> tuple[Tensor, ...]:
        name = type(self).__name__
        floating(name, input)
        if input.ndim not in (1, 2) or input.shape[-1] != self.input_size:
            raise ValueError(
                f"{name} expects an input of shape (N, {self.input_size}) or "
                f"({self.input_size},), got {input.shape}"
            )
        count = 2 if self.mode == "LSTM" else 1
        shape = (*input.shape[:-1], self.hidden_size)
        given = () if hx is None else (hx,) if isinstance(hx, Tensor) else tuple(hx)
        if hx is not None and [h.shape for h in given] != [shape] * count:
            raise ValueError(
                f"{name} expects a hidden state of {count} x {shape}, got "
                f"{[h.shape for h in given]}"
            )
        x, h, c, *_ = *(ops.reshape(t, 1, -1, t.shape[-1]) for t in (input, *given)), None, None
        _, *ends = recurrent(x, h, c, *weights(self, ""), cell=self.mode)
        return tuple(ops.reshape(h, shape) for h in ends)

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


class RNNCell(RNNCellBase):
    """One step of `RNN`.

    Shapes: x (N, input_size) or (input_size,), and h (N, hidden_size), zeros if left out -> the
    new h.

    Raises:
        ValueError, TypeError: another nonlinearity; an input or a state that does not fit.

    >>> import lucid
    >>> lucid.nn.RNNCell(3, 4)(lucid.randn(2, 3)).shape
    (2, 4)
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh",
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        self.mode, self.nonlinearity = plain_mode("RNNCell", nonlinearity), nonlinearity
        super().__init__(input_size, hidden_size, bias, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._step(input, hx)[0]

    def extra_repr(self) -> str:
        plain = self.nonlinearity == "tanh"
        return super().extra_repr() + ("" if plain else f", nonlinearity={self.nonlinearity}")


class LSTMCell(RNNCellBase):
    """One step of `LSTM`.

    Shapes: x (N, input_size) or (input_size,), and a tuple of h and c, both (N, hidden_size),
    zeros if left out -> the new h and c.

    Raises:
        ValueError, TypeError: an input or a state that does not fit.

    >>> import lucid
    >>> h, c = lucid.nn.LSTMCell(3, 4)(lucid.randn(2, 3))
    >>> h.shape, c.shape
    ((2, 4), (2, 4))
    """

    mode = "LSTM"

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(input_size, hidden_size, bias, device, dtype)

    def forward(self, input: Tensor, hx: Any = None) -> tuple[Tensor, ...]:
        return self._step(input, hx)


class GRUCell(RNNCellBase):
    """One step of `GRU`.

    Shapes: x (N, input_size) or (input_size,), and h (N, hidden_size), zeros if left out -> the
    new h.

    Raises:
        ValueError, TypeError: an input or a state that does not fit.

    >>> import lucid
    >>> lucid.nn.GRUCell(3, 4)(lucid.randn(2, 3)).shape
    (2, 4)
    """

    mode = "GRU"

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(input_size, hidden_size, bias, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._step(input, hx)[0]


def plain_mode(name: str, nonlinearity: str) -> str:
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f'{name}: nonlinearity must be "tanh" or "relu", got {nonlinearity!r}')
    return f"RNN_{nonlinearity.upper()}"


def weights(layer: Module, suffix: str) -> list[Tensor | None]:
    """Those of one direction of a layer, in the order of `ops.recurrent`."""
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
    return [getattr(layer, name + suffix, None) for name in names]
