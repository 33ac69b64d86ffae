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
from lucid.ops.arrange import flip, fliplr, flipud, repeat, repeat_interleave, roll, rot90, tile
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
from lucid.ops.diagonal import diag, diag_embed, diagflat, diagonal, diagonal_scatter, tril, triu
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
from lucid.ops.gather import gather, index_select, take, take_along_dim
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
from lucid.ops.linalg import matmul, outer
from lucid.ops.mask import (
    argwhere,
    masked_fill,
    masked_scatter,
    masked_select,
    nonzero,
    nonzero_static,
)
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
from lucid.ops.part import (
    as_strided,
    as_strided_scatter,
    narrow,
    select,
    select_scatter,
    slice_scatter,
    unfold_copy,
    unravel_index,
)
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
    view_as,
)

# what `from lucid.ops import *` in lucid means: the operations, not the modules that hold them
__all__ = [name for name, value in list(vars().items()) if callable(value)]
