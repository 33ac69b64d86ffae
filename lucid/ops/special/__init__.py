"""`lucid.special`, as `torch.special`: most of it under the names that SciPy uses."""

from lucid.ops.elementary import exp2, expm1, log1p, logit, sinc
from lucid.ops.elementary import sigmoid as expit
from lucid.ops.pairwise import entr, xlog1py, xlogy
from lucid.ops.probabilities import log_softmax, softmax
from lucid.ops.reduce import logsumexp
from lucid.ops.rounding import round
from lucid.ops.special.bessel import bessel_j0, bessel_j1, bessel_y0, bessel_y1, spherical_bessel_j0
from lucid.ops.special.error_function import erf, erfc, erfcx, erfinv, log_ndtr, ndtr, ndtri
from lucid.ops.special.gamma import digamma, polygamma, zeta
from lucid.ops.special.gamma import digamma as psi
from lucid.ops.special.gamma import lgamma as gammaln
from lucid.ops.special.gamma import mvlgamma as multigammaln
from lucid.ops.special.incomplete_gamma import igamma as gammainc
from lucid.ops.special.incomplete_gamma import igammac as gammaincc
from lucid.ops.special.modified_bessel import (
    i0,
    i0e,
    i1,
    i1e,
    modified_bessel_k0,
    modified_bessel_k1,
    scaled_modified_bessel_k0,
    scaled_modified_bessel_k1,
)
from lucid.ops.special.modified_bessel import i0 as modified_bessel_i0
from lucid.ops.special.modified_bessel import i1 as modified_bessel_i1
from lucid.ops.special.polynomial import (
    chebyshev_polynomial_t,
    chebyshev_polynomial_u,
    chebyshev_polynomial_v,
    chebyshev_polynomial_w,
    hermite_polynomial_h,
    hermite_polynomial_he,
    laguerre_polynomial_l,
    legendre_polynomial_p,
    shifted_chebyshev_polynomial_t,
    shifted_chebyshev_polynomial_u,
    shifted_chebyshev_polynomial_v,
    shifted_chebyshev_polynomial_w,
)

__all__ = [
    "bessel_j0",
    "bessel_j1",
    "bessel_y0",
    "bessel_y1",
    "chebyshev_polynomial_t",
    "chebyshev_polynomial_u",
    "chebyshev_polynomial_v",
    "chebyshev_polynomial_w",
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "exp2",
    "expit",
    "expm1",
    "gammainc",
    "gammaincc",
    "gammaln",
    "hermite_polynomial_h",
    "hermite_polynomial_he",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "laguerre_polynomial_l",
    "legendre_polynomial_p",
    "log1p",
    "log_ndtr",
    "log_softmax",
    "logit",
    "logsumexp",
    "modified_bessel_i0",
    "modified_bessel_i1",
    "modified_bessel_k0",
    "modified_bessel_k1",
    "multigammaln",
    "ndtr",
    "ndtri",
    "polygamma",
    "psi",
    "round",
    "scaled_modified_bessel_k0",
    "scaled_modified_bessel_k1",
    "shifted_chebyshev_polynomial_t",
    "shifted_chebyshev_polynomial_u",
    "shifted_chebyshev_polynomial_v",
    "shifted_chebyshev_polynomial_w",
    "sinc",
    "softmax",
    "spherical_bessel_j0",
    "xlog1py",
    "xlogy",
    "zeta",
]
