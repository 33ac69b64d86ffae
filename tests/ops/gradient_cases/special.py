"""Special functions."""

import numpy as np

import lucid
from gradient_cases import MIXED
from lucid import special

# around the places where one formula gives way to another
WIDE = np.array([-7.3, -2.6, -0.7, 0.2, 1.3, 2.1, 4.4, 9.7, 12.3])
DEGREES = lucid.tensor([-1, 0, 1, 4, 7])
POLYNOMIALS = [
    *(f"{shifted}chebyshev_polynomial_{kind}" for shifted in ("", "shifted_") for kind in "tuvw"),
    *("hermite_polynomial_h", "hermite_polynomial_he"),
    *("laguerre_polynomial_l", "legendre_polynomial_p"),
]
BESSEL = [
    *("bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "spherical_bessel_j0"),
    *("modified_bessel_k0", "modified_bessel_k1"),
    *("scaled_modified_bessel_k0", "scaled_modified_bessel_k1"),
]

CASES = {
    "digamma": (special.digamma, WIDE),
    "entr": (special.entr, (3,)),
    "erf": (special.erf, MIXED),
    "erfc": (special.erfc, MIXED),
    "erfcx": (special.erfcx, MIXED),
    "erfinv": (special.erfinv, np.array([-0.95, -0.3, 0.2, 0.7])),
    "i0": (special.i0, MIXED),
    "i0e": (special.i0e, WIDE),
    "i1": (special.i1, MIXED),
    "i1e": (special.i1e, WIDE),
    "igamma": (lambda x: special.gammainc(1.5, x), (3,)),
    "igammac": (lambda x: special.gammaincc(0.7, x), (3,)),
    "lgamma": (special.gammaln, WIDE),
    "log_ndtr": (special.log_ndtr, WIDE),
    "mvlgamma": (lambda x: special.multigammaln(x + 1, 3), (3,)),
    "ndtr": (special.ndtr, MIXED),
    "ndtri": (special.ndtri, np.array([0.01, 0.2, 0.4, 0.6, 0.97])),
    "polygamma 1": (lambda x: special.polygamma(1, x), MIXED),
    "polygamma 3": (lambda x: special.polygamma(3, x), MIXED),
    "xlog1py": (special.xlog1py, MIXED, (3,)),
    "zeta": (lambda q: special.zeta(3.0, q), (3,)),
}
CASES |= {name: (getattr(special, name), np.abs(WIDE)) for name in BESSEL}
CASES |= {
    name: (lambda x, name=name: getattr(special, name)(x, DEGREES), (5,)) for name in POLYNOMIALS
}
