"""Special functions against SciPy, in float64 and float32, also where formulas change."""

import numpy as np
import pytest
import scipy.special

import lucid
from lucid import special

LINE = np.concatenate([np.linspace(-9.7, 12, 101), [1e-3, 0.5, 1, 2, 8, 30, 100]])
POSITIVE = LINE[LINE > 0]
SHARES = np.array([1e-30, 1e-9, 1e-3, 0.02, 0.1, 0.26, 0.4, 0.49, 0.6, 0.74, 0.76, 0.97, 0.999])
INSIDE = np.array([-0.999, -0.6, -0.4, -1e-9, 1e-3, 0.1, 0.51, 0.9])

CASES = {
    "gammaln": (scipy.special.gammaln, LINE),
    "digamma": (scipy.special.digamma, LINE),
    "erf": (scipy.special.erf, LINE),
    "erfc": (scipy.special.erfc, LINE),
    "erfcx": (scipy.special.erfcx, LINE),
    "erfinv": (scipy.special.erfinv, INSIDE),
    "ndtr": (scipy.special.ndtr, LINE),
    "log_ndtr": (scipy.special.log_ndtr, LINE),
    "ndtri": (scipy.special.ndtri, SHARES),
    "i0": (scipy.special.i0, LINE),
    "i0e": (scipy.special.i0e, LINE),
    "i1": (scipy.special.i1, LINE),
    "i1e": (scipy.special.i1e, LINE),
    "modified_bessel_k0": (scipy.special.k0, POSITIVE),
    "modified_bessel_k1": (scipy.special.k1, POSITIVE),
    "scaled_modified_bessel_k0": (scipy.special.k0e, POSITIVE),
    "scaled_modified_bessel_k1": (scipy.special.k1e, POSITIVE),
    "bessel_j0": (scipy.special.j0, LINE),
    "bessel_j1": (scipy.special.j1, LINE),
    "bessel_y0": (scipy.special.y0, POSITIVE),
    "bessel_y1": (scipy.special.y1, POSITIVE),
    "spherical_bessel_j0": (lambda x: scipy.special.spherical_jn(0, x), POSITIVE),
    "entr": (scipy.special.entr, LINE),
    "logit": (scipy.special.logit, SHARES),
    "sinc": (np.sinc, LINE),
}
CASES |= {
    f"polygamma {n}": (lambda x, n=n: scipy.special.polygamma(n, x), POSITIVE) for n in (1, 2, 5)
}
CASES |= {"zeta 3": (lambda x: scipy.special.zeta(3, x), POSITIVE)}


def ours(name):
    if name.startswith("polygamma"):
        return lambda x: special.polygamma(int(name.split()[1]), x)
    if name.startswith("zeta"):
        return lambda x: special.zeta(3.0, x)
    return getattr(special, name)


def compare(name, x, dtype, rtol, atol):
    function, found = CASES[name][0], ours(name)(lucid.tensor(x, dtype=dtype))
    assert found.dtype == dtype
    expected = function(x)
    if dtype == lucid.float32:  # overflow is inf there
        with np.errstate(over="ignore"):
            expected = expected.astype(np.float32)
    np.testing.assert_allclose(found.numpy(), expected, rtol=rtol, atol=atol)


@pytest.mark.parametrize("name", CASES)
def test_float64(name):
    compare(name, CASES[name][1], lucid.float64, rtol=2e-14, atol=2e-15)


@pytest.mark.parametrize("name", CASES)
def test_float32(name):
    # an input of 12 is known to 6e-8 * 12: where a function varies quickly that is its own error
    x = CASES[name][1].astype(np.float32).astype(np.float64)
    compare(name, x, lucid.float32, rtol=6e-6, atol=3e-7)


@pytest.mark.parametrize("n", [0, 1, 4])
def test_polygamma_below_zero(n):
    """By the recurrence up to above 0; at -8.5 the reflection meets a zero of the cotangent."""
    for x in (-0.3, -3.75, -8.5):
        terms = [1 / (x + k) ** (n + 1) for k in range(9)]
        expected = scipy.special.polygamma(n, x + 9) - (-1) ** n * scipy.special.factorial(n) * sum(
            terms
        )
        found = special.polygamma(n, lucid.tensor([x], dtype=lucid.float32)).item()
        assert found == pytest.approx(expected, rel=2e-5, abs=2e-6)


@pytest.mark.parametrize("dtype", [lucid.float16, lucid.bfloat16])
def test_half_precision_is_rounded_once(dtype):
    x = lucid.tensor(np.linspace(0.1, 4, 50), dtype=dtype)
    for function in (
        *(special.gammaln, special.erfc, special.i0, special.log_ndtr, lucid.sigmoid),
        *(lucid.rsqrt, lucid.sinc, lambda t: t.std(), lambda t: t.norm(3), lambda t: t.cumprod(0)),
    ):
        wide = function(x.float())
        assert wide.to(dtype).tolist() == function(x).tolist()


@pytest.mark.parametrize("dtype", [lucid.float64, lucid.float32])
def test_incomplete_gamma(dtype):
    # in float32 the exponent a log(x) - x - log(gamma(a)) cancels: 100 times its rounding
    rtol = 1e-12 if dtype == lucid.float64 else 3e-5
    a, x = np.meshgrid([0.1, 1, 2.5, 9, 50], [1e-3, 0.3, 1, 2.6, 8, 12, 45, 80])
    p, q = (
        f(lucid.tensor(a, dtype=dtype), lucid.tensor(x, dtype=dtype)).numpy()
        for f in (special.gammainc, special.gammaincc)
    )
    tiny = 1e-300 if dtype == lucid.float64 else 1e-37
    np.testing.assert_allclose(p, scipy.special.gammainc(a, x), rtol=rtol, atol=tiny)
    np.testing.assert_allclose(q, scipy.special.gammaincc(a, x), rtol=rtol, atol=tiny)
    edges = special.gammainc(lucid.tensor([0.0, 1, 1, -1, 0]), lucid.tensor([1, 0, np.inf, 1, 0]))
    np.testing.assert_array_equal(edges.numpy(), [1, 0, 1, np.nan, np.nan])


def test_values_at_the_edges():
    def at(function, *values):
        return function(lucid.tensor(values)).tolist()

    inf = float("inf")
    assert at(special.gammaln, 0.0, -1.0, inf, 1.0, 2.0) == [inf, inf, inf, 0, 0]
    assert at(special.digamma, 0.0, -0.0) == [-inf, inf]
    assert np.isnan(at(special.digamma, -1.0, -2.0)).all()
    assert at(lambda x: special.polygamma(1, x), 0.0, -1.0) == [inf, inf]
    assert at(special.ndtri, 0.0, 1.0, 0.5) == [-inf, inf, 0]
    assert np.isnan(at(special.ndtri, -0.1, 1.1)).all()
    assert at(special.erfinv, -1.0, 1.0) == [-inf, inf]
    assert at(special.entr, -1.0, 0.0, 1.0) == [-inf, 0, 0]
    assert at(special.bessel_y0, 0.0) == [-inf]
    assert at(special.modified_bessel_k0, 0.0, inf) == [inf, 0]
    assert at(special.bessel_j0, inf) == [0]


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("chebyshev_polynomial_t", scipy.special.eval_chebyt),
        ("chebyshev_polynomial_u", scipy.special.eval_chebyu),
        ("shifted_chebyshev_polynomial_t", scipy.special.eval_sh_chebyt),
        ("shifted_chebyshev_polynomial_u", scipy.special.eval_sh_chebyu),
        ("hermite_polynomial_h", scipy.special.eval_hermite),
        ("hermite_polynomial_he", scipy.special.eval_hermitenorm),
        ("laguerre_polynomial_l", scipy.special.eval_laguerre),
        ("legendre_polynomial_p", scipy.special.eval_legendre),
    ],
)
def test_polynomials(name, reference):
    x, n = np.linspace(-1.2, 1.2, 7)[:, None], np.arange(9)
    found = getattr(special, name)(lucid.tensor(x, dtype=lucid.float64), lucid.tensor(n))
    np.testing.assert_allclose(found.numpy(), reference(n, x), rtol=1e-12, atol=1e-12)
