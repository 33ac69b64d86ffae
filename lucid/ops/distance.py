"""Norms, and distances between vectors."""

from __future__ import annotations

from lucid.ops.autocast import autocasts
from lucid.ops.linalg.norm import matrix_norm
from lucid.ops.math import mul, sub
from lucid.ops.norm import p_norm
from lucid.ops.reduce import axes_of
from lucid.ops.shape import unsqueeze
from lucid.ops.where import where

_MODES = tuple(
    f"{mode}_mm_for_euclid_dist{when}"
    for mode, when in (("use", "_if_necessary"), ("use", ""), ("donot_use", ""))
)


@autocasts
@autocasts
def norm(input, p="fro", dim=None, keepdim=False, *, dtype=None):
    """The vector norm (sum |x|**p)**(1/p) over `dim`, `p_norm`; or of matrices the nuclear one.

    Args:
        p: a number, inf or -inf; "fro" is 2; "nuc" is the sum of the singular values of the
            matrices in two dimensions.

    >>> import lucid
    >>> lucid.norm(lucid.tensor([3.0, 4.0])).item()
    5.0
    """
    if p == "nuc":
        return matrix_norm(input, p, (-2, -1) if dim is None else dim, keepdim, dtype=dtype)
    return p_norm(input, p, dim, keepdim, dtype=dtype)


@autocasts
@autocasts
def dist(input, other, p=2):
    """The p-norm of input - other, (sum |input - other|**p)**(1/p).

    >>> import lucid
    >>> lucid.dist(lucid.tensor([3.0, 0.0]), lucid.tensor([0.0, 4.0])).item()
    5.0
    """
    return p_norm(sub(input, other), p)


@autocasts
@autocasts
def cdist(x1, x2, p=2.0, compute_mode="use_mm_for_euclid_dist_if_necessary"):
    """The p-norm of the difference of every row of x1 and every row of x2.

    Shapes: (..., P, M) and (..., R, M) -> (..., P, R). `compute_mode` is torch's choice between
    formulas; here the differences are always taken, which is the precise one.

    Raises:
        ValueError: shapes that do not fit, or a negative p.

    >>> import lucid
    >>> lucid.cdist(lucid.tensor([[0.0], [1.0]]), lucid.tensor([[3.0]])).tolist()
    [[3.0], [2.0]]
    """
    if x1.ndim < 2 or x2.ndim < 2 or x1.shape[-1] != x2.shape[-1]:
        raise ValueError(
            f"cdist expects (..., P, M) and (..., R, M), got shapes {x1.shape} and {x2.shape}"
        )
    if p < 0:
        raise ValueError(f"cdist expects p >= 0, got {p}")
    if compute_mode not in _MODES:
        raise ValueError(f"cdist: compute_mode must be one of {_MODES}, got {compute_mode!r}")
    return p_norm(sub(unsqueeze(x1, -2), unsqueeze(x2, -3)), p, -1)


@autocasts
@autocasts
def renorm(input, p, dim, maxnorm):
    """input with every slice along `dim` whose p-norm is above `maxnorm` scaled down to it.

    Raises:
        ValueError: less than 2 dimensions, p not above 0, or a negative maxnorm.

    >>> lucid.renorm(lucid.tensor([[3.0, 4.0], [0.3, 0.4]]), p=2, dim=0, maxnorm=1.0)
    Tensor([[0.6, 0.8],
            [0.3, 0.4]], grad=None)
    """
    (axis,) = axes_of(input.ndim, dim)
    if input.ndim < 2 or p <= 0 or maxnorm < 0:
        raise ValueError(
            "renorm expects at least 2 dimensions, p > 0 and maxnorm >= 0, "
            f"got shape {input.shape}, p={p} and maxnorm={maxnorm}"
        )
    sizes = p_norm(input, p, tuple(a for a in range(input.ndim) if a != axis), True)
    # 1e-7 as in torch, against a division by 0
    return mul(input, where(sizes > maxnorm, maxnorm / (sizes + 1e-7), 1.0))
