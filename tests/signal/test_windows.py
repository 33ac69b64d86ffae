"""Windows against SciPy's definitions."""

import numpy as np
import pytest
from scipy.signal import windows as reference

import lucid
from lucid.signal import windows

CASES = {
    "bartlett": {},
    "blackman": {},
    "cosine": {},
    "exponential": {"tau": 2.5},
    "gaussian": {"std": 1.5},
    "general_cosine": {"a": [0.4, 0.3, 0.2, 0.1]},
    "general_hamming": {"alpha": 0.7},
    "hamming": {},
    "hann": {},
    "kaiser": {"beta": 8.6},
    "nuttall": {},
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("sym", [True, False])
@pytest.mark.parametrize("M", [1, 2, 9, 16])
def test_values(name, sym, M):
    settings = CASES[name]
    expected = getattr(reference, name)(M, sym=sym, **settings)
    made = getattr(windows, name)(M, sym=sym, dtype=lucid.float64, **settings)
    np.testing.assert_allclose(made.numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("name", ["bartlett", "blackman", "hamming", "hann", "kaiser"])
def test_older_names_are_periodic(name):
    make = getattr(lucid, f"{name}_window")
    np.testing.assert_allclose(
        make(10).numpy(), getattr(windows, name)(10, sym=False).numpy(), atol=1e-7
    )
    np.testing.assert_allclose(make(10, False).numpy(), getattr(windows, name)(10).numpy())


def test_settings():
    w = windows.hann(0, device="cpu", requires_grad=True)
    assert w.shape == (0,)
    assert w.requires_grad
    np.testing.assert_allclose(
        windows.exponential(5, center=1.0, sym=False).numpy(), np.exp(-np.abs(np.arange(5) - 1.0))
    )


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: windows.hann(-1), ValueError, "0 samples or more, got -1"),
        (lambda: windows.hann(2.5), TypeError, r"an int of samples, got 2\.5"),
        (lambda: windows.hann(3, dtype=lucid.int32), TypeError, "float32 or float64"),
        (lambda: windows.hann(3, size=2), TypeError, r"got \['size'\]"),
        (lambda: windows.kaiser(3, beta=-1), ValueError, "must not be negative, got -1"),
        (lambda: windows.gaussian(3, std=0), ValueError, "std must be above 0, got 0"),
        (lambda: windows.exponential(3, tau=0), ValueError, "tau must be above 0, got 0"),
        (lambda: windows.exponential(3, center=1), ValueError, "center in the middle"),
        (lambda: windows.general_cosine(3, a=[]), ValueError, "a list of coefficients"),
    ],
)
def test_refusals_of_windows(make, error, message):
    with pytest.raises(error, match=message):
        make()
