"""All parameters of a model as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from lucid import ops
from lucid.autograd import laziness
from lucid.tensor import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """The parameters one after the other, flattened; gradients pass through.

    >>> from lucid import nn
    >>> nn.utils.parameters_to_vector(nn.Linear(2, 3).parameters()).shape
    (9,)
    """
    return ops.cat([ops.reshape(p, -1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Put the values of a vector into the parameters, in place.

    Raises:
        ValueError: the vector is not as long as the parameters together; nothing is changed.

    >>> import lucid
    >>> layer = lucid.nn.Linear(1, 2)
    >>> lucid.nn.utils.vector_to_parameters(lucid.arange(4.0), layer.parameters())
    >>> layer.bias.tolist()
    [2.0, 3.0]
    """
    several = list(parameters)
    total = sum(p.numel() for p in several)
    if vec.shape != (total,):
        raise ValueError(f"the parameters hold {total} numbers, got a vector of {vec.shape}")
    start = 0
    for p in several:
        laziness.note_change(p)
        p.array = vec.array[start : start + p.numel()].reshape(p.shape).astype(p.dtype)
        start += p.numel()
