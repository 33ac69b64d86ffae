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
    """`hinge_embedding_loss`."""

    function, settings = staticmethod(hinge_embedding_loss), ("margin",)

    def __init__(self, margin: float = 1.0, *, reduction: str = "mean") -> None:
        super().__init__(reduction, margin=margin)


class MarginRankingLoss(Loss):
    """`margin_ranking_loss`."""

    function, settings = staticmethod(margin_ranking_loss), ("margin",)

    def __init__(self, margin: float = 0.0, *, reduction: str = "mean") -> None:
        super().__init__(reduction, margin=margin)


class CosineEmbeddingLoss(Loss):
    """`cosine_embedding_loss`."""

    function, settings = staticmethod(cosine_embedding_loss), ("margin",)

    def __init__(self, margin: float = 0.0, *, reduction: str = "mean") -> None:
        super().__init__(reduction, margin=margin)


class TripletMarginLoss(Loss):
    """`triplet_margin_loss`."""

    function, settings = staticmethod(triplet_margin_loss), ("margin", "p", "eps", "swap")

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
    """`triplet_margin_with_distance_loss`."""

    function = staticmethod(triplet_margin_with_distance_loss)
    settings = ("distance_function", "margin", "swap")

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
    """`multi_margin_loss`; the weight is a buffer."""

    function, settings = staticmethod(multi_margin_loss), ("p", "margin", "weight")

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
    """`multilabel_margin_loss`."""

    function = staticmethod(multilabel_margin_loss)

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__(reduction)
