"""Special functions."""

import numpy as np

from gradient_cases import MIXED
from lucid import special

# around the places where one formula gives way to another
WIDE = np.array([-7.3, -2.6, -0.7, 0.2, 1.3, 2.1, 4.4, 9.7, 12.3])

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
    "lgamma": (special.gammaln, WIDE),
    "log_ndtr": (special.log_ndtr, WIDE),
    "mvlgamma": (lambda x: special.multigammaln(x + 1, 3), (3,)),
    "ndtr": (special.ndtr, MIXED),
    "ndtri": (special.ndtri, np.array([0.01, 0.2, 0.4, 0.6, 0.97])),
    "polygamma 1": (lambda x: special.polygamma(1, x), MIXED),
    "polygamma 3": (lambda x: special.polygamma(3, x), MIXED),
    "xlog1py": (special.xlog1py, MIXED, (3,)),
}
