"""Losses that want scores or distances apart by a margin."""

from __future__ import annotations

from collections.abc import Callable

import mlx.core as mx

from lucid import ops
from lucid.nn.losses.classes import check_classes
from lucid.nn.losses.reduction import check_tensors, reduced
from lucid.nn.similarity import pairwise_distance
from lucid.ops.autocast import autocasts
from lucid.tensor import Tensor


@autocasts
def hinge_embedding_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, *, reduction: str = "mean"
) -> Tensor:
    """The input, a distance, where the target is 1; max(0, margin - input) where it is -1.

    Shapes: input and target broadcast.

    Raises:
        ValueError: an unknown reduction.

    >>> import lucid
    >>> d, t = lucid.tensor([0.25, 0.25]), lucid.tensor([1, -1])
    >>> lucid.nn.functional.hinge_embedding_loss(d, t, reduction="none").tolist()
    [0.25, 0.75]
    """
    check_tensors("hinge_embedding_loss", input, target)
    near = ops.where(target != -1, input, 0.0)
    far = ops.where(target != 1, ops.clamp(margin - input, min=0), 0.0)
    return reduced("hinge_embedding_loss", near + far, reduction)


@autocasts
def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, *, reduction: str = "mean"
) -> Tensor:
    """max(0, margin - target * (input1 - input2)): a target of 1 wants input1 above input2.

    Shapes: all of the same number of dimensions; they broadcast.

    Raises:
        ValueError: other numbers of dimensions; an unknown reduction.

    >>> import lucid
    >>> a, b, t = lucid.tensor([2.0, 2.0]), lucid.tensor([1.0, 1.0]), lucid.tensor([1, -1])
    >>> lucid.nn.functional.margin_ranking_loss(a, b, t, reduction="none").tolist()
    [0.0, 1.0]
    """
    name = "margin_ranking_loss"
    check_tensors(name, input1, input2, target)
    if not input1.ndim == input2.ndim == target.ndim:
        raise ValueError(
            f"{name} expects tensors of the same number of dimensions, got shapes {input1.shape}, "
            f"{input2.shape} and {target.shape}"
        )
    return reduced(name, ops.clamp(margin - target * (input1 - input2), min=0), reduction)


@autocasts
def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, *, reduction: str = "mean"
) -> Tensor:
    """1 - cos(input1, input2) where the target is 1, max(0, cos - margin) where it is -1.

    Shapes: inputs (N, D) and target (N,), or (D,) and ().

    Raises:
        ValueError: other numbers of dimensions; an unknown reduction.

    >>> import lucid
    >>> a, b = lucid.tensor([[1.0, 0.0]]), lucid.tensor([[3.0, 4.0]])
    >>> lucid.nn.functional.cosine_embedding_loss(a, b, lucid.tensor([1]))
    Tensor(0.4, grad=None)
    """
    name = "cosine_embedding_loss"
    check_tensors(name, input1, input2, target)
    if target.ndim > 1 or input1.ndim != target.ndim + 1 or input2.ndim != target.ndim + 1:
        raise ValueError(
            f"{name} expects inputs (N, D) with target (N,), or (D,) with (), got "
            f"{input1.shape}, {input2.shape} and {target.shape}"
        )
    squares = (ops.sum(x * x, -1) + 1e-12 for x in (input1, input2))
    cosine = ops.sum(input1 * input2, -1) / ops.sqrt(ops.mul(*squares))
    near = ops.where(target == 1, 1 - cosine, 0.0)
    far = ops.where(target == -1, ops.clamp(cosine - margin, min=0), 0.0)
    return reduced(name, near + far, reduction)


@autocasts
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    *,
    reduction: str = "mean",
) -> Tensor:
    """max(0, d(anchor, positive) - d(anchor, negative) + margin) for the p-norm distance d.

    Shapes: all (N, D), or (D,); the distances are `pairwise_distance`.

    Args:
        swap: take the smaller of d(anchor, negative) and d(positive, negative) (Balntas et al.,
            2016).

    Raises:
        ValueError: a margin not above 0; other numbers of dimensions; an unknown reduction.

    >>> import lucid
    >>> a, near, far = (lucid.tensor([[x]]) for x in (0.0, 1.0, 1.5))
    >>> lucid.nn.functional.triplet_margin_loss(a, near, far)
    Tensor(0.5, grad=None)
    """
    return triplet_margin_with_distance_loss(
        anchor,
        positive,
        negative,
        distance_function=lambda a, b: pairwise_distance(a, b, p, eps),
        margin=margin,
        swap=swap,
        reduction=reduction,
    )


@autocasts
def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """`triplet_margin_loss` with a distance of your own; None: `pairwise_distance`.

    Shapes: whatever the distance takes, all of the same number of dimensions.

    Raises:
        ValueError: a margin not above 0; other numbers of dimensions; an unknown reduction.

    >>> import lucid
    >>> a, near, far = (lucid.tensor([x]) for x in (0.0, 1.0, 1.5))
    >>> lucid.nn.functional.triplet_margin_with_distance_loss(
    ...     a, near, far, distance_function=lambda x, y: (x - y).abs()
    ... )
    Tensor(0.5, grad=None)
    """
    name = "triplet_margin_loss"
    check_tensors(name, anchor, positive, negative)
    if margin <= 0:
        raise ValueError(f"{name}: margin must be positive, got {margin}")
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise ValueError(
            f"{name} expects tensors of the same number of dimensions, got shapes {anchor.shape}, "
            f"{positive.shape} and {negative.shape}"
        )
    distance = distance_function or pairwise_distance
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = ops.minimum(far, distance(positive, negative))
    return reduced(name, ops.clamp(near - far + margin, min=0), reduction)


@autocasts
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    *,
    reduction: str = "mean",
) -> Tensor:
    """mean over the classes c other than the target t of max(0, margin - x[t] + x[c])**p.

    The mean divides by C, the target's class counting as 0.

    Shapes: input (N, C) and target (N,) of ints, or (C,) and ().

    Args:
        p: 1 or 2.
        weight: (C,), a factor for the target's class.

    Raises:
        IndexError: a target class outside 0 to C - 1.
        ValueError: shapes that do not agree; another p; an unknown reduction.

    >>> import lucid
    >>> x = lucid.tensor([[0.5, 0.25]])
    >>> lucid.nn.functional.multi_margin_loss(x, lucid.tensor([0]))
    Tensor(0.375, grad=None)
    """
    name = "multi_margin_loss"
    check_tensors(name, input, target)
    input, classes = _scores(name, input)
    if p not in (1, 2):
        raise ValueError(f"{name}: p must be 1 or 2, got {p}")
    if target.shape not in (input.shape[:-1], (1,) if input.ndim == 1 else None):
        raise ValueError(
            f"{name} expects one target for each sample, shape {input.shape[:-1]}, got "
            f"{target.shape}"
        )
    if weight is not None and weight.shape != (classes,):
        raise ValueError(f"{name}: weight must have shape ({classes},), got {weight.shape}")
    check_classes(name, target, classes)
    index = ops.reshape(target, (*input.shape[:-1], 1))
    own = ops.gather(input, -1, index)
    apart = ops.clamp(margin - own + input, min=0) ** p
    if weight is not None:
        apart = apart * weight[index]
    others = _numbers(input) != index
    losses = ops.sum(ops.where(others, apart, 0.0), -1) / classes
    return reduced(name, losses, reduction)


@autocasts
def multilabel_margin_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """sum over targets t and other classes c of max(0, 1 - (x[t] - x[c])), divided by C.

    Shapes: input (N, C) or (C,); target the same, of ints: the classes that apply, then -1.

    Raises:
        IndexError: a target class outside -1 to C - 1.
        ValueError: shapes that differ; an unknown reduction.

    >>> import lucid
    >>> x = lucid.tensor([0.5, 0.25, 1.0])
    >>> lucid.nn.functional.multilabel_margin_loss(x, lucid.tensor([2, -1, 0]))
    Tensor(0.25, grad=None)
    """
    name = "multilabel_margin_loss"
    check_tensors(name, input, target)
    input, classes = _scores(name, input)
    target = target if target.ndim else ops.reshape(target, 1)
    if target.shape != input.shape:
        raise ValueError(
            f"{name} expects targets of the shape of input, {input.shape}, got {target.shape}"
        )
    check_classes(name, target, classes, ignore_index=-1)
    listed = ops.cumsum((target < 0).long(), -1) == 0  # until the first -1
    index = ops.where(listed, target, 0)
    hits = (ops.unsqueeze(index, -1) == _numbers(input)) & ops.unsqueeze(listed, -1)
    own = ops.unsqueeze(ops.gather(input, -1, index), -1)  # (..., targets, 1)
    apart = ops.clamp(1 - own + ops.unsqueeze(input, -2), min=0)  # (..., targets, C)
    counted = ops.unsqueeze(listed, -1) & ~ops.unsqueeze(ops.any(hits, -2), -2)
    losses = ops.sum(ops.where(counted, apart, 0.0), (-2, -1)) / classes
    return reduced(name, losses, reduction)


def _scores(name: str, input: Tensor) -> tuple[Tensor, int]:
    """The scores, one class last at least, and how many classes there are."""
    input = input if input.ndim else ops.reshape(input, 1)
    if input.ndim > 2 or input.shape[-1] == 0:
        raise ValueError(f"{name} expects input of shape (N, C) or (C,), got {input.shape}")
    return input, input.shape[-1]


def _numbers(input: Tensor) -> Tensor:
    """The numbers of the classes."""
    return Tensor(mx.arange(input.shape[-1], dtype=mx.int64), device=input.device)
