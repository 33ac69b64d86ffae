"""Losses of yes-or-no decisions, one or several for each sample, and of distributions."""

from __future__ import annotations

from lucid import ops
from lucid.nn.losses.reduction import check_pair, check_reduction, check_tensors, reduced
from lucid.ops import loss
from lucid.ops.autocast import autocasts
from lucid.ops.bounds import is_readable
from lucid.tensor import Tensor


@autocasts
def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str = "mean"
) -> Tensor:
    """-(t * log(p) + (1 - t) * log(1 - p)), times weight, for probabilities p = input.

    The logarithms are at least -100. `binary_cross_entropy_with_logits` is more precise.

    Shapes: input and target of one shape; weight broadcasts against them.

    Raises:
        ValueError: probabilities outside 0 to 1, where looking waits for no GPU, or in debug mode;
            shapes that differ; an unknown reduction.

    >>> import lucid
    >>> p = lucid.tensor([0.5, 0.5])
    >>> lucid.nn.functional.binary_cross_entropy(p, lucid.tensor([0.0, 1.0]))
    Tensor(0.6931, grad=None)
    """
    name = "binary_cross_entropy"
    check_pair(name, input, target)
    if input.numel() and is_readable(input):
        low, high = ops.amin(input).item(), ops.amax(input).item()
        if low < 0 or high > 1:
            raise ValueError(
                f"{name} expects probabilities from 0 to 1, got values from {low} to {high}; "
                "use binary_cross_entropy_with_logits for logits"
            )
    losses = loss.binary_cross_entropy(input, target)
    return reduced(name, losses if weight is None else losses * weight, reduction, input.dtype)


@autocasts
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """-(pos_weight * t * log(sigmoid(x)) + (1 - t) * log(1 - sigmoid(x))), times weight.

    Args:
        input: logits x.
        target: probabilities t, of the shape of input.
        weight, pos_weight: broadcast against input.

    Raises:
        ValueError: shapes that differ; an unknown reduction.

    >>> import lucid
    >>> x, t = lucid.tensor([0.0, 100.0]), lucid.tensor([1.0, 1.0])
    >>> lucid.nn.functional.binary_cross_entropy_with_logits(x, t, reduction="none")
    Tensor([0.6931, 0.    ], grad=None)
    """
    name = "binary_cross_entropy_with_logits"
    check_pair(name, input, target)
    losses = loss.binary_cross_entropy_with_logits(input, target, pos_weight)
    losses = losses if weight is None else losses * weight
    return reduced(name, losses, reduction, input.dtype)


@autocasts
def soft_margin_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """log(1 + exp(-target * input)) for targets of -1 or 1.

    Shapes: input and target broadcast.

    Raises:
        ValueError: an unknown reduction.

    >>> import lucid
    >>> x, t = lucid.tensor([0.0, 2.0]), lucid.tensor([1.0, -1.0])
    >>> lucid.nn.functional.soft_margin_loss(x, t, reduction="none")
    Tensor([0.6931, 2.1269], grad=None)
    """
    check_tensors("soft_margin_loss", input, target)
    return reduced("soft_margin_loss", ops.softplus(-target * input), reduction)


@autocasts
def multilabel_soft_margin_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str = "mean"
) -> Tensor:
    """Binary cross entropy of logits, the mean over the classes, which lie last.

    Args:
        target: 0 or 1 for each class, of the shape of input, (..., C).
        weight: (C,), a factor for each class.

    Raises:
        ValueError: shapes that differ; an unknown reduction.

    >>> import lucid
    >>> x, t = lucid.tensor([[100.0, -100.0]]), lucid.tensor([[1.0, 1.0]])
    >>> lucid.nn.functional.multilabel_soft_margin_loss(x, t)
    Tensor(50., grad=None)
    """
    name = "multilabel_soft_margin_loss"
    check_pair(name, input, target)
    losses = loss.binary_cross_entropy_with_logits(input, target, None)
    losses = losses if weight is None else losses * weight
    return reduced(name, ops.mean(losses, -1), reduction, input.dtype)


@autocasts
def kl_div(
    input: Tensor, target: Tensor, *, reduction: str = "mean", log_target: bool = False
) -> Tensor:
    """The Kullback-Leibler divergence target * (log(target) - input), element by element.

    Shapes: input and target broadcast.

    Args:
        input: log-probabilities.
        target: probabilities, or log-probabilities with `log_target`.
        reduction: "batchmean" is the divergence: the sum divided by the first dimension. "mean"
            divides by the number of elements.

    Raises:
        ValueError: an unknown reduction.

    >>> import lucid
    >>> q, p = lucid.tensor([[0.5, 0.5]]), lucid.tensor([[1.0, 0.0]])
    >>> lucid.nn.functional.kl_div(q.log(), p, reduction="batchmean")
    Tensor(0.6931, grad=None)
    """
    check_reduction("kl_div", reduction, ("mean", "batchmean", "sum", "none"))
    check_tensors("kl_div", input, target)
    if log_target:
        losses = ops.exp(target) * (target - input)
    else:
        losses = ops.xlogy(target, target) - target * input
    if reduction == "batchmean":
        return ops.sum(losses) / (input.shape[0] if input.ndim else 1)
    return reduced("kl_div", losses, reduction)
