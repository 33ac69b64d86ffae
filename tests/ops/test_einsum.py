"""Einstein summation with numbered dimensions."""

import numpy as np
import pytest

import lucid

X, Y = (np.random.default_rng(0).standard_normal(s) for s in ((2, 3, 4), (2, 4, 5)))


@pytest.mark.parametrize(
    ("numbered", "equation"),
    [
        ((X, [0, 1, 2], Y, [0, 2, 3], [0, 1, 3]), "abc,acd->abd"),
        ((X, [0, 1, 2], Y, [0, 2, 3]), "abc,acd"),
        ((X, [..., 1, 2], Y, [..., 2, 30], [30, ..., 1]), "...bc,...cd->d...b"),
        ((X, [51, 1, 26], []), "abc->"),
        ((X, [2, 1, 0]), "cba"),
    ],
)
def test_numbered_dimensions(numbered, equation):
    ours = [lucid.tensor(a) if isinstance(a, np.ndarray) else a for a in numbered]
    expected = np.einsum(equation, *(a for a in numbered if isinstance(a, np.ndarray)))
    np.testing.assert_allclose(lucid.einsum(*ours).numpy(), expected, atol=1e-5)


def test_numbers_out_of_range():
    x = lucid.ones(2, 2)
    with pytest.raises(ValueError, match=r"numbered from 0 to 51, got \[0, 52\]"):
        lucid.einsum(x, [0, 52])
    with pytest.raises(ValueError, match="expects an equation, or after each operand"):
        lucid.einsum(x, x)
