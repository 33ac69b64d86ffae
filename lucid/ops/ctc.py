"""The loss of connectionist temporal classification, as one operation."""

from __future__ import annotations

import math

import mlx.core as mx
import numpy as np

from lucid.ops import precise
from lucid.ops.op import op

_NEVER = -1e30  # log of 0 that can be subtracted from itself; float32 holds it


@op
def ctc(log_probs, /, *, targets, inputs, counts, blank):
    """-log p(targets), (N,), by the forward recursion (Graves et al., 2006, equations 5 to 8).

    Args:
        log_probs: (T, N, C).
        targets: NumPy ints (N, S), valid classes.
        inputs: NumPy ints (N,), 0 to T: how many frames count.
        counts: NumPy ints (N,), 0 to S: how many targets count.
        blank: the class between targets.

    The gradient is that of normalised log-probabilities, p - posterior, as in torch.
    """
    losses = _losses(log_probs, targets, inputs, counts, blank)

    def rule(g):
        def of(x):
            return _losses(x, targets, inputs, counts, blank)

        (posterior,) = mx.vjp(of, [log_probs], [mx.where(mx.isfinite(losses), g, 0)])[1]
        frames = mx.arange(log_probs.shape[0])[:, None] < mx.array(inputs)
        scale = mx.where(frames & mx.isfinite(losses), g, mx.zeros_like(g))
        return precise.exp(log_probs) * scale[..., None] + posterior

    return losses, rule


def _losses(
    log_probs: mx.array, targets: np.ndarray, inputs: np.ndarray, counts: np.ndarray, blank: int
) -> mx.array:
    length, batch, _ = log_probs.shape
    labels = np.full((batch, 2 * targets.shape[1] + 1), blank)
    labels[:, 1::2] = targets  # blank, target, blank, target, ..., blank
    states = labels.shape[1]
    skips = np.zeros(labels.shape, bool)  # a state that may follow the one before the last
    skips[:, 2:] = (labels[:, 2:] != blank) & (labels[:, 2:] != labels[:, :-2])
    may_skip = mx.array(skips)
    index = mx.broadcast_to(mx.array(labels)[None], (length, *labels.shape))
    emitted = mx.take_along_axis(log_probs, index, axis=-1)  # (T, N, states)
    never = mx.full((batch, 2), _NEVER, log_probs.dtype)
    started = mx.array(np.where(np.arange(states) == 0, 0.0, _NEVER), log_probs.dtype)
    alpha = mx.broadcast_to(started, labels.shape)  # before the first frame: in front of state 0
    lengths = mx.array(inputs)[:, None]
    for t in range(length):
        padded = mx.concatenate([never, alpha], axis=1)
        skipped = mx.where(may_skip, padded[:, :-2], _NEVER)
        reached = _log_of_sum(alpha, padded[:, 1:-1], skipped)
        alpha = mx.where(t < lengths, mx.maximum(reached + emitted[t], _NEVER), alpha)
    ends = np.stack([2 * counts, np.maximum(2 * counts - 1, 0)], axis=1)
    last = mx.take_along_axis(alpha, mx.array(ends), axis=1)
    only = mx.array(counts == 0)  # no target: the blank alone, counted once
    second = mx.where(only, _NEVER, last[:, 1])
    total = _log_of_sum(last[:, 0], second)
    return mx.where(total > _NEVER / 2, -total, math.inf)


def _log_of_sum(*logarithms: mx.array) -> mx.array:
    return precise.logsumexp(mx.stack(list(logarithms)), axis=0, keepdims=False)
