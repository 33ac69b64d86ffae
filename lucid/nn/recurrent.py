"""Recurrent layers: `RNN`, `LSTM`, `GRU`."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from lucid import ops
from lucid.nn import functional as F
from lucid.nn import init
from lucid.nn.check import floating, integer, positive
from lucid.nn.module import Module
from lucid.nn.parameter import Parameter
from lucid.nn.recurrent_cell import plain_mode, weights
from lucid.nn.utils.rnn import PackedSequence, padded, repacked
from lucid.ops.autocast import active
from lucid.ops.recurrent import recurrent
from lucid.ops.recurrent_cells import CELLS
from lucid.tensor import Tensor


class RNNBase(Module):
    """What `RNN`, `LSTM` and `GRU` share: parameters, layers, directions, packed sequences.

    Args:
        mode: "LSTM", "GRU", "RNN_TANH" or "RNN_RELU".

    All other arguments are those of the layers.

    >>> import lucid
    >>> lucid.nn.RNNBase("GRU", 3, 4)(lucid.ones(5, 3))[0].shape
    (5, 4)
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if mode not in CELLS:
            raise ValueError(f"{name}: mode must be one of {', '.join(CELLS)}, got {mode!r}")
        self.mode = mode
        self.input_size = positive(name, "input_size", input_size)
        self.hidden_size = positive(name, "hidden_size", hidden_size)
        self.num_layers = positive(name, "num_layers", num_layers)
        for label, value in (("bias", bias), ("batch_first", batch_first)):
            if not isinstance(value, bool):
                raise TypeError(f"{name}: {label} must be a bool, got {value!r}")
        self.bias, self.batch_first, self.bidirectional = bias, batch_first, bool(bidirectional)
        if isinstance(dropout, bool) or not isinstance(dropout, int | float):
            raise TypeError(f"{name}: dropout must be a number, got {dropout!r}")
        if not 0 <= dropout <= 1:
            raise ValueError(f"{name}: dropout must be a probability from 0 to 1, got {dropout}")
        if dropout > 0 and num_layers == 1:
            warnings.warn(
                f"{name}: dropout acts between layers, so with num_layers=1 dropout={dropout} "
                "does nothing",
                stacklevel=3,
            )
        self.dropout = float(dropout)
        self.proj_size = integer(name, "proj_size", proj_size, 0)
        if proj_size and mode != "LSTM":
            raise ValueError(f"{name}: only an LSTM takes proj_size, got proj_size={proj_size}")
        if proj_size >= hidden_size:
            raise ValueError(
                f"{name}: proj_size must be smaller than hidden_size={hidden_size}, got {proj_size}"
            )
        for layer, suffix in self._directions():
            self._make(layer, suffix, {"device": device, "dtype": dtype})
        self.reset_parameters()

    @property
    def _output_size(self) -> int:
        """Of one direction."""
        return self.proj_size or self.hidden_size

    def _directions(self) -> list[tuple[int, str]]:
        """Number and name of every layer in every direction."""
        ends = ("", "_reverse") if self.bidirectional else ("",)
        return [(i, f"_l{i}{end}") for i in range(self.num_layers) for end in ends]

    def _make(self, layer: int, suffix: str, new: dict[str, Any]) -> None:
        rows = CELLS[self.mode].gates * self.hidden_size
        below = self._output_size * (2 if self.bidirectional else 1)
        shapes: dict[str, tuple[int, ...]] = {
            "weight_ih": (rows, below if layer else self.input_size),
            "weight_hh": (rows, self._output_size),
        }
        if self.bias:
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        if self.proj_size:
            shapes |= {"weight_hr": (self.proj_size, self.hidden_size)}
        for name, shape in shapes.items():
            self.register_parameter(name + suffix, Parameter(Tensor.zeros(shape, **new)))

    def reset_parameters(self) -> None:
        """Uniform on +-1/sqrt(hidden_size), weights and biases."""
        bound = 1 / math.sqrt(self.hidden_size)
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    def flatten_parameters(self) -> None:
        """Nothing to do: for cuDNN, torch lays the weights out one after the other."""

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of every layer and direction."""
        return [
            [p for name, p in self._parameters.items() if p is not None and name.endswith(suffix)]
            for _, suffix in self._directions()
        ]

    def forward(self, input: Any, hx: Any = None) -> Any:
        """The outputs of all steps, and the last one of each layer and direction.

        Args:
            input: (L, N, input_size), (L, input_size), or a `PackedSequence`.
            hx: the first outputs, (D*num_layers, N, H_out), zeros if None; for an LSTM a tuple
                with the first states (D*num_layers, N, hidden_size).
        """
        if isinstance(input, PackedSequence):
            return self._packed(input, hx)
        self._check_input(input, (2, 3))
        self._check_dtype(input)
        batched = input.ndim == 3
        if not batched:
            input, hx = ops.unsqueeze(input, 1), _each(hx, lambda h: ops.unsqueeze(h, 1))
        elif self.batch_first:
            input = ops.transpose(input, 0, 1)
        y, ends = self._layers(input, self._start(input, hx, batched), None)
        if not batched:
            return ops.squeeze(y, 1), _each(ends, lambda h: ops.squeeze(h, 1))
        return (ops.transpose(y, 0, 1) if self.batch_first else y), ends

    def _packed(self, input: PackedSequence, hx: Any) -> Any:
        self._check_input(input.data, (2,))
        self._check_dtype(input.data)
        x, present = padded(input)
        order, back = input.sorted_indices, input.unsorted_indices
        if hx is not None and order is not None:
            hx = _each(hx, lambda h: ops.index_select(h, 1, order))
        y, ends = self._layers(x, self._start(x, hx, True), present)
        if back is not None:
            ends = _each(ends, lambda h: ops.index_select(h, 1, back))
        return repacked(y, present, input), ends

    def _layers(self, x: Tensor, start: tuple[Tensor, ...], present: np.ndarray | None) -> Any:
        """All layers on (L, N, C)."""
        whole = present is None or bool(present.all())
        mask = None if whole else Tensor(present, device=x.device).array
        finals = []
        for layer in range(self.num_layers):
            if layer:
                x = F.dropout(x, self.dropout, self.training)
            suffixes = [suffix for i, suffix in self._directions() if i == layer]
            first, last = layer * len(suffixes), (layer + 1) * len(suffixes)
            h, c, *_ = *(s[first:last] for s in start), None, None
            given = [w for suffix in suffixes for w in weights(self, suffix)]
            x, *ends = recurrent(x, h, c, *given, cell=self.mode, mask=mask)
            finals.append(ends)
        ends = tuple(ops.cat(list(several)) for several in zip(*finals, strict=True))
        return x, ends if self.mode == "LSTM" else ends[0]

    def _check_input(self, x: Any, ranks: tuple[int, ...]) -> None:
        name = type(self).__name__
        floating(name, x)
        if x.ndim not in ranks or x.shape[-1] != self.input_size or 0 in x.shape[:1]:
            shape = (
                f"(N, L, {self.input_size})" if self.batch_first else f"(L, N, {self.input_size})"
            )
            raise ValueError(
                f"{name} expects an input of shape {shape} or (L, {self.input_size}), with at "
                f"least one step, got {x.shape}"
            )

    def _check_dtype(self, x: Tensor) -> None:
        dtype = self.weight_hh_l0.dtype
        if x.dtype != dtype and active.get() is None:  # autocast converts both
            raise TypeError(
                f"{type(self).__name__}: the input is of {x.dtype}, the weights are of {dtype}; "
                "convert the input with x.to(...), or the layer with layer.to(...)"
            )

    def _start(self, x: Tensor, hx: Any, batched: bool) -> tuple[Tensor, ...]:
        """The first outputs (and states), checked; none stand for zeros."""
        count = len(self._directions())
        sizes = [self._output_size, *([self.hidden_size] if self.mode == "LSTM" else [])]
        shapes = [(count, x.shape[1], size) for size in sizes]
        if hx is None:
            return ()
        given = (hx,) if isinstance(hx, Tensor) else tuple(hx)
        if [h.shape for h in given] != shapes:
            batch = "" if batched else " (without the 1 for an unbatched input)"
            raise ValueError(
                f"{type(self).__name__} expects a hidden state of shapes {shapes}{batch}, got "
                f"{[h.shape for h in given]}"
            )
        return given

    def extra_repr(self) -> str:
        shown = [f"{self.input_size}, {self.hidden_size}"]
        defaults = {"proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False,
                    "dropout": 0.0, "bidirectional": False}  # fmt: skip
        shown += [
            f"{name}={getattr(self, name)}"
            for name, default in defaults.items()
            if getattr(self, name) != default
        ]
        return ", ".join(shown)


class RNN(RNNBase):
    """y[t] = tanh(W_ih x[t] + b_ih + W_hh y[t-1] + b_hh) (Elman, 1990), in layers.

    Shapes: x (L, N, input_size), (N, L, input_size) with `batch_first`, (L, input_size) or a
    `PackedSequence` -> y (L, N, D*hidden_size) and the last outputs (D*num_layers, N,
    hidden_size), D being 2 if bidirectional, else 1.

    Args:
        input_size: features of x.
        hidden_size: features of y, per direction.
        num_layers: each layer takes the outputs of the one below.
        nonlinearity: "tanh" or "relu".
        bias: learn b_ih and b_hh.
        batch_first: input and output are (N, L, ...); the hidden state is not.
        dropout: probability of zeros between the layers, in training.
        bidirectional: add a second set of layers that goes backwards through time.
        device, dtype: of the parameters.

    Attributes:
        weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, weight_ih_l0_reverse, ...: uniform on
            +-1/sqrt(hidden_size).

    Raises:
        ValueError, TypeError: settings that make no sense, or an input that does not fit.

    >>> import lucid
    >>> y, last = lucid.nn.RNN(4, 8)(lucid.randn(5, 2, 4))
    >>> y.shape, last.shape
    ((5, 2, 8), (1, 2, 8))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        mode = plain_mode("RNN", nonlinearity)
        self.nonlinearity = nonlinearity
        super().__init__(
            mode, input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            device=device, dtype=dtype,
        )  # fmt: skip


class LSTM(RNNBase):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997), in layers.

    i, f, g, o = W_ih x[t] + b_ih + W_hh y[t-1] + b_hh, cut into four;
    c[t] = sigmoid(f) c[t-1] + sigmoid(i) tanh(g); y[t] = sigmoid(o) tanh(c[t]).

    Shapes: x (L, N, input_size), (N, L, input_size) with `batch_first`, (L, input_size) or a
    `PackedSequence` -> y (L, N, D*H_out) and a tuple of the last outputs (D*num_layers, N, H_out)
    and states (D*num_layers, N, hidden_size). D is 2 if bidirectional, else 1; H_out is
    proj_size, or hidden_size without one.

    Args:
        input_size: features of x.
        hidden_size: size of the state c, per direction.
        num_layers: each layer takes the outputs of the one below.
        bias: learn b_ih and b_hh.
        batch_first: input and output are (N, L, ...); the hidden state is not.
        dropout: probability of zeros between the layers, in training.
        bidirectional: add a second set of layers that goes backwards through time.
        proj_size: if not 0, y[t] is taken to so many features by a weight_hr (Sak et al., 2014).
        device, dtype: of the parameters.

    Attributes:
        weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, weight_ih_l0_reverse, ...: uniform on
            +-1/sqrt(hidden_size).

    Raises:
        ValueError, TypeError: settings that make no sense, or an input that does not fit.

    >>> import lucid
    >>> lstm = lucid.nn.LSTM(4, 8, num_layers=2, bidirectional=True)
    >>> y, (h, c) = lstm(lucid.randn(5, 3, 4))
    >>> y.shape, h.shape, c.shape
    ((5, 3, 16), (4, 3, 8), (4, 3, 8))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            "LSTM", input_size, hidden_size, num_layers, bias, batch_first, dropout,
            bidirectional, proj_size, device, dtype,
        )  # fmt: skip


class GRU(RNNBase):
    """Gated recurrent units (Cho et al., 2014), in layers.

    r = sigmoid(W_ir x[t] + b_ir + W_hr y[t-1] + b_hr), z the same with its own weights;
    n = tanh(W_in x[t] + b_in + r (W_hn y[t-1] + b_hn)); y[t] = (1 - z) n + z y[t-1].

    Shapes: x (L, N, input_size), (N, L, input_size) with `batch_first`, (L, input_size) or a
    `PackedSequence` -> y (L, N, D*hidden_size) and the last outputs (D*num_layers, N,
    hidden_size), D being 2 if bidirectional, else 1.

    Args and attributes are those of `LSTM`, without proj_size.

    Raises:
        ValueError, TypeError: settings that make no sense, or an input that does not fit.

    >>> import lucid
    >>> y, last = lucid.nn.GRU(4, 8, batch_first=True)(lucid.randn(2, 5, 4))
    >>> y.shape, last.shape
    ((2, 5, 8), (1, 2, 8))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            "GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout,
            bidirectional, device=device, dtype=dtype,
        )  # fmt: skip


def _each(tensors: Any, function: Any) -> Any:
    """The function of a tensor, or of every tensor of a tuple."""
    if tensors is None or isinstance(tensors, Tensor):
        return None if tensors is None else function(tensors)
    return tuple(function(t) for t in tensors)
