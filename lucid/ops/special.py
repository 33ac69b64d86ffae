"""`lucid.special`, as `torch.special`: most of it under the names that SciPy uses."""

from lucid.ops.activation import log_softmax, softmax
from lucid.ops.bessel import i0, i0e, i1, i1e
from lucid.ops.elementary import exp2, expm1, log1p, logit, sinc
from lucid.ops.elementary import sigmoid as expit
from lucid.ops.error_function import erf, erfc, erfcx, erfinv, log_ndtr, ndtr, ndtri
from lucid.ops.gamma import digamma, polygamma
from lucid.ops.gamma import digamma as psi
from lucid.ops.gamma import lgamma as gammaln
from lucid.ops.gamma import mvlgamma as multigammaln
from lucid.ops.pairwise import entr, xlog1py, xlogy
from lucid.ops.reduce import logsumexp
from lucid.ops.rounding import round

__all__ = [
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "exp2",
    "expit",
    "expm1",
    "gammaln",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "log1p",
    "log_ndtr",
    "log_softmax",
    "logit",
    "logsumexp",
    "multigammaln",
    "ndtr",
    "ndtri",
    "polygamma",
    "psi",
    "round",
    "sinc",
    "softmax",
    "xlog1py",
    "xlogy",
]
