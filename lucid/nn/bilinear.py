"""A product of two inputs: `Bilinear` and the function behind it."""

from __future__ import annotations

import math
from typing import Any

from lucid import ops
from lucid.nn import init
from lucid.nn.check import positive
from lucid.nn.module import Module
from lucid.nn.parameter import Parameter
from lucid.ops.autocast import autocasts
from lucid.tensor import Tensor


@autocasts
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y[o] = sum over i, j of input1[i] * weight[o, i, j] * input2[j], plus bias[o].

    Shapes: input1 (..., I), input2 (..., J), weight (O, I, J), bias (O,) -> (..., O).

    Raises:
        ValueError: sizes that do not agree.

    >>> lucid.bilinear(lucid.ones(1, 2), lucid.ones(1, 3), lucid.ones(4, 2, 3))
    Tensor([[6., 6., 6., 6.]], grad=None)
    """
    if (
        weight.ndim != 3
        or input1.shape[:-1] != input2.shape[:-1]
        or (*input1.shape[-1:], *input2.shape[-1:]) != weight.shape[1:]
        or (bias is not None and bias.shape != weight.shape[:1])
    ):
        raise ValueError(
            "bilinear expects inputs (..., I) and (..., J), weight (O, I, J) and bias (O,), got "
            f"{input1.shape}, {input2.shape}, {weight.shape}"
            + ("" if bias is None else f", {bias.shape}")
        )
    outputs, rows, columns = weight.shape
    by_first = ops.reshape(ops.permute(weight, 1, 0, 2), rows, outputs * columns)
    left = ops.matmul(ops.reshape(input1, -1, rows), by_first)
    right = ops.reshape(input2, -1, columns, 1)
    y = ops.matmul(ops.reshape(left, -1, outputs, columns), right)
    y = ops.reshape(y, *input1.shape[:-1], outputs)
    return y if bias is None else y + bias


class Bilinear(Module):
    """y = x1 A x2 + b for every pair of vectors.

    Shapes: x1 (..., in1_features), x2 (..., in2_features) -> (..., out_features).

    Attributes:
        weight: (out_features, in1_features, in2_features), uniform on +-1/sqrt(in1_features).
        bias: (out_features,) from the same distribution, or None.

    Raises:
        ValueError: sizes below 1; at the call, inputs that do not fit.

    >>> import lucid
    >>> lucid.nn.Bilinear(3, 4, 5)(lucid.ones(2, 3), lucid.ones(2, 4)).shape
    (2, 5)
    """

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.in1_features = positive("Bilinear", "in1_features", in1_features)
        self.in2_features = positive("Bilinear", "in2_features", in2_features)
        self.out_features = positive("Bilinear", "out_features", out_features)
        new = {"device": device, "dtype": dtype}
        self.weight = Parameter(Tensor.zeros(out_features, in1_features, in2_features, **new))
        self.register_parameter(
            "bias", Parameter(Tensor.zeros(out_features, **new)) if bias else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Uniform on +-1/sqrt(in1_features), weight and bias."""
        bound = 1 / math.sqrt(self.in1_features)
        for p in self.parameters():
            init.uniform_(p, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        return bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )
