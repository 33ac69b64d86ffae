"""L-BFGS: steps with an estimate of the curvature, for smooth losses of the whole data set."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import mlx.core as mx

from lucid._sums import sum_over
from lucid.autograd import laziness
from lucid.autograd.mode import enable_grad
from lucid.ops.device import on_device
from lucid.optim.line_search import Point, strong_wolfe
from lucid.optim.optimizer import Optimizer
from lucid.tensor import Tensor


class LBFGS(Optimizer):
    """Limited-memory BFGS, with a line search that meets the strong Wolfe conditions if asked.

    `step(closure)` takes up to `max_iter` steps and calls the closure, which must compute the
    loss and its gradients afresh, several times. It keeps `history_size` pairs of vectors as
    long as all parameters together. Nocedal and Wright, "Numerical optimization" (2006),
    chapter 7.2; the search is that of minFunc (Schmidt, 2005), as in torch.

    Args:
        params: Tensors; one group only.
        lr: length of a step in units of the estimate's.
        max_iter: steps in one call of `step`.
        max_eval: calls of the closure in one call of `step`; default: max_iter * 5 // 4.
        tolerance_grad: done where no gradient is larger.
        tolerance_change: done where loss and parameters change less.
        history_size: pairs of vectors kept.
        line_search_fn: None or "strong_wolfe".

    Raises:
        ValueError: several groups, or an option out of range.

    >>> import lucid
    >>> w = lucid.tensor([3.0, -1.0], requires_grad=True)
    >>> optimizer = lucid.optim.LBFGS([w], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = ((w - 1) ** 4).sum()
    ...     loss.backward()
    ...     return loss
    >>> optimizer.step(closure).item()
    32.0
    >>> closure().item() < 1e-6
    True
    """

    _ranges: ClassVar[dict[str, Any]] = {
        "lr": {},
        "max_iter": {"low": 1},
        "max_eval": {"low": 1},
        "tolerance_grad": {},
        "tolerance_change": {},
        "history_size": {"low": 1},
    }

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1.0,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """The one group; a second one is refused."""
        if self.param_groups:
            raise ValueError("LBFGS has one group of parameters; it cannot take another one")
        super().add_param_group(param_group)

    def _check(self, group: dict[str, Any]) -> None:
        super()._check(group)
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            raise ValueError(
                'LBFGS expects line_search_fn to be None or "strong_wolfe", got '
                f"{group['line_search_fn']!r}"
            )

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take up to `max_iter` steps.

        Args:
            closure: computes the loss and its gradients, and returns the loss.

        Returns:
            The loss before the first step.
        """
        if closure is None:
            raise ValueError("LBFGS.step needs a closure that computes the loss and its gradients")
        first = self._parameters()[0]
        with on_device(first.device):
            memory = _unwrapped(self.state[first]) or {"n_iter": 0, "func_evals": 0}
            loss = self._steps(closure, memory)
            self.state[first] = _wrapped(memory, first)
        return loss

    def _steps(self, closure: Callable[[], Any], memory: dict[str, Any]) -> Any:
        group = self.param_groups[0]
        tolerance = group["tolerance_change"]
        first = self._evaluate(closure)
        loss, gradient, evaluations = float(first), self._gradient(), 1
        memory["func_evals"] += 1
        if _largest(gradient) <= group["tolerance_grad"]:
            return first
        for step in range(1, group["max_iter"] + 1):
            last = step == group["max_iter"]
            memory["n_iter"] += 1
            d = _direction(memory, gradient, group["history_size"])
            t = group["lr"]
            if memory["n_iter"] == 1:
                t *= min(1.0, 1.0 / _number(sum_over(mx.abs(gradient), (0,))))
            memory.update(d=d, t=t, prev_flat_grad=gradient, prev_loss=loss)
            start = Point(0.0, loss, gradient, _number(mx.inner(gradient, d)))
            if start.slope > -tolerance:
                break
            x, calls = self._flat(), 0
            if group["line_search_fn"] is not None:
                most = group["max_eval"] - evaluations
                probe = self._along(closure, x, d)
                point, calls = strong_wolfe(probe, start, t, _largest(d), tolerance, most)
                memory["t"], loss, gradient = t, loss, gradient = point[:3]
            self._set(x + t * d)
            if group["line_search_fn"] is None and not last:
                loss, gradient, calls = float(self._evaluate(closure)), self._gradient(), 1
            evaluations += calls
            memory["func_evals"] += calls
            if last or evaluations >= group["max_eval"]:
                break
            if _largest(gradient) <= group["tolerance_grad"] or _largest(d) * t <= tolerance:
                break
            if abs(loss - memory["prev_loss"]) < tolerance:
                break
        return first

    def _evaluate(self, closure: Callable[[], Any]) -> Any:
        with enable_grad():
            return closure()

    def _along(
        self, closure: Callable[[], Any], x: mx.array, d: mx.array
    ) -> Callable[[float], Point]:
        """The loss on the line x + t d, as a function of t."""

        def probe(t: float) -> Point:
            self._set(x + t * d)
            loss, gradient = float(self._evaluate(closure)), self._gradient()
            return Point(t, loss, gradient, _number(mx.inner(gradient, d)))

        return probe

    # All parameters as one vector --------------------------------------------------------------

    def _flat(self) -> mx.array:
        return _joined([p.array for p in self._parameters()])

    def _gradient(self) -> mx.array:
        return _joined(
            [mx.zeros_like(p.array) if p.grad is None else p.grad.array for p in self._parameters()]
        )

    def _set(self, vector: mx.array) -> None:
        start = 0
        for p in self._parameters():
            end = start + p.numel()
            laziness.note_change(p)
            p.array = vector[start:end].reshape(p.shape).astype(p.dtype)
            start = end
        laziness.settle(self._parameters())


def _direction(memory: dict[str, Any], gradient: mx.array, most: int) -> mx.array:
    """Minus the gradient times the estimate of the inverse Hessian, by the two-loop recursion."""
    if memory["n_iter"] == 1:
        memory.update(old_dirs=[], old_stps=[], ro=[], H_diag=1.0)
        return -gradient
    # torch's names: old_dirs are differences of gradients, old_stps of parameters
    old_dirs, old_stps, ro = memory["old_dirs"], memory["old_stps"], memory["ro"]
    y = gradient - memory["prev_flat_grad"]
    s = memory["d"] * memory["t"]
    curvature = _number(mx.inner(y, s))
    if curvature > 1e-10:
        for values, value in ((old_dirs, y), (old_stps, s), (ro, 1.0 / curvature)):
            values.append(value)
            del values[:-most]
        memory["H_diag"] = curvature / _number(mx.inner(y, y))
    d, shares = -gradient, []
    for y, s, r in zip(reversed(old_dirs), reversed(old_stps), reversed(ro), strict=True):
        shares.append(mx.inner(s, d) * r)
        d = d - shares[-1] * y
    d = d * memory["H_diag"]
    for y, s, r in zip(old_dirs, old_stps, ro, strict=True):
        d = d + (shares.pop() - mx.inner(y, d) * r) * s
    return d


def _largest(array: mx.array) -> float:
    return _number(mx.abs(array).max())


def _number(scalar: Any) -> float:
    return scalar.item()


def _joined(arrays: list[mx.array]) -> mx.array:
    wide = mx.float64 if any(a.dtype == mx.float64 for a in arrays) else mx.float32
    return mx.concatenate([a.reshape(-1).astype(wide) for a in arrays])


def _wrapped(memory: dict[str, Any], p: Tensor) -> dict[str, Any]:
    """The memory as it is saved: vectors are Tensors."""

    def wrap(value: Any) -> Any:
        if isinstance(value, list):
            return [wrap(v) for v in value]
        return p._wrap(value, p.device) if isinstance(value, mx.array) else value

    return {k: wrap(v) for k, v in memory.items()}


def _unwrapped(state: dict[str, Any]) -> dict[str, Any]:
    """The memory as it is worked with: vectors are arrays, scalars are numbers."""

    def unwrap(value: Any) -> Any:
        if isinstance(value, list):
            return [unwrap(v) for v in value]
        if isinstance(value, Tensor):
            return value.item() if value.ndim == 0 else value.array
        return value

    # torch keeps a buffer "al" between its steps; it means nothing from one step to the next
    return {k: unwrap(v) for k, v in state.items() if k != "al"}
