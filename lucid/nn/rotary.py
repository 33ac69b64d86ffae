"""Rotary position embedding: `RotaryEmbedding` and the function behind it."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import numpy as np

from lucid import ops
from lucid.nn.check import floating, integer
from lucid.nn.module import Module
from lucid.tensor import Tensor


def apply_rotary(x: Tensor, cos: Tensor, sin: Tensor, interleaved: bool = True) -> Tensor:
    """Each pair of features (a, b) turned by an angle: (a cos - b sin, a sin + b cos).

    Shapes: x (B, H, L, D) or (..., L, D); cos and sin (L, D/2), or what broadcasts to
    (..., L, D/2) -> the shape and dtype of x.

    Args:
        x: queries or keys, one vector of D features per head and position.
        cos, sin: of the angle of each position and pair.
        interleaved: pairs of neighbours (0, 1), (2, 3), ..., as in the paper; False pairs the
            features of the first half with those of the second, as in GPT-NeoX.

    Raises:
        ValueError: an odd D, or angles for another number of pairs.

    >>> import lucid
    >>> quarter = lucid.zeros(1, 1), lucid.ones(1, 1)
    >>> lucid.nn.functional.apply_rotary(lucid.tensor([[1.0, 2.0]]), *quarter).tolist()
    [[-2.0, 1.0]]
    """
    floating("apply_rotary", x)
    size = x.shape[-1] if x.ndim else 0
    if x.ndim < 2 or size % 2 or cos.shape != sin.shape or cos.shape[-1] != size // 2:
        raise ValueError(
            "apply_rotary expects x (..., L, D) of an even D, and cos and sin (L, D/2), got "
            f"{x.shape}, {cos.shape} and {sin.shape}"
        )
    pairs = (size // 2, 2) if interleaved else (2, size // 2)
    dim = -1 if interleaved else -2
    a, b = ops.unbind(ops.reshape(x, *x.shape[:-1], *pairs), dim)
    turned = ops.stack([a * cos - b * sin, a * sin + b * cos], dim)
    return ops.reshape(turned, x.shape).to(x.dtype)


class RotaryEmbedding(Module):
    """Turns queries and keys by their position, so that scores depend on distances alone.

    Pair i of the features at position t is turned by t * base**(-2i/dim) (Su et al., "RoFormer",
    2021). It has no parameters.

    Shapes: x (B, H, L, dim) or (..., L, dim) -> the same.

    Args:
        dim: features of a head, even.
        base: the slowest pair turns once in about 2 pi * base positions.
        interleaved: which features are pairs; see `nn.functional.apply_rotary`.

    Raises:
        ValueError: an odd dim, or an input of another size.

    >>> import lucid
    >>> rotary = lucid.nn.RotaryEmbedding(4)
    >>> q = lucid.ones(1, 1, 3, 4)
    >>> rotary(q).shape
    (1, 1, 3, 4)
    >>> rotary(q[:, :, 2:], offset=2).allclose(rotary(q)[:, :, 2:])
    True
    """

    def __init__(self, dim: int, base: float = 10000.0, interleaved: bool = True) -> None:
        super().__init__()
        self.dim = integer("RotaryEmbedding", "dim", dim, 2)
        if dim % 2:
            raise ValueError(f"RotaryEmbedding: dim must be even, got {dim}")
        if not base > 0:
            raise ValueError(f"RotaryEmbedding: base must be positive, got {base}")
        self.base, self.interleaved = base, interleaved
        self._last: tuple[Any, Any] = (None, None)  # the angles used last, which layers share

    def _angles(self, length: int, offset: int, dtype: mx.Dtype, device: str) -> Any:
        key = (length, offset, dtype, device)
        if self._last[0] != key:
            speeds = self.base ** (-np.arange(0, self.dim, 2) / self.dim)
            angles = np.arange(offset, offset + length)[:, None] * speeds  # in float64
            made = [Tensor(f(angles), dtype=dtype, device=device) for f in (np.cos, np.sin)]
            self._last = key, made
        return self._last[1]

    def forward(self, x: Tensor, offset: int = 0) -> Tensor:
        """`offset` is the position of the first vector, when a signal comes in pieces."""
        floating("RotaryEmbedding", x)
        if x.ndim < 2 or x.shape[-1] != self.dim:
            raise ValueError(
                f"RotaryEmbedding expects x of shape (..., L, {self.dim}), got {x.shape}"
            )
        wide = mx.float64 if x.dtype == mx.float64 else mx.float32
        cos, sin = self._angles(x.shape[-2], offset, wide, x.device)
        return apply_rotary(x, cos, sin, self.interleaved)

    def extra_repr(self) -> str:
        return f"{self.dim}, base={self.base}, interleaved={self.interleaved}"
