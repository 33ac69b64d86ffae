"""The closed set of three bilinear functions that every convolution is made of.

With s stride, d dilation, p the left padding, each is one sum over i, k with t*s + k*d - p = i:
    conv1d:             y[n, o, t]  = sum w[o, c, k] x[n, c, i]
    conv_transpose1d:   x[n, c, i]  = sum w[o, c, k] y[n, o, t]
    conv1d_weight_grad: w[o, c, k]  = sum y[n, o, t] x[n, c, i]
The derivative of each, in either input, is one of the other two. So every order of derivative
stays inside the set, and MLX's own derivative of a convolution (slow, and wrong for some settings)
is never met.
"""

from collections.abc import Callable
from typing import Any

import mlx.core as mx

from lucid._device import on_cpu
from lucid._sums import sum_over
from lucid.kernels import batching, metal
from lucid.kernels.batching import folded, folded_weight_grad
from lucid.kernels.examples import Problem
from lucid.kernels.forms import CONV1D, CONV_TRANSPOSE1D, WEIGHT_GRAD, Form, Shape, Table, choose


def conv1d(
    x: mx.array,
    w: mx.array,
    bias: mx.array | None = None,
    *,
    stride: int = 1,
    padding: tuple[int, int] = (0, 0),
    dilation: int = 1,
    groups: int = 1,
) -> mx.array:
    """Cross-correlation of x (N, C_in, L) with w (C_out, C_in/groups, K), and a bias (C_out,).

    Returns (N, C_out, floor((L + left + right - dilation*(K-1) - 1)/stride) + 1), of length 0 where
    the kernel does not fit. `padding` is (left, right); a negative one crops.

    >>> conv1d(mx.array([[[1.0, 2.0, 3.0]]]), mx.array([[[1.0, 0.5]]]), padding=(1, 1))
    array([[[0.5, 2, 3.5, 3]]], dtype=float32)
    """
    _check("conv1d", stride, dilation, groups, x=x, w=w)
    left, right = padding
    reach = dilation * (w.shape[-1] - 1) + 1
    length = max((x.shape[-1] + left + right - reach) // stride + 1, 0)
    return _conv1d(x, w, length, bias, stride=stride, left=left, dilation=dilation, groups=groups)


def conv_transpose1d(
    x: mx.array,
    w: mx.array,
    bias: mx.array | None = None,
    *,
    length: int,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
) -> mx.array:
    """Transposed convolution of x (N, C_in, L) with w (C_in, C_out/groups, K): (N, C_out, length).

    Tap k of input i lands on position i*stride + k*dilation - padding; positions that nothing
    reaches are zero, plus the bias (C_out,). Without one this is the derivative of `conv1d` in its
    input, for the same w.

    >>> conv_transpose1d(mx.array([[[1.0, 2.0]]]), mx.array([[[1.0, 10.0]]]), length=5, stride=2)
    array([[[1, 10, 2, 20, 0]]], dtype=float32)
    """
    _check("conv_transpose1d", stride, dilation, groups, x=x, w=w)
    return _conv_transpose1d(
        x, w, length, bias, stride=stride, left=padding, dilation=dilation, groups=groups
    )


def conv1d_weight_grad(
    x: mx.array,
    g: mx.array,
    *,
    kernel_size: int,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
) -> mx.array:
    """Derivative of `conv1d` in its weight: (C_out, C_in/groups, kernel_size).

    x (N, C_in, L) is the input, g (N, C_out, L_out) the derivative in the output.

    >>> x, g = mx.array([[[1.0, 2.0, 3.0]]]), mx.ones((1, 1, 4))
    >>> conv1d_weight_grad(x, g, kernel_size=2, padding=1)
    array([[[6, 6]]], dtype=float32)
    """
    _check("conv1d_weight_grad", stride, dilation, groups, x=x, g=g)
    return _weight_grad(
        x, g, kernel_size, stride=stride, left=padding, dilation=dilation, groups=groups
    )


# The same three with one signature, (a, b, size of the result's last axis, bias, settings), where
# every setting passes through unchanged. A custom_function costs 0.4 us to build, so one is built
# per call, closing over them.


def _conv1d(
    x: mx.array, w: mx.array, length: int, bias: mx.array | None = None, /, **settings: int
) -> mx.array:
    (N, C_in, L), (C_out, Cg, K), groups = x.shape, w.shape, settings["groups"]
    fits = C_in == Cg * groups and C_out % groups == 0
    assert fits, _mismatch("conv1d", x, w, groups)
    settings = _effective(K, length, settings)
    taps = _reached(K, length, L, settings)
    if len(taps) < K:
        return _with(taps, _conv1d, x, w, (N, C_out, length), bias, settings)
    shape = Shape(Cg, C_out // groups, K, length, **_steps(settings))
    problem = Problem(shape, N, L, settings["left"])
    return _affine(
        _value(CONV1D, problem, x.dtype, batching.conv1d),
        lambda g, x, w: (
            _conv_transpose1d(g, w, L, **settings),
            _weight_grad(x, g, K, **settings),
        ),
        folded(_conv1d, length, settings),
        (N, C_out, length),
        x,
        w,
        bias,
    )


def _conv_transpose1d(
    x: mx.array, w: mx.array, length: int, bias: mx.array | None = None, /, **settings: int
) -> mx.array:
    (N, C_in, L), (rows, Cg, K), groups = x.shape, w.shape, settings["groups"]
    fits = C_in == rows and C_in % groups == 0
    assert fits, _mismatch("conv_transpose1d", x, w, groups)
    settings = _effective(K, L, settings)
    taps = _reached(K, L, length, settings)
    if len(taps) < K:
        return _with(taps, _conv_transpose1d, x, w, (N, Cg * groups, length), bias, settings)
    shape = Shape(Cg, C_in // groups, K, L, **_steps(settings))
    problem = Problem(shape, N, length, settings["left"])
    return _affine(
        _value(CONV_TRANSPOSE1D, problem, x.dtype, batching.conv_transpose1d),
        lambda g, x, w: (_conv1d(g, w, L, **settings), _weight_grad(g, x, K, **settings)),
        folded(_conv_transpose1d, length, settings),
        (N, Cg * groups, length),
        x,
        w,
        bias,
    )


def _weight_grad(x: mx.array, g: mx.array, K: int, **settings: int) -> mx.array:
    (N, C_in, L), (samples, C_out, length), groups = x.shape, g.shape, settings["groups"]
    fits = samples == N and C_in % groups == 0 == C_out % groups
    assert fits, _mismatch("conv1d_weight_grad", x, g, groups)
    settings = _effective(K, length, settings)
    taps = _reached(K, length, L, settings)
    if len(taps) < K:
        place = _moved(taps, settings)
        size = (C_out, C_in // groups, 0)
        gw = _weight_grad(x, g, len(taps), **place) if taps else mx.zeros(size, x.dtype)
        return mx.pad(gw, [(0, 0), (0, 0), (taps.start, K - taps.stop)])
    shape = Shape(C_in // groups, C_out // groups, K, length, **_steps(settings))
    problem = Problem(shape, N, L, settings["left"])
    return _affine(
        _value(WEIGHT_GRAD, problem, x.dtype, batching.weight_grad),
        lambda v, x, g: (
            _conv_transpose1d(g, v, L, **settings),
            _conv1d(x, v, length, **settings),
        ),
        folded_weight_grad(_weight_grad, K, settings),
        (C_out, C_in // groups, K),
        x,
        g,
    )


def _effective(K: int, length: int, settings: dict[str, int]) -> dict[str, int]:
    """Settings without the steps that are never taken, however large: between the taps of a kernel
    of one tap, between the windows where there is only one."""
    settings = {**settings, "dilation": 1} if K == 1 else settings
    return {**settings, "stride": 1} if length == 1 else settings


def _reached(K: int, windows: int, L: int, settings: dict[str, int]) -> range:
    """The taps that meet the signal of length L in one window at least. Where dilation or padding
    reach beyond it, the others meet silence alone, for which no memory should be spent."""
    if windows == 0 or L == 0:
        return range(K)
    S, D, left = settings["stride"], settings["dilation"], settings["left"]
    first = min(max(0, -(((windows - 1) * S - left) // D)), K)
    return range(first, max(first, min(K, (L - 1 + left) // D + 1)))


def _with(
    taps: range,
    function: Callable[..., mx.array],
    x: mx.array,
    w: mx.array,
    shape: tuple[int, int, int],
    bias: mx.array | None,
    settings: dict[str, int],
) -> mx.array:
    """function(x, w, ...) of this shape, with these taps of w only."""
    if taps:
        kept = w[..., taps.start : taps.stop]
        return function(x, kept, shape[2], bias, **_moved(taps, settings))
    y = mx.zeros(shape, x.dtype)
    return y if bias is None else y + bias[:, None]


def _moved(taps: range, settings: dict[str, int]) -> dict[str, int]:
    """Settings under which the first of the taps lies where it did."""
    return {**settings, "left": settings["left"] - taps.start * settings["dilation"]}


def _steps(settings: dict[str, int]) -> dict[str, int]:
    """What of the settings makes the shape: not where the signal begins."""
    return {name: settings[name] for name in ("stride", "dilation", "groups")}


def _value(
    table: Table, problem: Problem, dtype: mx.Dtype, mappable: Form
) -> Callable[..., mx.array]:
    """The chosen form as a function of two arrays and perhaps a bias (C_out,)."""
    if batching.is_mapping():
        return problem.plain(table, mappable)
    form = choose(table, problem.shape, dtype)
    return problem.proven(table, form) if table.is_shader(form) else problem.plain(table, form)


def _affine(
    value: Callable[..., mx.array],
    derivative: Callable[[mx.array, mx.array, mx.array], tuple[mx.array, mx.array]],
    mapped: Callable,
    shape: tuple[int, int, int],
    a: mx.array,
    b: mx.array,
    bias: mx.array | None = None,
) -> mx.array:
    """value(a, b, bias), bilinear in a and b, where `derivative` gives the gradients of the two and
    `mapped` is the rule of `mx.vmap`; in the precision that pays."""
    empty = a.size == 0 or b.size == 0 or 0 in shape
    # On the CPU a half-precision matmul is a scalar loop; float32 around it is 30 times faster.
    half = a.dtype in (mx.float16, mx.bfloat16) and on_cpu() and not metal.available()

    @mx.custom_function
    def function(*arrays: mx.array) -> mx.array:
        if empty:  # a sum over nothing; MLX may hang or die on one
            y = mx.zeros(shape, a.dtype)
            return y if bias is None else y + arrays[2][:, None]
        if half:
            return value(*(array.astype(mx.float32) for array in arrays)).astype(a.dtype)
        return value(*arrays)

    @function.vjp
    def function_vjp(primals, cotangent, output):
        gradients = derivative(cotangent, *primals[:2])
        return gradients if bias is None else (*gradients, sum_over(cotangent, (0, 2)))

    function.vmap(mapped)
    y: Any = function(a, b) if bias is None else function(a, b, bias)  # MLX declares object
    return y


def _check(name: str, stride: int, dilation: int, groups: int, **arrays: mx.array) -> None:
    """Facts that the layers above have made sure of; a broken one would end the process in MLX."""
    (first, a), (second, b) = arrays.items()
    for label, array in arrays.items():
        assert array.ndim == 3, f"{name}: {label} must be 3-dimensional, got {array.shape}"
    assert a.dtype == b.dtype, f"{name}: {first} is {a.dtype} but {second} is {b.dtype}"
    for key, value in (("stride", stride), ("dilation", dilation), ("groups", groups)):
        assert value >= 1, f"{name}: {key} must be at least 1, got {value}"


def _mismatch(name: str, a: mx.array, b: mx.array, groups: int) -> str:
    return f"{name}: shapes {a.shape} and {b.shape} do not fit with groups={groups}"
