"""How alike or far apart vectors are."""

from __future__ import annotations

import numpy as np

from lucid import ops
from lucid.nn.applied import Applied
from lucid.ops.autocast import autocasts
from lucid.tensor import Tensor


@autocasts
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between vectors along `dim`; each norm counts as at least eps.

    Shapes: x1 and x2 broadcast; the result lacks `dim`.

    Raises:
        ValueError: shapes that do not broadcast.

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
    """The p-norm of x1 - x2 + eps over the last dimension.

    >>> lucid.pairwise_distance(lucid.zeros(1, 2), lucid.tensor([[3.0, 4.0]]))
    Tensor([5.], grad=None)
    """
    return ops.norm(x1 - x2 + eps, p, dim=-1, keepdim=keepdim)


@autocasts
def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The p-norms of the differences of all pairs of rows: (0, 1), (0, 2), ..., (1, 2), ...

    Shapes: input (N, M) -> (N*(N-1)/2,).

    Raises:
        ValueError: another number of dimensions; p below 0.

    >>> import lucid
    >>> lucid.nn.functional.pdist(lucid.tensor([[0.0], [1.0], [3.0]]))
    Tensor([1., 3., 2.], grad=None)
    """
    if input.ndim != 2:
        raise ValueError(f"pdist expects x of shape (N, M), got {input.shape}")
    if p < 0:
        raise ValueError(f"pdist: p must be at least 0, got {p}")
    first, second = np.triu_indices(input.shape[0], 1)
    return ops.norm(input[first] - input[second], p, dim=-1)


class CosineSimilarity(Applied):
    """`nn.functional.cosine_similarity` of two inputs along `dim`, which the result lacks.

    >>> import lucid
    >>> lucid.nn.CosineSimilarity()(lucid.ones(1, 2), lucid.ones(1, 2))
    Tensor([1.], grad=None)
    """

    function = staticmethod(cosine_similarity)

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__(dim=dim, eps=eps)


class PairwiseDistance(Applied):
    """`nn.functional.pairwise_distance`: (..., D) and (..., D) -> (...), the p-norm over D.

    >>> import lucid
    >>> lucid.nn.PairwiseDistance(p=1, eps=0)(lucid.zeros(1, 2), lucid.tensor([[3.0, 4.0]]))
    Tensor([7.], grad=None)
    """

    function = staticmethod(pairwise_distance)

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__(p=p, eps=eps, keepdim=keepdim)
