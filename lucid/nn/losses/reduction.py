"""What the losses share: their reduction, and the checks of their inputs."""

from __future__ import annotations

from typing import Any

from lucid import ops
from lucid.tensor import Tensor

REDUCTIONS = ("mean", "sum", "none")


def reduced(name: str, losses: Tensor, reduction: str, dtype: Any = None) -> Tensor:
    """The mean, the sum or all of the losses, in `dtype`.

    Raises:
        ValueError: an unknown reduction.
    """
    check_reduction(name, reduction)
    if reduction == "mean":
        losses = ops.mean(losses)
    elif reduction == "sum":
        losses = ops.sum(losses)
    return losses if dtype is None or losses.dtype == dtype else losses.to(dtype)


def check_reduction(name: str, reduction: Any, known: tuple[str, ...] = REDUCTIONS) -> None:
    """Raise where the reduction is none of the known ones."""
    if reduction not in known:
        names = ", ".join(f'"{r}"' for r in known[:-1])
        raise ValueError(f'{name}: reduction must be {names} or "{known[-1]}", got {reduction!r}')


def check_tensors(name: str, *tensors: Any) -> None:
    """Raise where one is not a Tensor."""
    for t in tensors:
        if not isinstance(t, Tensor):
            raise TypeError(f"{name} expects Tensors, got {type(t).__name__}: {t!r:.60}")


def check_pair(name: str, input: Any, target: Any) -> None:
    """Raise where input and target are not two Tensors of one shape."""
    check_tensors(name, input, target)
    if input.shape != target.shape:
        raise ValueError(
            f"{name} expects input and target of one shape, got {input.shape} and "
            f"{target.shape}; reshape one of them"
        )


def check_broadcast(name: str, *tensors: Any) -> None:
    """Raise where the tensors do not broadcast against each other."""
    check_tensors(name, *tensors)
    ops.broadcast_shapes(*(t.shape for t in tensors))
