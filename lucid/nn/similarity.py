"""How alike or far apart vectors are."""

from __future__ import annotations

from lucid import ops
from lucid.ops.autocast import autocasts
from lucid.tensor import Tensor


@autocasts
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between vectors along `dim`; each norm counts as at least eps.

    >>> import lucid
    >>> x = lucid.tensor([[1.0, 0.0]])
    >>> lucid.nn.functional.cosine_similarity(x, lucid.tensor([[3.0, 4.0]]))
    Tensor([0.6], grad=None)
    """
    x1, x2 = ops.broadcast_tensors(x1, x2)
    return ops.sum(_unit(x1, dim, eps) * _unit(x2, dim, eps), dim)


def _unit(x: Tensor, dim: int, eps: float) -> Tensor:
    return x / ops.clamp(ops.norm(x, dim=dim, keepdim=True), min=eps)


@autocasts
def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """The p-norm of x1 - x2 + eps over the last dimension."""
    return ops.norm(x1 - x2 + eps, p, dim=-1, keepdim=keepdim)
