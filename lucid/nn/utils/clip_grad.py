"""Limiting gradients before an optimizer step."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import mlx.core as mx

from lucid.ops.device import on_device
from lucid.tensor import Tensor


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    several = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return [p.grad for p in several if p.grad is not None]


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> Tensor:
    """Scale all gradients together so that their norm is at most `max_norm` (Pascanu, 2013).

    Args:
        parameters: whose `.grad` is scaled; those without one are passed over.
        max_norm: the largest norm allowed.
        norm_type: which norm; `float("inf")` is the largest absolute value.
        error_if_nonfinite: raise where the norm is NaN or infinite, instead of spreading it.

    Returns:
        The norm before clipping.

    Raises:
        RuntimeError: a norm that is not finite, with `error_if_nonfinite`.

    >>> import lucid
    >>> x = lucid.tensor([3.0, 4.0], requires_grad=True)
    >>> (x * x / 2).sum().backward()
    >>> lucid.nn.utils.clip_grad_norm_([x], max_norm=1.0).item()
    5.0
    >>> x.grad
    Tensor([0.6, 0.8], grad=None)
    """
    gradients = _gradients(parameters)
    if not max_norm >= 0:
        raise ValueError(f"clip_grad_norm_: max_norm must not be negative, got {max_norm}")
    if not gradients:
        return Tensor(0.0)
    device = gradients[0].device
    with on_device(device):
        norm = _norm([g.array for g in gradients if g.array.size], norm_type)
        if error_if_nonfinite and not mx.isfinite(norm).item():
            raise RuntimeError(
                f"the gradients' norm is {norm.item()}, so they cannot be clipped; look for the "
                "NaN or infinity in the loss, or pass error_if_nonfinite=False"
            )
        scale = mx.minimum(max_norm / (norm + 1e-6), 1.0)
        for g in gradients:
            g.array = (g.array * scale).astype(g.dtype)
    return Tensor._wrap(norm, device)


def _norm(arrays: list[mx.array], norm_type: Any) -> mx.array:
    wide = [a if a.dtype == mx.float64 else a.astype(mx.float32) for a in arrays]
    if not wide:
        return mx.array(0.0)
    if norm_type == 2:  # products of a vector with itself: a BLAS call each
        squares = [mx.inner(a.reshape(-1), a.reshape(-1)) for a in wide]
        return mx.sqrt(mx.stack(squares).sum())
    if math.isinf(norm_type):
        return mx.max(mx.stack([mx.max(mx.abs(a)) for a in wide]))
    powers = [(mx.abs(a) ** norm_type).sum() for a in wide]
    return mx.stack(powers).sum() ** (1 / norm_type)


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Limit every element of the gradients to [-clip_value, clip_value]."""
    if not clip_value >= 0:
        raise ValueError(f"clip_grad_value_: clip_value must not be negative, got {clip_value}")
    for g in _gradients(parameters):
        with on_device(g.device):
            g.array = mx.clip(g.array, -clip_value, clip_value).astype(g.dtype)
