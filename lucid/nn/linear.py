"""Linear layers and changes of shape."""

from __future__ import annotations

import math
from typing import Any

from lucid import ops
from lucid.nn import init
from lucid.nn.check import floating, positive
from lucid.nn.module import Module
from lucid.nn.parameter import Parameter
from lucid.ops.affine import affine
from lucid.ops.autocast import autocasts
from lucid.ops.op import DIFFERENTIABLE
from lucid.tensor import Tensor


@autocasts
def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x @ weight.T + bias.

    Shapes: input (..., in), weight (out, in), bias (out,) -> (..., out).

    Raises:
        ValueError: sizes that do not agree.

    >>> import lucid
    >>> lucid.nn.functional.linear(lucid.ones(1, 2), lucid.ones(3, 2))
    Tensor([[2., 2., 2.]], grad=None)
    """
    if not isinstance(input, Tensor):
        floating("linear", input)
    x, w = input.array, weight.array
    if x.dtype != w.dtype and weight.is_floating_point():
        floating("linear", input)
    shape, features = x.shape, w.shape[-1]
    if not shape or shape[-1] != features:
        raise ValueError(
            f"linear expects x of shape (..., {features}), got {shape}; the features come last"
        )
    if x.dtype in DIFFERENTIABLE and w.dtype in DIFFERENTIABLE:
        return affine(input, weight, bias)
    y = ops.matmul(input, ops.transpose(weight, 0, 1))
    return y if bias is None else y + bias


class Linear(Module):
    """y = x @ weight.T + bias.

    Shapes: x (..., in_features) -> (..., out_features); weight (out_features, in_features).

    Args:
        in_features: size of the last dimension of x.
        out_features: size of the last dimension of y.
        bias: add a bias.

    Raises:
        TypeError, ValueError: a size that is not a positive int.

    >>> import lucid
    >>> lucid.nn.Linear(4, 2)(lucid.ones(3, 4)).shape
    (3, 2)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.in_features = positive("Linear", "in_features", in_features)
        self.out_features = positive("Linear", "out_features", out_features)
        new = {"device": device, "dtype": dtype}
        self.weight = Parameter(Tensor.zeros(out_features, in_features, **new))
        if bias:
            self.bias = Parameter(Tensor.zeros(out_features, **new))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Uniform on +-1/sqrt(in_features), weight and bias."""
        bound = 1 / math.sqrt(self.in_features)
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        return linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class Flatten(Module):
    """Dimensions start_dim to end_dim joined into one.

    Raises:
        IndexError: at the call, a dimension that the input has not.
        ValueError: start_dim after end_dim.

    >>> import lucid
    >>> lucid.nn.Flatten()(lucid.ones(2, 3, 4)).shape
    (2, 12)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Tensor) -> Tensor:
        return ops.flatten(input, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """One dimension split into several.

    Raises:
        IndexError: at the call, a dimension that the input has not.
        ValueError: sizes whose product is not that of the dimension.

    >>> import lucid
    >>> lucid.nn.Unflatten(1, (2, 3))(lucid.ones(4, 6)).shape
    (4, 2, 3)
    """

    def __init__(self, dim: int, unflattened_size: Any) -> None:
        super().__init__()
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def forward(self, input: Tensor) -> Tensor:
        if not -input.ndim <= self.dim < input.ndim:
            raise IndexError(
                f"Unflatten: dim {self.dim} is out of range for input of shape {input.shape}"
            )
        dim = self.dim % input.ndim
        return ops.reshape(
            input, *input.shape[:dim], *self.unflattened_size, *input.shape[dim + 1 :]
        )

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
