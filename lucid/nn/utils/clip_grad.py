"""Limiting gradients before an optimizer step."""

from __future__ import annotations

import math
from collections.abc import Iterable

import mlx.core as mx

from lucid.autograd import laziness
from lucid.ops.device import on_device
from lucid.ops.reduce import total
from lucid.tensor import Tensor


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients together so that their norm is at most `max_norm` (Pascanu, 2013).

    Args:
        parameters: whose `.grad` is scaled; those without one are passed over.
        max_norm: the largest norm allowed.
        norm_type: which norm; `float("inf")` is the largest absolute value.
        error_if_nonfinite: raise where the norm is NaN or infinite, instead of spreading it.
        foreach: torch's choice between kernels; it changes nothing.

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
    if not max_norm >= 0:
        raise ValueError(f"clip_grad_norm_: max_norm must not be negative, got {max_norm}")
    several = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    norm = get_total_norm(_gradients(several), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(several, max_norm, norm)
    return norm


def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of all tensors together, in float32 at least; the arguments of `clip_grad_norm_`.

    >>> import lucid
    >>> lucid.nn.utils.get_total_norm([lucid.tensor([3.0]), lucid.tensor([4.0])]).item()
    5.0
    """
    several = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    if not several:
        return Tensor(0.0)
    device = several[0].device
    with on_device(device):
        norm = _norm([t.array for t in several if t.array.size], float(norm_type))
        if error_if_nonfinite and not mx.isfinite(norm).item():
            raise RuntimeError(
                f"the gradients' norm is {norm.item()}, so they cannot be clipped; look for the "
                "NaN or infinity in the loss, or pass error_if_nonfinite=False"
            )
    return Tensor._wrap(norm, device)


def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    total_norm: Tensor,
    foreach: bool | None = None,
) -> None:
    """Scale all gradients by max_norm / (total_norm + 1e-6), at most 1.

    What `clip_grad_norm_` does, with a norm that is known.

    >>> import lucid
    >>> x = lucid.zeros(2, requires_grad=True)
    >>> x.sum().backward()
    >>> lucid.nn.utils.clip_grads_with_norm_([x], 1.0, lucid.tensor(4.0))
    >>> x.grad
    Tensor([0.25, 0.25], grad=None)
    """
    for g in _gradients(parameters):
        with on_device(g.device):
            scale = mx.minimum(float(max_norm) / (total_norm.array + 1e-6), 1.0)
            laziness.note_change(g)
            g.array = (g.array * scale).astype(g.dtype)


def clip_grad_value_(
    parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None
) -> None:
    """Limit every element of the gradients to [-clip_value, clip_value].

    Raises:
        ValueError: clip_value below 0.

    >>> import lucid
    >>> x = lucid.tensor([1.0, 3.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> lucid.nn.utils.clip_grad_value_([x], 5.0)
    >>> x.grad
    Tensor([2., 5.], grad=None)
    """
    if not clip_value >= 0:
        raise ValueError(f"clip_grad_value_: clip_value must not be negative, got {clip_value}")
    for g in _gradients(parameters):
        with on_device(g.device):
            laziness.note_change(g)
            g.array = mx.clip(g.array, -clip_value, clip_value).astype(g.dtype)


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    several = [parameters] if isinstance(parameters, Tensor) else parameters
    return [p.grad for p in several if p.grad is not None]


def _norm(arrays: list[mx.array], norm_type: float) -> mx.array:
    wide = [a if a.dtype == mx.float64 else a.astype(mx.float32) for a in arrays]
    if not wide:
        return mx.array(0.0)
    if norm_type == 2:  # products of a vector with itself: a BLAS call each
        squares = [mx.inner(a.reshape(-1), a.reshape(-1)) for a in wide]
        return mx.sqrt(mx.stack(squares).sum())
    if math.isinf(norm_type):
        extreme = mx.max if norm_type > 0 else mx.min
        return extreme(mx.stack([extreme(mx.abs(a)) for a in wide]))
    if norm_type == 0:  # how many tensors are not all zeros: torch's norm of norms
        return mx.stack([mx.any(a != 0) for a in wide]).sum().astype(wide[0].dtype)
    powers = [total(mx.abs(a) ** norm_type, tuple(range(a.ndim))) for a in wide]
    return mx.stack(powers).sum() ** (1 / norm_type)
