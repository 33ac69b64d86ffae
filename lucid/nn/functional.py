"""Stateless functions under the names of `torch.nn.functional`."""

from __future__ import annotations

from lucid import ops
from lucid.ops import (
    elu,
    gelu,
    leaky_relu,
    log_softmax,
    prelu,
    relu,
    sigmoid,
    silu,
    softmax,
    softplus,
    tanh,
)
from lucid.tensor import Tensor


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x @ weight.T + bias.

    Shapes: x (..., in), weight (out, in), bias (out,) -> (..., out).

    Raises:
        ValueError: sizes that do not agree.

    >>> import lucid
    >>> lucid.nn.functional.linear(lucid.ones(1, 2), lucid.ones(3, 2))
    Tensor([[2., 2., 2.]], grad=None)
    """
    if x.ndim == 0 or x.shape[-1] != weight.shape[-1]:
        raise ValueError(
            f"linear expects x of shape (..., {weight.shape[-1]}), got {x.shape}; the features "
            "come last"
        )
    y = ops.matmul(x, ops.transpose(weight, 0, 1))
    return y if bias is None else y + bias
