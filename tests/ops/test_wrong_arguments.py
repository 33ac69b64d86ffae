"""What is no tensor, sizes without end and NumPy's integers as arguments of functions."""

import pickle

import numpy as np
import pytest

import lucid
from lucid.nn import functional as F

HUGE = 2**40


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda x: lucid.flipud(x), "flipud"),
        (lambda x: F.softmax(x, 0), "softmax"),
        (
            lambda x: lucid.masked_select(x, lucid.ones(2).bool()),
            "[bm][a-z_]*",
        ),
        (lambda x: lucid.linalg.qr(x), "qr"),
        (lambda x: lucid.fft.rfft(x), "rfft"),
        (lambda x: lucid.special.softmax(x, 0), "softmax"),
        (lambda x: lucid.ones(2).dot(x), "dot"),
    ],
)
@pytest.mark.parametrize("wrong", [[1.0, 2.0], None, "a", 2])
def test_no_tensor(call, name, wrong):
    with pytest.raises(TypeError, match=f"{name}.* expects a Tensor, got {type(wrong).__name__}"):
        call(wrong)


def test_functions_that_refuse_can_be_pickled():
    for function in (F.softmax, lucid.flipud, lucid.qr, lucid.linalg.qr, F.cross_entropy):
        assert pickle.loads(pickle.dumps(function)) is function


def test_an_error_inside_stays_what_it_is():
    class Shape:
        @property
        def ndim(self):
            return object().size

    with pytest.raises(AttributeError, match="size"):
        lucid.flipud(Shape())


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: lucid.ones(3).as_strided((HUGE, 2), (1, 1)), IndexError, "reach element"),
        (lambda: lucid.ones(3).as_strided((HUGE, HUGE), (0, 0)), MemoryError, "as_strided: shape"),
        (lambda: lucid.ones(3).as_strided((1,), (1,), -1), IndexError, "reach element -1"),
        (lambda: lucid.vander(lucid.ones(3), HUGE), MemoryError, "vander: shape"),
        (lambda: lucid.polygamma(HUGE, lucid.ones(3)), ValueError, "n from 0 to 100"),
        (
            lambda: lucid.histogramdd(lucid.ones(3, 2), bins=[HUGE, 2]),
            MemoryError,
            "histogramdd: shape",
        ),
        (lambda: F.softplus(lucid.ones(3), 2**70), TypeError, "softplus: .* an int too large"),
        (lambda: lucid.broadcast_shapes((2,), (1.0,)), TypeError, "sizes must be ints"),
        (
            lambda: lucid.cdist(lucid.ones(1, 1), lucid.ones(1, 1), compute_mode="x"),
            ValueError,
            "compute_mode must be one of",
        ),
        (
            lambda: lucid.searchsorted(
                lucid.arange(3), lucid.tensor([1]), sorter=lucid.tensor([0, 1, -1])
            ),
            IndexError,
            "searchsorted: index -1 is out of range",
        ),
    ],
)
def test_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("zero", [np.int64(0), np.uint8(0), lucid.tensor(0)])
def test_dims_of_numpy_and_tensors(zero):
    x = lucid.arange(6.0).reshape(2, 3)
    assert x.sum(zero).tolist() == [3, 5, 7]
    assert x.sort(zero).indices[0].tolist() == [0, 0, 0]
    assert F.softmax(x, zero).shape == x.transpose(zero, 1).t().shape
    for wrong in (True, np.True_, 0.0, "0"):
        with pytest.raises(TypeError, match="dim must be an int"):
            x.sum(wrong)


def test_index_fill_counts_from_the_end():
    filled = lucid.zeros(3).index_fill(0, lucid.tensor([-1]), 2.0)
    assert filled.tolist() == [0, 0, 2]
    with pytest.raises(IndexError, match="index -4 is out of range"):
        filled.index_fill(0, lucid.tensor([-4]), 2.0)


@pytest.mark.parity
@pytest.mark.parametrize("p", [-1, -2.5])
def test_negative_norms_of_zeros(p):
    torch = pytest.importorskip("torch")
    values = [[0.0, 1.0], [2.0, -3.0], [0.0, 0.0]]
    ours, theirs = (lib.tensor(values, requires_grad=True) for lib in (lucid, torch))
    got, expected = ours.norm(p, dim=1), theirs.norm(p, dim=1)
    np.testing.assert_allclose(got.numpy(), expected.detach().numpy(), rtol=1e-6)
    got.sum().backward()
    expected[:2].sum().backward()  # of zeros alone torch's gradient is NaN
    np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=1e-6)


def test_numbers_that_do_not_fit_the_dtype():
    pcm = lucid.tensor([16384, -32768], dtype=lucid.int16)
    assert (pcm / 32768).tolist() == [0.5, -1]
    assert (32768 / pcm).tolist() == [2, -1]
    assert (lucid.tensor([-128], dtype=lucid.int8) / 128).tolist() == [-1]
    bytes = lucid.tensor([0, 255], dtype=lucid.uint8)
    assert (bytes == -1).tolist() == [False, False]
    assert (bytes < 256).tolist() == (bytes > -1).tolist() == [True, True]
    assert (lucid.tensor([1], dtype=lucid.int32) < 2**40).tolist() == [True]
    with pytest.raises(ValueError, match="mul: Converting 300 to uint8 would result in overflow"):
        bytes * 300


@pytest.mark.parametrize("degree", [1e9, float("nan"), float("inf")])
def test_degrees_without_end(degree):
    with pytest.raises(ValueError, match="degree must be a number up to 10000"):
        lucid.special.legendre_polynomial_p(lucid.ones(1), lucid.tensor(degree))
