"""Norms of separation networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lucid.nn import normalization as F
from lucid.nn.check import positive
from lucid.nn.module import Module
from lucid.nn.parameter import Parameter
from lucid.tensor import Tensor


class _Gained(Module):
    """A norm of C channels whose gain and bias are called as in asteroid's checkpoints.

    Shapes: x (N, C, L).

    Attributes:
        gamma, beta: (C,), ones and zeros.
    """

    function: Callable[..., Tensor]

    def __init__(
        self, channel_size: int, eps: float = 1e-8, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.channel_size = positive(type(self).__name__, "channel_size", channel_size)
        self.eps = eps
        self.gamma = Parameter(Tensor.ones(channel_size, device=device, dtype=dtype))
        self.beta = Parameter(Tensor.zeros(channel_size, device=device, dtype=dtype))

    def forward(self, input: Tensor) -> Tensor:
        return self.function(input, self.gamma, self.beta, self.eps)

    def extra_repr(self) -> str:
        return f"{self.channel_size}, eps={self.eps}"


class GlobalLayerNorm1d(_Gained):
    """Each sample to mean 0 and variance 1 over channels and time: the gLN of Luo and Mesgarani,
    "Conv-TasNet" (2019). `GroupNorm(1, C, eps=1e-8)` under asteroid's names of parameters.

    Shapes: x (N, C, L).

    Raises:
        ValueError: at the call, another number of channels.

    >>> import lucid
    >>> list(lucid.nn.GlobalLayerNorm1d(2).state_dict())
    ['gamma', 'beta']
    """

    @staticmethod
    def function(x: Tensor, gamma: Tensor, beta: Tensor, eps: float) -> Tensor:
        return F.group_norm(x, 1, gamma, beta, eps)


class ChannelLayerNorm1d(_Gained):
    """Each frame to mean 0 and variance 1 over its channels: the cLN of Luo and Mesgarani,
    "TasNet" (2018).

    Shapes: x (N, C, L).

    >>> import lucid
    >>> lucid.nn.ChannelLayerNorm1d(2)(lucid.tensor([[[1.0], [3.0]]])).squeeze()
    Tensor([-1.,  1.], grad=None, requires_grad=True)
    """

    function = staticmethod(F.channel_layer_norm)


class CumulativeLayerNorm1d(_Gained):
    """Each frame to mean 0 and variance 1 over all channels of itself and of the frames before it:
    the causal norm of Luo and Mesgarani, "Conv-TasNet" (2019), called cgLN elsewhere.

    Shapes: x (N, C, L).

    >>> import lucid
    >>> lucid.nn.CumulativeLayerNorm1d(1)(lucid.tensor([[[1.0, 3.0, 2.0]]]))
    Tensor([[[0., 1., 0.]]], grad=None, requires_grad=True)
    """

    function = staticmethod(F.cumulative_layer_norm)
