"""Changing a tensor in place: it is bound to a new array, since arrays cannot change.

So a tensor never shares memory with another one: after `part = x[:2]`, writing to `part` leaves x
as it was, unlike in torch. What was recorded keeps the values that it used.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mlx.core as mx

from lucid import ops
from lucid.autograd import laziness
from lucid.autograd.mode import recording
from lucid.ops.promotion import rank
from lucid.ops.shape import sizes
from lucid.tensor.methods import Methods


def in_place(function: Callable, *, name: str = "", reshapes: bool = False) -> Any:
    """The method that makes a tensor what `function` gives of it: `in_place(ops.exp)` is `exp_`.

    Args:
        name: what it is called after, if not after the function.
        reshapes: the shape may change.
    """
    name = name or function.__name__

    def method(self: InPlace, *args: Any, **settings: Any) -> Any:
        return self._rebind(function(self, *args, **settings), reshapes=reshapes)

    method.__name__ = f"{name}_"
    method.__doc__ = f"`{name}` in place; returns the tensor."
    return method


def _real_abs(x: Any) -> Any:
    if x.dtype == mx.complex64:
        raise TypeError("|z| is real and cannot be kept in complex64; use z = z.abs()")
    return ops.abs(x)


def _float_power_of_float64(x: Any, exponent: Any) -> Any:
    if x.dtype != mx.float64:
        raise TypeError(f"float_power gives float64, which {x.dtype} cannot keep; use x.pow_()")
    return ops.float_power(x, exponent)


class InPlace(Methods):
    """Assignment to parts, `+=` and its kind, and torch's methods with an underscore."""

    _retains: Any
    retain_grad: Callable[[], None]
    _owner: Any = None  # of `owner.data`, as long as it has the owner's values

    def _rebind(self, result: Any, *, reshapes: bool = False) -> Any:
        """Become `result`, in the dtype that this tensor has."""
        if self.requires_grad and self._node is None and recording.get():
            raise RuntimeError(
                "a leaf that requires grad cannot be changed in place while recording; "
                "do it inside `with lucid.no_grad():`, or on a copy"
            )
        shape, dtype = self.array.shape, self.array.dtype
        if result.array.shape != shape and not reshapes:
            raise ValueError(
                f"an in-place operation cannot change the shape from {shape} to {result.shape}"
            )
        if result.dtype != dtype:
            if rank(result.dtype) > rank(dtype):
                raise TypeError(
                    f"an in-place operation cannot keep a result of {result.dtype} in {dtype}; "
                    "use x = x + y instead of x += y, or x.float() first"
                )
            result = ops.astype(result, dtype)
        laziness.note_change(self)
        before = self.array
        self.array, self._known = result.array, False
        if self._owner is not None and self._owner.array is before:
            self._owner.data = self
        laziness.watch(self)
        if result._node is not None:
            self._node, self._index = result._node, result._index
            self.requires_grad = True
            if self._retains is not None:  # from now on of what it has become
                self._retains.remove()
                self._retains = None
                self.retain_grad()
        elif recording.get():  # nothing of what it was is left
            self._node, self._index, self.requires_grad = None, 0, False
        return self

    def __setitem__(self, key: Any, value: Any) -> None:
        self._rebind(ops.setitem(self, key, value))

    abs_ = in_place(_real_abs, name="abs")
    absolute_ = abs_
    acos_ = in_place(ops.acos)
    acosh_ = in_place(ops.acosh)
    addbmm_ = in_place(ops.addbmm)
    addmm_ = in_place(ops.addmm)
    addmv_ = in_place(ops.addmv)
    addr_ = in_place(ops.addr)
    baddbmm_ = in_place(ops.baddbmm)
    add_ = in_place(ops.add)
    addcdiv_ = in_place(ops.addcdiv)
    addcmul_ = in_place(ops.addcmul)
    arccos_ = in_place(ops.arccos)
    arccosh_ = in_place(ops.arccosh)
    arcsin_ = in_place(ops.arcsin)
    arcsinh_ = in_place(ops.arcsinh)
    arctan_ = in_place(ops.arctan)
    arctan2_ = in_place(ops.arctan2)
    arctanh_ = in_place(ops.arctanh)
    asin_ = in_place(ops.asin)
    asinh_ = in_place(ops.asinh)
    atan_ = in_place(ops.atan)
    atan2_ = in_place(ops.atan2)
    atanh_ = in_place(ops.atanh)
    bitwise_and_ = in_place(ops.bitwise_and)
    bitwise_left_shift_ = in_place(ops.bitwise_left_shift)
    bitwise_not_ = in_place(ops.bitwise_not)
    bitwise_or_ = in_place(ops.bitwise_or)
    bitwise_right_shift_ = in_place(ops.bitwise_right_shift)
    bitwise_xor_ = in_place(ops.bitwise_xor)
    ceil_ = in_place(ops.ceil)
    clamp_ = in_place(ops.clamp)
    clamp_max_ = in_place(ops.clamp_max)
    clamp_min_ = in_place(ops.clamp_min)
    clip_ = in_place(ops.clip)
    conj_physical_ = in_place(ops.conj)
    copysign_ = in_place(ops.copysign)
    cos_ = in_place(ops.cos)
    cumprod_ = in_place(ops.cumprod)
    cumsum_ = in_place(ops.cumsum)
    cosh_ = in_place(ops.cosh)
    deg2rad_ = in_place(ops.deg2rad)
    digamma_ = in_place(ops.digamma)
    div_ = in_place(ops.div)
    divide_ = in_place(ops.divide)
    eq_ = in_place(ops.eq)
    erf_ = in_place(ops.erf)
    erfc_ = in_place(ops.erfc)
    erfinv_ = in_place(ops.erfinv)
    exp_ = in_place(ops.exp)
    exp2_ = in_place(ops.exp2)
    expm1_ = in_place(ops.expm1)
    fix_ = in_place(ops.fix)
    float_power_ = in_place(_float_power_of_float64, name="float_power")
    floor_ = in_place(ops.floor)
    floor_divide_ = in_place(ops.floor_divide)
    fmod_ = in_place(ops.fmod)
    frac_ = in_place(ops.frac)
    gcd_ = in_place(ops.gcd)
    ge_ = in_place(ops.ge)
    greater_ = in_place(ops.gt)
    greater_equal_ = in_place(ops.ge)
    gt_ = in_place(ops.gt)
    heaviside_ = in_place(ops.heaviside)
    hypot_ = in_place(ops.hypot)
    i0_ = in_place(ops.i0)
    igamma_ = in_place(ops.igamma)
    igammac_ = in_place(ops.igammac)
    lcm_ = in_place(ops.lcm)
    ldexp_ = in_place(ops.ldexp)
    le_ = in_place(ops.le)
    less_ = in_place(ops.lt)
    less_equal_ = in_place(ops.le)
    lerp_ = in_place(ops.lerp)
    lgamma_ = in_place(ops.lgamma)
    log_ = in_place(ops.log)
    log10_ = in_place(ops.log10)
    log1p_ = in_place(ops.log1p)
    log2_ = in_place(ops.log2)
    logical_and_ = in_place(ops.logical_and)
    logical_not_ = in_place(ops.logical_not)
    logical_or_ = in_place(ops.logical_or)
    logical_xor_ = in_place(ops.logical_xor)
    logit_ = in_place(ops.logit)
    lt_ = in_place(ops.lt)
    masked_fill_ = in_place(ops.masked_fill)
    mul_ = in_place(ops.mul)
    multiply_ = in_place(ops.multiply)
    mvlgamma_ = in_place(ops.mvlgamma)
    nan_to_num_ = in_place(ops.nan_to_num)
    ne_ = in_place(ops.ne)
    neg_ = in_place(ops.neg)
    negative_ = in_place(ops.negative)
    not_equal_ = in_place(ops.ne)
    nextafter_ = in_place(ops.nextafter)
    polygamma_ = in_place(Methods.polygamma)
    pow_ = in_place(ops.pow)
    rad2deg_ = in_place(ops.rad2deg)
    reciprocal_ = in_place(ops.reciprocal)
    relu_ = in_place(ops.relu)
    remainder_ = in_place(ops.remainder)
    round_ = in_place(ops.round)
    renorm_ = in_place(ops.renorm)
    rsqrt_ = in_place(ops.rsqrt)
    sgn_ = in_place(ops.sgn)
    sigmoid_ = in_place(ops.sigmoid)
    sign_ = in_place(ops.sign)
    sin_ = in_place(ops.sin)
    sinc_ = in_place(ops.sinc)
    sinh_ = in_place(ops.sinh)
    sqrt_ = in_place(ops.sqrt)
    square_ = in_place(ops.square)
    sub_ = in_place(ops.sub)
    subtract_ = in_place(ops.subtract)
    tan_ = in_place(ops.tan)
    tanh_ = in_place(ops.tanh)
    true_divide_ = in_place(ops.true_divide)
    trunc_ = in_place(ops.trunc)
    xlogy_ = in_place(ops.xlogy)

    __iadd__ = add_
    __isub__ = sub_
    __imul__ = mul_
    __itruediv__ = div_
    __ifloordiv__ = floor_divide_
    __imod__ = remainder_
    __ipow__ = pow_
    __iand__ = bitwise_and_
    __ior__ = bitwise_or_
    __ixor__ = bitwise_xor_
    __ilshift__ = bitwise_left_shift_
    __irshift__ = bitwise_right_shift_

    def copy_(self, source: Any) -> Any:
        """Take the values of `source`, which broadcasts; its gradient flows.

        >>> lucid.zeros(3).copy_(lucid.tensor([1.0, 2.0, 3.0]))
        Tensor([1., 2., 3.], grad=None)
        """
        return self._rebind(ops.setitem(self, ..., source))

    def zero_(self) -> Any:
        """Become 0 everywhere.

        >>> lucid.ones(3).zero_()
        Tensor([0., 0., 0.], grad=None)
        """
        return self.fill_(0)

    def detach_(self) -> Any:
        """Leave the graph.

        >>> (2 * lucid.ones(1, requires_grad=True)).detach_().requires_grad
        False
        """
        self._node, self.requires_grad = None, False
        return self

    fill_ = in_place(ops.fill)
    fill_diagonal_ = in_place(ops.fill_diagonal)
    masked_scatter_ = in_place(ops.masked_scatter)
    scatter_ = in_place(ops.scatter)
    scatter_add_ = in_place(ops.scatter_add)
    scatter_reduce_ = in_place(ops.scatter_reduce)
    index_add_ = in_place(ops.index_add)
    index_copy_ = in_place(ops.index_copy)
    index_fill_ = in_place(ops.index_fill)
    index_put_ = in_place(ops.index_put)
    index_reduce_ = in_place(ops.index_reduce)
    put_ = in_place(ops.put)
    tril_ = in_place(ops.tril)
    triu_ = in_place(ops.triu)
    as_strided_ = in_place(ops.as_strided, reshapes=True)
    squeeze_ = in_place(ops.squeeze, reshapes=True)
    swapaxes_ = in_place(ops.swapaxes, reshapes=True)
    swapdims_ = in_place(ops.swapdims, reshapes=True)
    t_ = in_place(ops.t, reshapes=True)
    transpose_ = in_place(ops.transpose, reshapes=True)
    unsqueeze_ = in_place(ops.unsqueeze, reshapes=True)

    def resize_(self, *shape: Any, size: Any = None, memory_format: Any = None) -> Any:
        """Another shape: the first elements, or all of them and zeros after them.

        Raises:
            RuntimeError: another number of elements while it requires grad.

        >>> lucid.tensor([1, 2, 3]).resize_(2)
        Tensor([1, 2], grad=None)
        """
        target = sizes(shape, size)
        flat, count = ops.flatten(self), math.prod(target)
        if flat.shape[0] != count and self.requires_grad:
            raise RuntimeError("a tensor that requires grad cannot get another number of elements")
        padded = ops.pad(flat, (0, count - flat.shape[0]))
        return self._rebind(ops.reshape(padded, target), reshapes=True)

    def resize_as_(self, other: Any) -> Any:
        """`resize_` to the shape of `other`.

        >>> lucid.tensor([1, 2, 3]).resize_as_(lucid.ones(1))
        Tensor([1], grad=None)
        """
        return self.resize_(other.shape)
