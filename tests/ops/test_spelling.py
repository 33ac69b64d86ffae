"""NumPy's names of arguments mean what torch's do."""

import pytest

import lucid

X = lucid.tensor([[3.0, 1.0, 2.0], [0.0, 5.0, 4.0]])


@pytest.mark.parametrize(
    "name",
    [
        *("sum", "mean", "prod", "amax", "std", "var", "argmax", "all", "nansum", "count_nonzero"),
        *("max", "min", "median", "mode", "sort", "argsort", "cumsum", "cumprod", "cummax"),
        *("diff", "softmax", "logsumexp", "unsqueeze", "unbind", "aminmax", "std_mean"),
    ],
)
def test_axis(name):
    function = getattr(lucid, name)
    found, expected = function(X, axis=1), function(X, dim=1)
    for a, b in zip(*(y if isinstance(y, tuple) else (y,) for y in (found, expected)), strict=True):
        assert a.tolist() == b.tolist()


def test_keepdims():
    assert X.sum(axis=1, keepdims=True).shape == (2, 1)
    assert X.median(axis=1, keepdims=True).values.shape == (2, 1)


def test_lists_of_tensors():
    assert lucid.cat([X, X], axis=1).shape == (2, 6)
    assert lucid.stack([X, X], axis=2).shape == (2, 3, 2)
