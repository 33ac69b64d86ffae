"""The operations as methods of a tensor: `x.exp()` is `lucid.exp(x)`."""

from __future__ import annotations

from typing import Any

from lucid import ops
from lucid.tensor.operators import Operators


class Methods(Operators):
    """Torch's names, in the groups of `lucid.ops`."""

    add = ops.add
    sub = ops.sub
    mul = ops.mul
    div = ops.div
    floor_divide = ops.floor_divide
    remainder = ops.remainder
    pow = ops.pow
    neg = ops.neg
    abs = ops.abs
    maximum = ops.maximum
    minimum = ops.minimum
    clamp = ops.clamp
    clip = ops.clamp
    clamp_min = ops.clamp_min
    clamp_max = ops.clamp_max
    lerp = ops.lerp
    addcmul = ops.addcmul
    addcdiv = ops.addcdiv
    positive = ops.positive
    subtract = ops.sub
    multiply = ops.mul
    divide = ops.div
    true_divide = ops.div
    negative = ops.neg
    absolute = ops.abs
    fmod = ops.fmod
    gcd = ops.gcd
    lcm = ops.lcm
    fmax = ops.fmax
    fmin = ops.fmin
    atan2 = ops.atan2
    arctan2 = ops.atan2
    hypot = ops.hypot
    copysign = ops.copysign
    heaviside = ops.heaviside
    ldexp = ops.ldexp
    logaddexp = ops.logaddexp
    logaddexp2 = ops.logaddexp2
    xlogy = ops.xlogy
    float_power = ops.float_power
    nextafter = ops.nextafter
    bitwise_and = ops.bitwise_and
    bitwise_or = ops.bitwise_or
    bitwise_xor = ops.bitwise_xor
    bitwise_not = ops.bitwise_not
    bitwise_left_shift = ops.bitwise_left_shift
    bitwise_right_shift = ops.bitwise_right_shift

    exp = ops.exp
    exp2 = ops.exp2
    expm1 = ops.expm1
    log = ops.log
    log1p = ops.log1p
    log2 = ops.log2
    log10 = ops.log10
    sqrt = ops.sqrt
    rsqrt = ops.rsqrt
    square = ops.square
    reciprocal = ops.reciprocal
    sin = ops.sin
    cos = ops.cos
    tan = ops.tan
    asin = ops.asin
    acos = ops.acos
    atan = ops.atan
    sinh = ops.sinh
    cosh = ops.cosh
    tanh = ops.tanh
    asinh = ops.asinh
    acosh = ops.acosh
    atanh = ops.atanh
    arcsin = ops.asin
    arccos = ops.acos
    arctan = ops.atan
    arcsinh = ops.asinh
    arccosh = ops.acosh
    arctanh = ops.atanh
    sinc = ops.sinc
    deg2rad = ops.deg2rad
    rad2deg = ops.rad2deg
    sigmoid = ops.sigmoid
    logit = ops.logit
    erf = ops.erf
    erfc = ops.erfc
    erfinv = ops.erfinv
    lgamma = ops.lgamma
    digamma = ops.digamma
    mvlgamma = ops.mvlgamma

    def polygamma(self, n: int) -> Any:
        """The nth derivative of digamma.

        >>> lucid.tensor([1.0]).polygamma(1)
        Tensor([1.6449], grad=None)
        """
        return ops.polygamma(n, self)

    i0 = ops.i0
    igamma = ops.igamma
    igammac = ops.igammac
    relu = ops.relu
    softmax = ops.softmax
    log_softmax = ops.log_softmax

    floor = ops.floor
    ceil = ops.ceil
    round = ops.round
    trunc = ops.trunc
    fix = ops.trunc
    frac = ops.frac
    frexp = ops.frexp
    sign = ops.sign
    sgn = ops.sgn
    signbit = ops.signbit
    nan_to_num = ops.nan_to_num
    conj = ops.conj
    conj_physical = ops.conj
    angle = ops.angle
    real = property(ops.real, doc="The real part.")
    imag = property(ops.imag, doc="The imaginary part.")

    eq = ops.eq
    ne = ops.ne
    lt = ops.lt
    le = ops.le
    gt = ops.gt
    ge = ops.ge
    greater = ops.gt
    greater_equal = ops.ge
    less = ops.lt
    less_equal = ops.le
    not_equal = ops.ne
    isnan = ops.isnan
    isinf = ops.isinf
    isposinf = ops.isposinf
    isneginf = ops.isneginf
    isreal = ops.isreal
    isfinite = ops.isfinite
    isclose = ops.isclose
    allclose = ops.allclose
    equal = ops.equal
    logical_and = ops.logical_and
    logical_or = ops.logical_or
    logical_xor = ops.logical_xor
    logical_not = ops.logical_not

    sum = ops.sum
    mean = ops.mean
    var = ops.var
    std = ops.std
    norm = ops.norm
    prod = ops.prod
    amax = ops.amax
    amin = ops.amin
    all = ops.all
    any = ops.any
    cumsum = ops.cumsum
    cumprod = ops.cumprod
    cummax = ops.cummax
    cummin = ops.cummin
    logcumsumexp = ops.logcumsumexp
    diff = ops.diff
    nansum = ops.nansum
    nanmean = ops.nanmean
    aminmax = ops.aminmax
    count_nonzero = ops.count_nonzero
    dist = ops.dist
    renorm = ops.renorm
    logsumexp = ops.logsumexp

    max = ops.max
    min = ops.min
    argmax = ops.argmax
    argmin = ops.argmin
    sort = ops.sort
    argsort = ops.argsort
    topk = ops.topk
    msort = ops.msort
    kthvalue = ops.kthvalue
    median = ops.median
    nanmedian = ops.nanmedian
    mode = ops.mode
    quantile = ops.quantile
    nanquantile = ops.nanquantile
    unique = ops.unique
    unique_consecutive = ops.unique_consecutive
    bincount = ops.bincount
    histc = ops.histc
    histogram = ops.histogram
    cov = ops.cov
    corrcoef = ops.corrcoef

    reshape = ops.reshape
    view = ops.view
    reshape_as = ops.reshape_as
    view_as = ops.view_as
    flatten = ops.flatten
    ravel = ops.ravel
    unflatten = ops.unflatten
    unsqueeze = ops.unsqueeze
    squeeze = ops.squeeze

    permute = ops.permute
    transpose = ops.transpose
    swapaxes = ops.swapaxes
    swapdims = ops.swapdims
    t = ops.t
    movedim = ops.movedim
    moveaxis = ops.moveaxis

    expand = ops.expand
    expand_as = ops.expand_as
    broadcast_to = ops.broadcast_to
    sum_to_size = ops.sum_to_size

    flip = ops.flip
    fliplr = ops.fliplr
    flipud = ops.flipud
    rot90 = ops.rot90
    roll = ops.roll
    tile = ops.tile
    repeat = ops.repeat
    repeat_interleave = ops.repeat_interleave

    tril = ops.tril
    triu = ops.triu
    diag = ops.diag
    diag_embed = ops.diag_embed
    diagflat = ops.diagflat
    diagonal = ops.diagonal
    diagonal_scatter = ops.diagonal_scatter

    split = ops.split
    split_with_sizes = ops.split_with_sizes
    tensor_split = ops.tensor_split
    hsplit = ops.hsplit
    vsplit = ops.vsplit
    dsplit = ops.dsplit
    chunk = ops.chunk
    unbind = ops.unbind

    select = ops.select
    narrow = ops.narrow
    select_scatter = ops.select_scatter
    slice_scatter = ops.slice_scatter
    unfold = ops.unfold_copy
    as_strided = ops.as_strided

    gather = ops.gather
    take = ops.take
    take_along_dim = ops.take_along_dim
    index_select = ops.index_select
    index_put = ops.index_put

    scatter = ops.scatter
    scatter_add = ops.scatter_add
    scatter_reduce = ops.scatter_reduce
    index_add = ops.index_add
    index_copy = ops.index_copy
    index_fill = ops.index_fill
    index_reduce = ops.index_reduce
    put = ops.put

    def where(self, condition, other):
        """This tensor where the condition holds, else `other`.

        >>> lucid.tensor([1, 2, 3]).where(lucid.tensor([True, False, True]), 0)
        Tensor([1, 0, 3], grad=None)
        """
        return ops.where(condition, self, other)

    masked_fill = ops.masked_fill
    fill = ops.fill
    resolve_conj = ops.resolve_conj
    resolve_neg = ops.resolve_neg
    narrow_copy = ops.narrow_copy
    unsafe_chunk = ops.unsafe_chunk
    unsafe_split = ops.unsafe_split
    unsafe_split_with_sizes = ops.unsafe_split_with_sizes
    masked_select = ops.masked_select
    masked_scatter = ops.masked_scatter
    nonzero = ops.nonzero
    nonzero_static = ops.nonzero_static
    argwhere = ops.argwhere

    addbmm = ops.addbmm
    addmm = ops.addmm
    addmv = ops.addmv
    addr = ops.addr
    adjoint = ops.adjoint
    baddbmm = ops.baddbmm
    bmm = ops.bmm
    cholesky = ops.cholesky
    cholesky_inverse = ops.cholesky_inverse
    cholesky_solve = ops.cholesky_solve
    cross = ops.cross
    det = ops.det
    dot = ops.dot
    inner = ops.inner
    inverse = ops.inverse
    kron = ops.kron
    logdet = ops.logdet
    matmul = ops.matmul
    matrix_exp = ops.matrix_exp
    matrix_power = ops.matrix_power
    mm = ops.mm
    mv = ops.mv
    outer = ops.outer
    qr = ops.qr
    slogdet = ops.slogdet
    svd = ops.svd
    trace = ops.trace
    triangular_solve = ops.triangular_solve
    lu = ops.lu
    lu_solve = ops.lu_solve
    geqrf = ops.geqrf
    ormqr = ops.ormqr
    stft = ops.stft
    istft = ops.istft
    vdot = ops.vdot
    ger = ops.ger
    orgqr = ops.orgqr
    pinverse = ops.pinverse
    clone = ops.clone
