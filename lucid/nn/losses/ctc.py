"""Connectionist temporal classification."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import numpy as np

from lucid import ops
from lucid.nn.losses.reduction import check_reduction, check_tensors
from lucid.ops.autocast import autocasts
from lucid.ops.ctc import ctc
from lucid.tensor import Tensor


@autocasts
def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """-log of the probability of the targets under all alignments (Graves et al., 2006).

    As in torch, the gradient is the one of normalised log-probabilities: it belongs to what
    `log_softmax` gives, and is exact for what goes into that.

    Args:
        log_probs: (T, N, C) or (T, C), from `log_softmax` over the classes.
        targets: ints, (N, S) padded, or all of them one after the other; (S,) for (T, C).
        input_lengths, target_lengths: how much of each sample counts: N ints, a tuple or Tensor.
        blank: the class of "nothing here".
        reduction: "mean" divides each loss by its target's length, then takes the mean.
        zero_infinity: 0 in place of an infinite loss (a target too long for its input), and no
            gradient from it.

    Raises:
        ValueError: shapes or lengths that do not fit together.
        IndexError: a target or blank that is no class.

    >>> import lucid
    >>> x = lucid.zeros(4, 1, 3).log_softmax(-1)
    >>> loss = lucid.nn.functional.ctc_loss(x, lucid.tensor([[1, 2]]), (4,), (2,))
    >>> round(loss.item(), 4)
    0.8432
    """
    name = "ctc_loss"
    check_reduction(name, reduction)
    check_tensors(name, log_probs, targets)
    if not log_probs.is_floating_point() or log_probs.ndim not in (2, 3):
        raise ValueError(
            f"{name} expects floating point log_probs of shape (T, N, C) or (T, C), got "
            f"{log_probs.dtype} of shape {log_probs.shape}"
        )
    batched = log_probs.ndim == 3
    log_probs = log_probs if batched else ops.unsqueeze(log_probs, 1)
    length, batch, classes = log_probs.shape
    if not 0 <= blank < classes:
        raise IndexError(f"{name}: blank must be a class from 0 to {classes - 1}, got {blank}")
    inputs = _lengths(name, "input_lengths", input_lengths, batch, length)
    counts = _lengths(name, "target_lengths", target_lengths, batch, None)
    padded = _padded(name, targets, counts, classes)
    losses = ctc(log_probs, targets=padded, inputs=inputs, counts=counts, blank=blank)
    if zero_infinity:
        losses = ops.where(ops.isinf(losses), 0.0, losses)
    if reduction == "mean":
        return ops.mean(losses / mx.array(np.maximum(counts, 1), losses.dtype))
    return ops.sum(losses) if reduction == "sum" else losses if batched else losses[0]


def _lengths(name: str, what: str, given: Any, batch: int, most: int | None) -> np.ndarray:
    values = np.array(given.array if isinstance(given, Tensor) else given)
    values = values.reshape(1) if values.ndim == 0 else values
    if values.dtype.kind not in "iu" or values.shape != (batch,):
        raise ValueError(
            f"{name}: {what} must be {batch} ints, one per sample, got {values.dtype} of shape "
            f"{values.shape}"
        )
    if (values < 0).any() or (most is not None and (values > most).any()):
        limit = "" if most is None else f" to {most}"
        raise ValueError(f"{name}: {what} must be from 0{limit}, got {values.tolist()}")
    return values.astype(np.int64)


def _padded(name: str, targets: Tensor, counts: np.ndarray, classes: int) -> np.ndarray:
    """The targets as (N, S), 0 behind each one's end."""
    if targets.is_floating_point():
        raise TypeError(f"{name} expects targets of an int dtype, got {targets.dtype}")
    given = np.array(targets.array)
    if given.ndim == 2:
        fits = given.shape[0] == len(counts) and given.shape[1] >= counts.max(initial=0)
    else:
        fits = given.ndim == 1 and given.size >= counts.sum()
    if not fits:
        raise ValueError(
            f"{name}: targets of lengths {counts.tolist()} need shape ({len(counts)}, "
            f"{counts.max(initial=0)}) or ({counts.sum()},) at least, got {given.shape}"
        )
    padded = np.zeros((len(counts), counts.max(initial=0)), np.int64)
    start = 0
    for row, (count, into) in enumerate(zip(counts, padded, strict=True)):
        into[:count] = given[row, :count] if given.ndim == 2 else given[start : start + count]
        start += count
        if ((into < 0) | (into >= classes)).any():
            bad = into[(into < 0) | (into >= classes)][0]
            raise IndexError(f"{name}: target {bad} is no class; expected 0 to {classes - 1}")
    return padded
