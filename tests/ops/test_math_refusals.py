"""What mathematics refuses, and what its messages say; spellings of arguments."""

import numpy as np
import pytest

import lucid

X = lucid.tensor([[3.0, 1.0, 2.0], [0.0, 5.0, 4.0]])
LONG = lucid.tensor([1, 2, 3])
BOOL = lucid.tensor([True, False])

REFUSED = {
    "clamp nothing": (lambda: X.clamp(), ValueError, "clamp needs min, max or both"),
    "integer division by 0": (lambda: LONG % 0, ZeroDivisionError, r"use x\.float\(\) to get inf"),
    "fmod by 0": (lambda: LONG.fmod(0), ZeroDivisionError, "cannot be divided by 0"),
    "division of bools": (lambda: BOOL // BOOL, TypeError, "expects integers, got bool"),
    "rounding mode": (lambda: X.div(2, rounding_mode="up"), ValueError, '"trunc" or "floor"'),
    "negative power": (lambda: LONG**-1, ValueError, r"negative power -1 .* use x\.float"),
    "gcd of floats": (lambda: X.gcd(X), TypeError, "gcd expects integers"),
    "shift of floats": (lambda: X << 1, TypeError, "shifts expect integers, got .*float32"),
    "positive bool": (lambda: +BOOL, TypeError, "positive expects numbers, got bool"),
    "sign of complex": (lambda: lucid.complex(X, X).sign(), TypeError, "use sgn"),
    "tolerances": (lambda: X.isclose(X, rtol=-1), ValueError, "must not be negative"),
    "decimals": (lambda: LONG.round(decimals=1), TypeError, "expects a floating point tensor"),
    "dim": (lambda: X.sum(2), IndexError, "takes -2 to 1"),
    "dim twice": (lambda: X.sum((0, -2)), ValueError, "names a dimension twice"),
    "mean of ints": (lambda: LONG.mean(), TypeError, r"use x\.float\(\)"),
    "amax of nothing": (lambda: lucid.zeros(0).amax(), ValueError, "something to reduce"),
    "median of nothing": (lambda: lucid.zeros(2, 0).median(1), ValueError, "something to reduce"),
    "kthvalue": (lambda: X.kthvalue(4), ValueError, "k from 1 to 3.* got 4"),
    "topk": (lambda: X.topk(4), ValueError, "k from 0 to 3"),
    "quantile share": (lambda: X.quantile(1.5), ValueError, "between 0 and 1"),
    "quantile dtype": (lambda: LONG.quantile(0.5), TypeError, "expects float32 or float64"),
    "quantile name": (
        lambda: X.quantile(0.5, interpolation="cubic"),
        ValueError,
        "interpolation must be",
    ),
    "bincount of floats": (lambda: X.bincount(), TypeError, "1-D tensor of integers"),
    "bincount of negatives": (lambda: (-LONG).bincount(), ValueError, "no negative values"),
    "histc": (lambda: X.histc(0), ValueError, "at least one bin"),
    "histogram edges": (lambda: X.histogram(LONG), ValueError, "1-D and of dtype"),
    "histogramdd": (lambda: lucid.histogramdd(X, [2]), ValueError, "bins for 3 coordinates"),
    "histogram range": (lambda: X.histogram(2, range=(2.0, 1.0)), ValueError, "ascending range"),
    "searchsorted": (
        lambda: lucid.searchsorted(X, LONG),
        ValueError,
        "alike in all dimensions but the last",
    ),
    "sorter": (lambda: lucid.searchsorted(LONG, 1, sorter=X), ValueError, "the sorter must be"),
    "bucketize": (lambda: lucid.bucketize(X, X), ValueError, "must be 1-D"),
    "polygamma": (lambda: lucid.polygamma(-1, X), ValueError, "n from 0 to 100, got -1"),
    "mvlgamma": (lambda: X.mvlgamma(0), ValueError, "p >= 1"),
    "cov": (lambda: lucid.ones(1, 1, 1).cov(), ValueError, "at most 2 dimensions"),
    "cov weights": (lambda: X.cov(aweights=-X[0]), ValueError, "must not be negative"),
    "cdist": (lambda: lucid.cdist(X, X[:, :2]), ValueError, r"\(\.\.\., P, M\)"),
    "renorm": (lambda: LONG.renorm(2, 0, 1), ValueError, "at least 2 dimensions"),
    "gradient": (lambda: lucid.gradient(X[:, :1], dim=1), ValueError, "more than 1 samples"),
    "spacings": (lambda: lucid.gradient(X, spacing=[1.0]), ValueError, "2 spacings"),
    "trapezoid": (lambda: lucid.trapezoid(BOOL), TypeError, "must be numbers, got bool"),
    "diff": (lambda: X.diff(n=-1), ValueError, "n >= 0"),
    "in place abs": (lambda: lucid.complex(X, X).abs_(), TypeError, "cannot be kept in complex64"),
    "in place kind": (lambda: LONG.clone().mul_(0.5), TypeError, "cannot keep a result of"),
    "in place bool": (lambda: BOOL.clone().add_(2), TypeError, "cannot keep a result of"),
    "float_power_": (lambda: X.clone().float_power_(2), TypeError, "gives float64"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name):
    call, kind, message = REFUSED[name]
    with pytest.raises(kind, match=message):
        call()


def test_aliases_are_the_functions_themselves():
    for alias, name in {
        "absolute": "abs",
        "arctan2": "atan2",
        "clip": "clamp",
        "divide": "div",
        "fix": "trunc",
        "greater_equal": "ge",
        "multiply": "mul",
        "trapz": "trapezoid",
    }.items():
        assert getattr(lucid, alias) is getattr(lucid, name)
    assert lucid.special.expit is lucid.sigmoid
    assert lucid.special.psi is lucid.digamma


def test_integer_division_at_the_lowest_value():
    low = lucid.tensor([-(2**31)], dtype=lucid.int32)  # lowest // -1 does not fit, and kills in C
    assert (low // -1).tolist() == [-(2**31)]
    assert (low % -1).tolist() == [0]
    assert low.fmod(-1).tolist() == [0]


def test_shifts_by_more_bits_than_there_are():
    x = lucid.tensor([1, -1])
    assert (x << 64).tolist() == [0, 0]
    assert (x >> 64).tolist() == [0, -1]
    assert (x >> -1).tolist() == [0, -1]


def test_searchsorted_finds_every_place():
    rng = np.random.default_rng(0)
    for n in (0, 1, 2, 7, 8, 33):
        edges, x = np.sort(rng.integers(0, 9, n)), rng.integers(-1, 11, 40)
        for right, side in ((False, "left"), (True, "right")):
            found = lucid.searchsorted(lucid.tensor(edges), lucid.tensor(x), right=right)
            np.testing.assert_array_equal(found.numpy(), np.searchsorted(edges, x, side))


def test_results_have_names():
    assert X.max(1).values.tolist() == [3, 5]
    assert X.median(dim=1, keepdim=True).indices.tolist() == [[2], [2]]
    assert lucid.aminmax(X, dim=0).min.tolist() == [0, 1, 2]
    assert X.histogram(2).bin_edges.tolist() == [0, 2.5, 5]
    assert lucid.frexp(X).mantissa.shape == (2, 3)
