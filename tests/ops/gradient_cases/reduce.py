"""Reductions."""

import numpy as np

import lucid
from gradient_cases import MIXED

ZEROS = np.array([[1.5, 0.0, -2.0], [0.0, 0.0, 3.0], [0.5, 2.0, 4.0]])

NAN = np.array([[1.5, np.nan, -2.0], [0.5, 2.0, np.nan]])

CASES = {
    "aminmax": (lambda x: lucid.aminmax(x, dim=1).max - lucid.aminmax(x).min, (2, 3)),
    "cdist": (lucid.cdist, (2, 3, 2), (4, 2)),
    "cdist 1": (lambda x, y: lucid.cdist(x, y, 1), MIXED, (2, 3)),
    "corrcoef": (lucid.corrcoef, MIXED),
    "cov": (lucid.cov, MIXED),
    "cov weighted": (lambda x, w: lucid.cov(x, aweights=w), MIXED, (3,)),
    "cummax": (lambda x: x.cummax(1).values, MIXED),
    "cummin": (lambda x: x.cummin(1).values, MIXED),
    "cumprod": (lambda x: x.cumprod(1), ZEROS),
    "cumulative_trapezoid": (lucid.cumulative_trapezoid, (2, 3), (2, 3)),
    "diff": (lambda x: x.diff(n=2), (2, 4)),
    "dist": (lucid.dist, (2, 3), (3,)),
    "gradient": (lambda x: lucid.gradient(x, spacing=0.5, edge_order=2)[1], (3, 4)),
    "gradient uneven": (
        lambda x: lucid.gradient(x, spacing=(lucid.tensor([0.0, 1.0, 3.0, 7.0]),), dim=1)[0],
        (3, 4),
    ),
    "kthvalue": (lambda x: x.kthvalue(2).values, MIXED),
    "logcumsumexp": (lambda x: x.logcumsumexp(1), np.array([[0.3, 0.3, -1.0], [5.0, 0.2, 0.1]])),
    "median": (lambda x: x.median(), MIXED),
    "median dim": (lambda x: x.median(1).values, MIXED),
    "mode": (lambda x: x.mode(0).values, MIXED),
    "msort": (lambda x: x.msort(), MIXED),
    "nanmean": (lambda x: x.nanmean(1), NAN),
    "nanmedian": (lambda x: x.nanmedian(1).values, NAN),
    "nanquantile": (lambda x: x.nanquantile(0.3, dim=1), NAN),
    "nansum": (lambda x: x.nansum(), NAN),
    "quantile": (lambda x, q: x.quantile(q, dim=1), MIXED, (2,)),
    "renorm": (lambda x: x.renorm(2, 0, 1.5), MIXED),
    "std_mean": (lambda x: lucid.std_mean(x, 1)[0] * lucid.std_mean(x, 1)[1], MIXED),
    "trapezoid": (lambda y, x: lucid.trapezoid(y, x, dim=0), (3, 2), (3, 1)),
    "var_mean": (lambda x: lucid.var_mean(x, 1)[0] * lucid.var_mean(x, 1)[1], MIXED),
    "amax": (lambda x: x.amax(1), (2, 3)),
    "amin": (lambda x: x.amin((0, 1), keepdim=True), (2, 3)),
    "cumsum": (lambda x: x.cumsum(1), (2, 3)),
    "logsumexp": (lambda x: x.logsumexp(-1), MIXED),
    "max": (lambda x: x.max(1).values, (2, 3)),
    "mean": (lambda x: x.mean((0, 2)), (2, 3, 2)),
    "min": (lambda x: x.min(), (2, 3)),
    "norm": (lambda x: x.norm(), MIXED),
    "norm 1": (lambda x: x.norm(1, dim=1), MIXED),
    "norm 3": (lambda x: x.norm(3, dim=(0, 1), keepdim=True), MIXED),
    "norm inf": (lambda x: x.norm(float("inf"), dim=1), MIXED),
    "prod": (lambda x: x.prod(1), ZEROS),
    "prod all": (lambda x: x.prod(), (5,)),
    "std": (lambda x: x.std(1, correction=0), MIXED),
    "sum": (lambda x: x.sum(-1), (2, 3)),
    "var": (lambda x: x.var((0, 1)), MIXED),
}

NO_DERIVATIVE = {
    *("all", "any", "count_nonzero", "histc", "counts", "isin", "middle", "place_of_mode"),
    *("places_so_far", "searchsorted"),
}
