"""Adafactor."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, ClassVar

import mlx.core as mx

from lucid._sums import sum_of_squares, sum_over
from lucid.optim.formula import Formula
from lucid.tensor import Tensor


class Adafactor(Formula):
    """Adam without momentum, whose second moment is a row times a column: hardly any state.

    The step is a share of the parameter's own size. Shazeer and Stern, "Adafactor: adaptive
    learning rates with sublinear memory cost" (2018), with the relative step of section 8 and
    the clipping of section 6; as in torch, without momentum.

    Args:
        params: Tensors, or groups of them.
        lr: the largest relative step; it is min(lr, 1 / sqrt(t)).
        beta2_decay: the second moment decays by 1 - t**beta2_decay; at most 0.
        eps: the least second moment (None: the precision of the dtype), the least parameter size.
        d: the largest root mean square of an update.
        weight_decay: shrinks the weights, as in `AdamW`.
        maximize: go up instead of down.
        kernels: torch's `foreach`, which changes no result.

    Raises:
        ValueError: an option out of range.

    >>> import lucid
    >>> w = lucid.ones(4, 5, requires_grad=True)
    >>> optimizer = lucid.optim.Adafactor([w])
    >>> (w**2).sum().backward()
    >>> optimizer.step()
    >>> {k: v.shape for k, v in optimizer.state[w].items() if k != "step"}
    {'row_var': (4, 1), 'col_var': (1, 5)}
    """

    _ranges: ClassVar[dict[str, Any]] = {
        "beta2_decay": {"low": -math.inf, "high": 0.0},
        "d": {"low": 1.0},
        "eps": None,
    }

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        **kernels: Any,
    ) -> None:
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults, kernels)

    def _check(self, group: dict[str, Any]) -> None:
        super()._check(group)
        eps = group["eps"]
        if not (len(eps) == 2 and (eps[0] is None or eps[0] >= 0) and eps[1] >= 0):
            raise ValueError(
                f"Adafactor expects eps to be two numbers of at least 0, or None first, got {eps}"
            )

    def _begin(self, group: dict[str, Any], p: Tensor) -> tuple[str, ...]:
        return ("row_var", "col_var") if p.ndim > 1 else ("variance",)

    def _first(self, name: str, group: dict[str, Any], p: Tensor, dtype: mx.Dtype) -> mx.array:
        shape = list(p.shape)
        if name != "variance":
            shape[-1 if name == "row_var" else -2] = 1
        return mx.zeros(shape, dtype)

    def _decay(self, group: dict[str, Any]) -> dict[str, float]:
        return {"keep": 1 - group["lr"] * group["weight_decay"]}

    def _numbers(self, group: dict[str, Any], count: dict[str, Any]) -> dict[str, float]:
        least, least_size = group["eps"]
        n = {
            "new": count["step"] ** group["beta2_decay"],
            "lr": -min(group["lr"], 1 / math.sqrt(count["step"])),
            "least_size": least_size,
            "largest": group["d"],
        }
        return n if least is None else {**n, "least": least}

    @staticmethod
    def _update(
        p: mx.array, gradient: mx.array, state: dict[str, mx.array], n: dict[str, mx.array]
    ) -> tuple[mx.array, dict[str, mx.array]]:
        if p.size == 0:
            return p, state
        least = n.get("least", mx.array(mx.finfo(p.dtype).eps, p.dtype))
        squares = gradient * gradient
        if "variance" in state:
            square = state["variance"] + n["new"] * (squares - state["variance"])
            state = {"variance": square}
        else:
            row, column = state["row_var"], state["col_var"]
            row = row + n["new"] * (_mean(squares, -1) - row)
            column = column + n["new"] * (_mean(squares, -2) - column)
            square = row * column / mx.maximum(_mean(row, -2), least)
            state = {"row_var": row, "col_var": column}
        update = gradient * mx.rsqrt(mx.maximum(square, least * least))
        step = n["lr"] * mx.maximum(n["least_size"], _size(p))
        p = n["keep"] * p if "keep" in n else p
        return p + step / mx.maximum(1.0, _size(update) / n["largest"]) * update, state


def _size(x: mx.array) -> mx.array:
    """The root of the mean square."""
    return mx.sqrt(sum_of_squares(x) / x.size)


def _mean(x: mx.array, axis: int) -> mx.array:
    return sum_over(x, (axis % x.ndim,), keepdims=True) / x.shape[axis]
