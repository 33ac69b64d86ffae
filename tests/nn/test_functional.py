"""Refusals of functions and layers that are not norms or losses."""

import numpy as np
import pytest

import lucid
from lucid import nn

F = nn.functional
X = lucid.ones(2, 3, 8)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.max_pool1d(X, 9), ValueError, r"kernel_size=9 and dilation=1 does not fit"),
        (lambda: F.max_pool1d(X, 3, dilation=4), ValueError, "does not fit into x of shape"),
        (lambda: F.avg_pool1d(X, 3, padding=2), ValueError, "at most half of the kernel, 1"),
        (lambda: F.max_pool1d(X, 0), ValueError, "kernel_size must be at least 1, got 0"),
        (lambda: F.max_pool1d(X, 2, -1), ValueError, "stride must be at least 1, got -1"),
        (lambda: F.max_pool1d(X, True), TypeError, "kernel_size must be an int, got bool"),
        (lambda: F.max_pool1d(X, (2, 2)), ValueError, "int or a 1-tuple, got"),
        (lambda: F.max_pool1d(lucid.ones(3), 2), ValueError, r"\(N, C, L\) or \(C, L\)"),
        (lambda: F.avg_pool1d(lucid.ones(3, 0), 1), ValueError, "with L at least 1"),
        (lambda: F.max_pool1d(np.ones((2, 3)), 2), TypeError, "expects a Tensor, got ndarray"),
        (lambda: F.adaptive_avg_pool1d(X, 0), ValueError, "output_size must be at least 1"),
        (lambda: F.max_pool1d(lucid.tensor([[1, 2]]), 1), TypeError, "floating point Tensor"),
        (lambda: nn.MaxPool1d(2.0), TypeError, "MaxPool1d: kernel_size must be an int, got float"),
        (lambda: nn.AvgPool1d(2, padding=2), ValueError, "AvgPool1d: padding must be at most half"),
        (lambda: nn.Linear(0, 3), ValueError, "Linear: in_features must be at least 1, got 0"),
        (lambda: nn.Linear(3, True), TypeError, "Linear: out_features must be an int, got bool"),
        (lambda: nn.Linear(3, 2)(X), ValueError, r"linear expects x of shape \(..., 3\), got"),
        (lambda: nn.Linear(8, 2)(np.ones(8)), TypeError, "linear expects a Tensor, got ndarray"),
        (lambda: nn.Linear(8, 2)(lucid.tensor([1])), TypeError, "floating point Tensor"),
        (lambda: nn.PReLU(0), ValueError, "PReLU: num_parameters must be at least 1"),
        (lambda: nn.PReLU(4)(X), ValueError, r"prelu expects a weight of shape"),
        (lambda: nn.Hardtanh(1, -1), ValueError, "min_val=1 must be below max_val=-1"),
        (lambda: F.glu(X, 1), ValueError, r"even size along dim 1, got x of shape \(2, 3, 8\)"),
        (lambda: F.glu(X, 3), IndexError, "dim 3 is out of range"),
        (lambda: nn.Unflatten(5, (1, 2))(X), IndexError, "dim 5 is out of range"),
        (lambda: nn.ZeroPad1d((1, 2, 3)), ValueError, r"int or \(before, after\), got"),
        (lambda: nn.ZeroPad2d(1.5), ValueError, r"int or \(left, right, top, bottom\), got 1.5"),
        (lambda: nn.ReflectionPad1d(9)(X), ValueError, "reflect"),
    ],
)
def test_refusal(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_one_hot():
    hot = F.one_hot(lucid.tensor([[0, 2]]), 3)
    assert hot.tolist() == [[[1, 0, 0], [0, 0, 1]]]
    assert hot.dtype == lucid.int64


def test_pooling_an_empty_batch():
    x = lucid.zeros(0, 3, 8, requires_grad=True)
    for y in (F.max_pool1d(x, 3, 2, 1), F.avg_pool1d(x, 2), F.adaptive_avg_pool1d(x, 3)):
        assert y.shape[:2] == (0, 3)
        y.backward()


def test_adaptive_means_are_exact_in_float64():
    x = lucid.arange(7, dtype=lucid.float64).reshape(1, 7)
    y = nn.functional.adaptive_avg_pool1d(x / 3, 3)
    np.testing.assert_allclose(y.numpy(), [[1 / 3, 1, 5 / 3]], rtol=1e-15)
