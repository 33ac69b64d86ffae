"""The depthwise-separable block as a function with derivatives of every order.

    mid = conv1d(x, depthwise, mid_bias, groups=C_in)
    y = conv1d(mid, pointwise, bias), then relu if asked for

Shapes: x (N, C_in, L), depthwise (C_mid, 1, K), mid_bias (C_mid,), pointwise (C_out, C_mid, 1),
bias (C_out,) -> y (N, C_out, length).

One kernel computes it where `forms.fuses` says so. Then mid is never written, and the gradient
computes it again: in training that is about the same traffic, but mid takes no memory in between.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import mlx.core as mx

from lucid._sums import sum_over
from lucid.kernels import separable_conv1d as launcher
from lucid.kernels import trust
from lucid.kernels.convolution import conv1d, conv1d_weight_grad, conv_transpose1d
from lucid.kernels.examples import Problem
from lucid.kernels.forms import CONV1D, Shape, fuses


class Steps(NamedTuple):
    """Where the taps of the depthwise convolution lie."""

    stride: int = 1
    padding: tuple[int, int] = (0, 0)
    dilation: int = 1


def separable_conv1d(
    x: mx.array,
    depthwise: mx.array,
    mid_bias: mx.array,
    pointwise: mx.array,
    bias: mx.array,
    steps: Steps = Steps(),  # noqa: B008 - immutable
    *,
    relu: bool = False,
) -> mx.array:
    """y of the block, from one kernel or from two.

    >>> x, depthwise, pointwise = mx.ones((1, 2, 4)), mx.ones((2, 1, 3)), mx.ones((1, 2, 1))
    >>> separable_conv1d(x, depthwise, mx.zeros(2), pointwise, mx.zeros(1))
    array([[[6, 6]]], dtype=float32)
    """
    problem = _problem(x.shape, depthwise.shape, pointwise.shape[0], steps, relu)
    if not problem.is_fused(x.dtype):
        return _by_two(x, depthwise, mid_bias, pointwise, bias, steps, relu)

    @mx.custom_function
    def function(*arrays: mx.array) -> mx.array:
        return trust.run("separable_conv1d.shader", problem.call, arrays, problem.smaller)

    @function.vjp
    def function_vjp(primals, cotangent, output):
        return gradients(cotangent, output, *primals, steps, relu=relu)

    y: Any = function(x, depthwise, mid_bias, pointwise, bias)  # MLX declares object
    return y


def is_fused(x: mx.array, depthwise: mx.array, pointwise: mx.array, steps: Steps) -> bool:
    """Whether one kernel computes the block."""
    problem = _problem(x.shape, depthwise.shape, pointwise.shape[0], steps, False)
    return problem.is_fused(x.dtype)


def gradients(
    g: mx.array,
    y: mx.array,
    x: mx.array,
    depthwise: mx.array,
    mid_bias: mx.array,
    pointwise: mx.array,
    bias: mx.array,
    steps: Steps,
    *,
    relu: bool,
) -> tuple[mx.array, ...]:
    """The gradients of the five arrays, where g is that of y."""
    (left, _), groups = steps.padding, x.shape[1]
    place: Any = {"stride": steps.stride, "dilation": steps.dilation, "groups": groups}
    if relu:
        g = g * mx.sign(y)
    mid = conv1d(x, depthwise, mid_bias, padding=steps.padding, **place)
    g_mid = conv_transpose1d(g, pointwise, length=mid.shape[2])
    return (
        conv_transpose1d(g_mid, depthwise, length=x.shape[2], padding=left, **place),
        conv1d_weight_grad(x, g_mid, kernel_size=depthwise.shape[2], padding=left, **place),
        sum_over(g_mid, (0, 2)),
        conv1d_weight_grad(mid, g, kernel_size=1),
        sum_over(g, (0, 2)),
    )


def _by_two(
    x: mx.array,
    depthwise: mx.array,
    mid_bias: mx.array,
    pointwise: mx.array,
    bias: mx.array,
    steps: Steps,
    relu: bool,
) -> mx.array:
    place: Any = {**steps._asdict(), "groups": x.shape[1]}
    mid = conv1d(x, depthwise, mid_bias, **place)
    return _activated(conv1d(mid, pointwise, bias), relu)


def _activated(y: mx.array, relu: bool) -> mx.array:
    return mx.maximum(y, mx.array(0, y.dtype)) if relu else y


class _Problem(NamedTuple):
    """A block with all its sizes: its depthwise convolution, and what follows."""

    first: Problem
    C_out: int
    relu: bool

    @property
    def block(self) -> launcher.Block:
        s = self.first.shape
        C_mid = s.groups * s.Og
        return launcher.Block(s.groups, C_mid, self.C_out, s.K, s.length, s.stride, s.dilation)

    def is_fused(self, dtype: mx.Dtype) -> bool:
        return self.first.N > 0 and fuses(self.block, dtype)

    @property
    def call(self) -> trust.Call:
        x, depthwise, (_, C_mid, _) = CONV1D.sizes(self.first.shape, self.first.N, self.first.L)
        shapes = (x, depthwise, (C_mid,), (self.C_out, C_mid, 1), (self.C_out,))
        return trust.Call(shapes, self._shader, self._definition)

    def smaller(self) -> Iterator[trust.Call]:
        """Examples for this problem, the cheapest first. C_out stays: a template depends on it."""
        for first in self.first.smaller():
            yield self._replace(first=first).call

    def _shader(self, *arrays: mx.array) -> mx.array:
        left, relu = self.first.left, self.relu
        return launcher.shader(*arrays, block=self.block, left=left, relu=relu)

    def _definition(self, *arrays: mx.array) -> mx.array:
        x, depthwise, mid_bias, pointwise, bias = arrays
        shape, N = self.first.shape, self.first.N
        second = Problem(
            Shape(self.block.C_mid, self.C_out, 1, shape.length, 1, 1, 1), N, shape.length, 0
        )
        mid = _plain(self.first)(x, depthwise, mid_bias)
        return _activated(_plain(second)(mid, pointwise, bias), self.relu)


def _plain(problem: Problem) -> Any:
    return problem.plain(CONV1D, CONV1D.definition(problem.shape))


def _problem(
    x: tuple[int, ...], depthwise: tuple[int, ...], C_out: int, steps: Steps, relu: bool
) -> _Problem:
    (N, C_in, L), (C_mid, _, K), (left, right) = x, depthwise, steps.padding
    dilation = steps.dilation if K > 1 else 1  # never taken, however large
    length = max((L + left + right - dilation * (K - 1) - 1) // steps.stride + 1, 0)
    shape = Shape(1, C_mid // max(C_in, 1), K, length, steps.stride, dilation, C_in)
    return _Problem(Problem(shape, N, L, left), C_out, relu)
