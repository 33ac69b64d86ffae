"""The operations as methods of a tensor: `x.exp()` is `lucid.exp(x)`."""

from __future__ import annotations

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
    lerp = ops.lerp
    atan2 = ops.atan2

    exp = ops.exp
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
    sigmoid = ops.sigmoid
    erf = ops.erf
    relu = ops.relu
    softmax = ops.softmax
    log_softmax = ops.log_softmax

    floor = ops.floor
    ceil = ops.ceil
    round = ops.round
    trunc = ops.trunc
    sign = ops.sign
    nan_to_num = ops.nan_to_num
    conj = ops.conj
    angle = ops.angle
    real = property(ops.real, doc="The real part.")
    imag = property(ops.imag, doc="The imaginary part.")

    eq = ops.eq
    ne = ops.ne
    lt = ops.lt
    le = ops.le
    gt = ops.gt
    ge = ops.ge
    isnan = ops.isnan
    isinf = ops.isinf
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
    logsumexp = ops.logsumexp

    max = ops.max
    min = ops.min
    argmax = ops.argmax
    argmin = ops.argmin
    sort = ops.sort
    argsort = ops.argsort
    topk = ops.topk

    reshape = ops.reshape
    view = ops.reshape
    view_as = ops.view_as
    flatten = ops.flatten
    permute = ops.permute
    transpose = ops.transpose
    swapaxes = ops.swapaxes
    movedim = ops.movedim
    unsqueeze = ops.unsqueeze
    squeeze = ops.squeeze
    expand = ops.expand
    expand_as = ops.expand_as
    tile = ops.tile
    repeat = ops.repeat
    repeat_interleave = ops.repeat_interleave
    flip = ops.flip
    roll = ops.roll
    tril = ops.tril
    triu = ops.triu
    split = ops.split
    chunk = ops.chunk
    unbind = ops.unbind

    gather = ops.gather
    take_along_dim = ops.take_along_dim
    index_select = ops.index_select
    masked_fill = ops.masked_fill

    matmul = ops.matmul
    outer = ops.outer
    clone = ops.clone
