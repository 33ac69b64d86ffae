"""Pooling: indices, unpooling, refusals. `test_layers_parity` has the values."""

import numpy as np
import pytest

import lucid
from lucid import nn

F = nn.functional
X = lucid.ones(2, 3, 6, 5)


@pytest.mark.parity
@pytest.mark.parametrize(
    ("name", "args", "shape"),
    [
        ("max_pool1d", (3, 2, 1, 2), (2, 3, 9)),
        ("max_pool2d", ((3, 2), (2, 1), 1), (2, 3, 6, 5)),
        ("adaptive_max_pool1d", (4,), (3, 9)),
        ("adaptive_max_pool2d", ((4, 3),), (2, 3, 6, 5)),
    ],
)
@pytest.mark.parametrize("kind", ["ties", "infinities", "NaN"])
def test_indices(name, args, shape, kind):
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).integers(0, 3, shape).astype(np.float32)
    if kind == "infinities":
        x[...] = -np.inf
    if kind == "NaN":
        x[x == 2] = np.nan
    y, at = getattr(F, name)(lucid.tensor(x), *args, return_indices=True)
    z, there = getattr(torch.nn.functional, name)(torch.tensor(x), *args, return_indices=True)
    np.testing.assert_array_equal(y.numpy(), z.numpy())
    if kind != "NaN":  # of several NaNs torch takes the last, which one is of no use
        np.testing.assert_array_equal(at.numpy(), there.numpy())
    assert at.dtype == lucid.int64


@pytest.mark.parity
def test_unpooling_modules(parity):
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).normal(size=(2, 3, 7, 8)).astype(np.float32)
    y, at = nn.MaxPool2d(2, return_indices=True)(lucid.tensor(x))
    z, there = torch.nn.MaxPool2d(2, return_indices=True)(torch.tensor(x))
    ours = nn.MaxUnpool2d(2)(y, at, output_size=(2, 3, 7, 8))
    theirs = torch.nn.MaxUnpool2d(2)(z, there, output_size=(2, 3, 7, 8))
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.max_pool2d(X, (2, 6)), ValueError, "kernel_size=6 and dilation=1 does not fit"),
        (lambda: F.max_pool2d(X, (2, 2, 2)), ValueError, "kernel_size must be an int or 2 ints"),
        (lambda: F.max_pool2d(X[0, 0], 2), ValueError, r"shape \(N, C, H, W\) or \(C, H, W\)"),
        (lambda: F.avg_pool2d(X, 2, divisor_override=0), ValueError, "must not be 0"),
        (lambda: F.adaptive_max_pool2d(X, (2, 0)), ValueError, "output_size must be at least 1"),
        (lambda: nn.AdaptiveAvgPool2d((2, 3, 4)), ValueError, "output_size must be an int or 2"),
        (
            lambda: F.max_unpool1d(X[0, 0, :1], lucid.tensor([[12, 0, 0, 0, 0]]), 2),
            IndexError,
            "indices from 0 to 12 do not fit",
        ),
        (lambda: F.max_unpool1d(X[0], X[0], 2), TypeError, "expects indices as a Tensor of int64"),
        (
            lambda: F.max_unpool1d(X[0, 0], lucid.zeros(6, 4, dtype="int64"), 2),
            ValueError,
            r"indices of shape \(6, 5\), got \(6, 4\)",
        ),
        (
            lambda: F.max_unpool1d(X[0, 0], lucid.zeros(6, 5, dtype="int64"), 2, output_size=(7,)),
            ValueError,
            r"within one stride of \[10\]",
        ),
    ],
)
def test_refusal(call, error, message):
    with pytest.raises(error, match=message):
        call()
