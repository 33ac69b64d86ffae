"""One function per operation: its value and its backward rule together. See `lucid.ops.op`."""

import sys

from lucid.ops import fft, linalg, refusal, special
from lucid.ops.activation import (
    celu,
    elu,
    gelu,
    hardshrink,
    leaky_relu,
    prelu,
    relu,
    rrelu,
    selu,
    silu,
    softplus,
    threshold,
)
from lucid.ops.aliases import (
    absolute,
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctan2,
    arctanh,
    clip,
    conj_physical,
    divide,
    fix,
    ger,
    greater,
    greater_equal,
    less,
    less_equal,
    multiply,
    negative,
    not_equal,
    orgqr,
    subtract,
    trapz,
    true_divide,
)
from lucid.ops.arrange import flip, fliplr, flipud, repeat, repeat_interleave, roll, rot90, tile
from lucid.ops.bitwise import (
    bitwise_and,
    bitwise_left_shift,
    bitwise_not,
    bitwise_or,
    bitwise_right_shift,
    bitwise_xor,
)
from lucid.ops.cast import astype, clone, to_device
from lucid.ops.compare import (
    allclose,
    eq,
    equal,
    ge,
    gt,
    isclose,
    isfinite,
    isinf,
    isnan,
    isneginf,
    isposinf,
    isreal,
    le,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    lt,
    ne,
    signbit,
)
from lucid.ops.complex import (
    abs_power,
    angle,
    complex,
    conj,
    imag,
    polar,
    real,
    view_as_complex,
    view_as_real,
)
from lucid.ops.copies import (
    alias_copy,
    as_strided_copy,
    constant_pad_nd,
    diagonal_copy,
    expand_copy,
    narrow_copy,
    permute_copy,
    resolve_conj,
    resolve_neg,
    select_copy,
    split_copy,
    split_with_sizes_copy,
    squeeze_copy,
    t_copy,
    transpose_copy,
    unbind_copy,
    unsafe_chunk,
    unsafe_split,
    unsafe_split_with_sizes,
    unsqueeze_copy,
    view_copy,
)
from lucid.ops.cumulative import (
    cummax,
    cummin,
    cumprod,
    cumsum,
    cumulative_trapezoid,
    diff,
    gradient,
    logcumsumexp,
    trapezoid,
)
from lucid.ops.cut import (
    chunk,
    dsplit,
    hsplit,
    split,
    split_with_sizes,
    tensor_split,
    unbind,
    vsplit,
)
from lucid.ops.diagonal import (
    diag,
    diag_embed,
    diagflat,
    diagonal,
    diagonal_scatter,
    fill_diagonal,
    tril,
    triu,
)
from lucid.ops.distance import cdist, dist, norm, renorm
from lucid.ops.division import div, floor_divide, fmod, gcd, lcm, remainder
from lucid.ops.einsum import einsum
from lucid.ops.elementary import (
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atanh,
    cos,
    cosh,
    deg2rad,
    exp,
    exp2,
    expm1,
    log,
    log1p,
    log2,
    log10,
    logit,
    rad2deg,
    reciprocal,
    rsqrt,
    sigmoid,
    sin,
    sinc,
    sinh,
    sqrt,
    square,
    tan,
    tanh,
)
from lucid.ops.fft import irfft, rfft
from lucid.ops.frame import frame, overlap_add
from lucid.ops.gather import gather, index_select, take, take_along_dim
from lucid.ops.histogram import bincount, histc, histogram, histogramdd
from lucid.ops.index import getitem, index_put, setitem
from lucid.ops.join import (
    block_diag,
    cartesian_prod,
    cat,
    column_stack,
    combinations,
    concat,
    concatenate,
    dstack,
    hstack,
    meshgrid,
    row_stack,
    stack,
    vstack,
)
from lucid.ops.linalg.chain import chain_matmul
from lucid.ops.linalg.decomposition import cholesky
from lucid.ops.linalg.decomposition import old_qr as qr
from lucid.ops.linalg.decomposition import old_svd as svd
from lucid.ops.linalg.matrix import det, logdet, matrix_exp, matrix_power, slogdet, trace
from lucid.ops.linalg.matrix import old_vander as vander
from lucid.ops.linalg.packed import geqrf, lu_unpack, ormqr
from lucid.ops.linalg.packed import old_lu as lu
from lucid.ops.linalg.packed import old_lu_solve as lu_solve
from lucid.ops.linalg.plus import addbmm, addmm, addmv, addr, baddbmm
from lucid.ops.linalg.product import (
    adjoint,
    bmm,
    cross,
    dot,
    inner,
    kron,
    matmul,
    mm,
    mv,
    outer,
    tensordot,
    vdot,
)
from lucid.ops.linalg.solve import cholesky_inverse, cholesky_solve, triangular_solve
from lucid.ops.linalg.solve import inv as inverse
from lucid.ops.linalg.solve import pinv as pinverse
from lucid.ops.mask import fill, masked_fill, masked_scatter, masked_select
from lucid.ops.math import (
    abs,
    add,
    addcdiv,
    addcmul,
    clamp,
    clamp_max,
    clamp_min,
    lerp,
    maximum,
    minimum,
    mul,
    neg,
    positive,
    pow,
    rsub,
    sub,
)
from lucid.ops.nan import nanmean, nansum
from lucid.ops.nonzero import argwhere, nonzero, nonzero_static
from lucid.ops.order import (
    argmax,
    argmin,
    argsort,
    bucketize,
    kthvalue,
    max,
    min,
    msort,
    searchsorted,
    sort,
    topk,
)
from lucid.ops.pad import pad
from lucid.ops.pairwise import (
    atan2,
    copysign,
    float_power,
    fmax,
    fmin,
    heaviside,
    hypot,
    ldexp,
    logaddexp,
    logaddexp2,
    nextafter,
    xlogy,
)
from lucid.ops.part import (
    as_strided,
    narrow,
    select,
    select_scatter,
    slice_scatter,
    unfold_copy,
    unravel_index,
)
from lucid.ops.probabilities import (
    log_softmax,
    softmax,
)
from lucid.ops.quantile import median, mode, nanmedian, nanquantile, quantile
from lucid.ops.reduce import (
    all,
    amax,
    amin,
    aminmax,
    any,
    count_nonzero,
    logsumexp,
    mean,
    prod,
    sum,
)
from lucid.ops.rounding import ceil, floor, frac, frexp, nan_to_num, round, sgn, sign, trunc
from lucid.ops.scatter import (
    index_add,
    index_copy,
    index_fill,
    index_reduce,
    put,
    scatter,
    scatter_add,
    scatter_reduce,
)
from lucid.ops.sets import isin, unique, unique_consecutive
from lucid.ops.shape import (
    atleast_1d,
    atleast_2d,
    atleast_3d,
    broadcast_shapes,
    broadcast_tensors,
    broadcast_to,
    expand,
    expand_as,
    flatten,
    moveaxis,
    movedim,
    permute,
    ravel,
    reshape,
    reshape_as,
    squeeze,
    sum_to_size,
    swapaxes,
    swapdims,
    t,
    transpose,
    unflatten,
    unsqueeze,
    view,
    view_as,
)
from lucid.ops.special.error_function import erf, erfc, erfinv
from lucid.ops.special.gamma import digamma, lgamma, mvlgamma, polygamma
from lucid.ops.special.incomplete_gamma import igamma, igammac
from lucid.ops.special.modified_bessel import i0
from lucid.ops.statistics import corrcoef, cov, std, std_mean, var, var_mean
from lucid.ops.stft import istft, stft
from lucid.ops.where import where

for _module in (sys.modules[__name__], fft, linalg, special):
    refusal.refuse_all(_module)

# what `from lucid.ops import *` in lucid means: the operations, not the modules that hold them
__all__ = [name for name, value in list(vars().items()) if callable(value)]
