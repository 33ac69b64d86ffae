"""Products of several matrices, in the order that multiplies least."""

from __future__ import annotations

import functools

from lucid.ops.autocast import autocasts
from lucid.ops.linalg.product import check_dims, matmul
from lucid.ops.shape import squeeze, unsqueeze


@autocasts
def multi_dot(tensors):
    """The product of several matrices in the order that multiplies least; the ends may be vectors.

    Raises:
        ValueError: less than 2 tensors, or shapes that do not fit.

    >>> import lucid
    >>> lucid.linalg.multi_dot([lucid.ones(2, 9), lucid.ones(9, 9), lucid.ones(9)]).tolist()
    [81.0, 81.0]
    """
    if len(tensors) < 2:
        raise ValueError(f"multi_dot: expects at least 2 tensors, got {len(tensors)}")
    chain = list(tensors)
    row, column = chain[0].ndim == 1, chain[-1].ndim == 1
    chain[0] = unsqueeze(chain[0], 0) if row else chain[0]
    chain[-1] = unsqueeze(chain[-1], 1) if column else chain[-1]
    result = _chained(chain)
    result = squeeze(result, -1) if column else result
    return squeeze(result, 0) if row else result


@autocasts
def chain_matmul(*matrices):
    """`linalg.multi_dot` of one or more matrices.

    >>> lucid.chain_matmul(lucid.ones(2, 3), lucid.ones(3, 4), lucid.ones(4, 5)).shape
    (2, 5)
    """
    return _chained(matrices)


def _chained(matrices):
    """Cormen et al., "Introduction to Algorithms", section 15.2."""
    check_dims("multi_dot", *((x, 2) for x in matrices))
    sizes = [matrices[0].shape[0], *(x.shape[1] for x in matrices)]

    @functools.cache
    def cheapest(i, j):
        """(multiplications, where to cut) for the matrices i to j."""
        costs = [
            (cheapest(i, k)[0] + cheapest(k + 1, j)[0] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
            for k in range(i, j)
        ]
        return min(costs, default=(0, i))

    def multiplied(i, j):
        if i == j:
            return matrices[i]
        k = cheapest(i, j)[1]
        return matmul(multiplied(i, k), multiplied(k + 1, j))

    return multiplied(0, len(matrices) - 1)
