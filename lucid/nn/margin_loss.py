"""The losses that want a margin, as modules."""

from __future__ import annotations

from collections.abc import Callable

from lucid.nn.loss import Loss
from lucid.nn.losses.margin import (
    cosine_embedding_loss,
    hinge_embedding_loss,
    margin_ranking_loss,
    multi_margin_loss,
    multilabel_margin_loss,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)
from lucid.tensor import Tensor


class HingeEmbeddingLoss(Loss):
    """`hinge_embedding_loss` of distances, and targets of 1 (near) or -1 (far).

    >>> import lucid
    >>> lucid.nn.HingeEmbeddingLoss(margin=2.0)(lucid.tensor([0.5]), lucid.tensor([-1]))
    Tensor(1.5, grad=None)
    """

    function = staticmethod(hinge_embedding_loss)

    def __init__(self, margin: float = 1.0, *, reduction: str = "mean") -> None:
        super().__init__(reduction, margin=margin)


class MarginRankingLoss(Loss):
    """`margin_ranking_loss`: a target of 1 wants the first input above the second, -1 below.

    >>> import lucid
    >>> a, b = lucid.tensor([1.0]), lucid.tensor([2.0])
    >>> lucid.nn.MarginRankingLoss(margin=0.5)(a, b, lucid.tensor([1]))
    Tensor(1.5, grad=None)
    """

    function = staticmethod(margin_ranking_loss)

    def __init__(self, margin: float = 0.0, *, reduction: str = "mean") -> None:
        super().__init__(reduction, margin=margin)


class CosineEmbeddingLoss(Loss):
    """`cosine_embedding_loss` of pairs (N, D), and targets (N,) of 1 (alike) or -1.

    >>> import lucid
    >>> a, b = lucid.tensor([[1.0, 0.0]]), lucid.tensor([[3.0, 4.0]])
    >>> lucid.nn.CosineEmbeddingLoss()(a, b, lucid.tensor([-1]))
    Tensor(0.6, grad=None)
    """

    function = staticmethod(cosine_embedding_loss)

    def __init__(self, margin: float = 0.0, *, reduction: str = "mean") -> None:
        super().__init__(reduction, margin=margin)


class TripletMarginLoss(Loss):
    """`triplet_margin_loss` of an anchor, a positive and a negative, each (N, D) or (D,).

    >>> import lucid
    >>> a, near, far = (lucid.tensor([[x]]) for x in (0.0, 1.0, 1.5))
    >>> lucid.nn.TripletMarginLoss(margin=1.0)(a, near, far)
    Tensor(0.5, grad=None)
    """

    function = staticmethod(triplet_margin_loss)

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        *,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction, margin=margin, p=p, eps=eps, swap=swap)


class TripletMarginWithDistanceLoss(Loss):
    """`triplet_margin_with_distance_loss`: `TripletMarginLoss` with a distance of your own.

    >>> import lucid
    >>> a, near, far = (lucid.tensor([x]) for x in (0.0, 1.0, 1.5))
    >>> distance = lambda x, y: (x - y).abs()
    >>> lucid.nn.TripletMarginWithDistanceLoss(distance_function=distance)(a, near, far)
    Tensor(0.5, grad=None)
    """

    function = staticmethod(triplet_margin_with_distance_loss)

    def __init__(
        self,
        *,
        distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction, distance_function=distance_function, margin=margin, swap=swap)


class MultiMarginLoss(Loss):
    """`multi_margin_loss` of scores (N, C) and classes (N,); the weight, (C,), is a buffer.

    >>> import lucid
    >>> lucid.nn.MultiMarginLoss()(lucid.tensor([[0.5, 0.25]]), lucid.tensor([0]))
    Tensor(0.375, grad=None)
    """

    function = staticmethod(multi_margin_loss)

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Tensor | None = None,
        *,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction, p=p, margin=margin, weight=weight)


class MultiLabelMarginLoss(Loss):
    """`multilabel_margin_loss` of scores (N, C), and the classes that apply, then -1.

    >>> import lucid
    >>> lucid.nn.MultiLabelMarginLoss()(lucid.tensor([0.5, 0.25, 1.0]), lucid.tensor([2, -1, 0]))
    Tensor(0.25, grad=None)
    """

    function = staticmethod(multilabel_margin_loss)

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__(reduction)
