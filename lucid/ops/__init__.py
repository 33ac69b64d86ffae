"""One function per operation: its value and its backward rule together. See `lucid.ops.op`."""

from lucid.ops.activation import (
    celu,
    elu,
    gelu,
    hardshrink,
    leaky_relu,
    log_softmax,
    prelu,
    relu,
    rrelu,
    selu,
    silu,
    softmax,
    softplus,
    threshold,
)
from lucid.ops.cast import astype, clone, to_device
from lucid.ops.compare import (
    allclose,
    bitwise_and,
    bitwise_not,
    bitwise_or,
    bitwise_xor,
    eq,
    equal,
    ge,
    gt,
    isclose,
    isfinite,
    isinf,
    isnan,
    le,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    lt,
    ne,
)
from lucid.ops.complex import abs_power, angle, complex, conj, imag, real
from lucid.ops.einsum import einsum
from lucid.ops.elementary import (
    acos,
    asin,
    atan,
    cos,
    cosh,
    erf,
    exp,
    expm1,
    log,
    log1p,
    log2,
    log10,
    reciprocal,
    rsqrt,
    sigmoid,
    sin,
    sinh,
    sqrt,
    square,
    tan,
    tanh,
)
from lucid.ops.fft import irfft, rfft
from lucid.ops.frame import frame, overlap_add
from lucid.ops.gather import gather, index_select, take_along_dim
from lucid.ops.index import getitem, masked_fill, setitem
from lucid.ops.join import cat, chunk, split, stack, unbind
from lucid.ops.linalg import matmul, outer
from lucid.ops.math import (
    abs,
    add,
    atan2,
    clamp,
    div,
    floor_divide,
    lerp,
    maximum,
    minimum,
    mul,
    neg,
    pow,
    remainder,
    sub,
    where,
)
from lucid.ops.order import argmax, argmin, argsort, max, min, sort, topk
from lucid.ops.pad import pad
from lucid.ops.reduce import (
    all,
    amax,
    amin,
    any,
    cumsum,
    logsumexp,
    mean,
    norm,
    prod,
    std,
    sum,
    var,
)
from lucid.ops.rounding import ceil, floor, nan_to_num, round, sign, trunc
from lucid.ops.shape import (
    expand,
    expand_as,
    flatten,
    flip,
    movedim,
    permute,
    repeat,
    repeat_interleave,
    reshape,
    roll,
    squeeze,
    swapaxes,
    tile,
    transpose,
    tril,
    triu,
    unsqueeze,
    view_as,
)

# what `from lucid.ops import *` in lucid means: the operations, not the modules that hold them
__all__ = [name for name, value in list(vars().items()) if callable(value)]
