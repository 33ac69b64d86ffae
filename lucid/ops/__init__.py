"""One function per operation: its value and its backward rule together. See `lucid.ops.op`."""

from lucid.ops.activation import (
    elu,
    gelu,
    leaky_relu,
    log_softmax,
    prelu,
    relu,
    silu,
    softmax,
    softplus,
)
from lucid.ops.cast import astype, to_device
from lucid.ops.compare import (
    eq,
    ge,
    gt,
    isfinite,
    isnan,
    le,
    logical_and,
    logical_not,
    logical_or,
    lt,
    ne,
)
from lucid.ops.complex import abs_power, complex, conj, imag, real
from lucid.ops.fft import irfft, rfft
from lucid.ops.frame import frame, overlap_add
from lucid.ops.index import (
    gather,
    getitem,
    index_select,
    masked_fill,
    setitem,
    take_along_dim,
)
from lucid.ops.linalg import matmul
from lucid.ops.math import (
    abs,
    add,
    clamp,
    cos,
    div,
    erf,
    exp,
    log,
    log1p,
    maximum,
    minimum,
    mul,
    neg,
    pow,
    rsqrt,
    sigmoid,
    sin,
    sqrt,
    square,
    sub,
    tanh,
    where,
)
from lucid.ops.reduce import (
    all,
    amax,
    amin,
    any,
    argmax,
    argmin,
    cumsum,
    logsumexp,
    mean,
    sum,
    var,
)
from lucid.ops.shape import (
    cat,
    expand,
    flatten,
    flip,
    permute,
    reshape,
    roll,
    squeeze,
    stack,
    transpose,
    unsqueeze,
)
