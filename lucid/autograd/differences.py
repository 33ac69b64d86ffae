"""`gradcheck` and `gradgradcheck`: derivatives against central differences.

Complex numbers count as pairs of real ones: the gradient of a complex x is dL/d(real part) plus
i times dL/d(imaginary part), so that each part has its place in a real Jacobian.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx
import numpy as np

from lucid.autograd.backward import grad
from lucid.autograd.mode import enable_grad
from lucid.autograd.tape import Traced


class GradcheckError(RuntimeError):
    """A derivative is not what central differences say."""


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float | None = None,
    atol: float | None = None,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    fast_mode: bool = False,
) -> bool:
    """Compare the gradients of `func` with (f(x + eps) - f(x - eps)) / (2 eps).

    Args:
        func: takes `inputs`, returns a Tensor or several.
        inputs: a Tensor or several arguments; those that require grad are checked. They should
            be float64: with less precision the differences say little.
        eps: the step. Default: 1e-6; with a complex input, which is of single precision, 4e-3.
        atol, rtol: |analytic - numeric| <= atol + rtol * |numeric| is right. Default of atol:
            1e-5; with a complex input 1e-3.
        raise_exception: False returns False instead of raising.
        nondet_tol: by how much two runs of the same backward may differ.
        check_undefined_grad: an output that has no gradient must count as one of zeros.
        check_grad_dtypes: gradients must have the dtype of their input.
        fast_mode: compare one directional derivative v.(J u) per output and input, u and v at
            random, instead of every entry of the Jacobian J.

    Returns:
        True where all is right.

    Raises:
        GradcheckError: it is not; the message names output, input and entry.
        ValueError: no input requires grad.

    >>> import lucid
    >>> x = lucid.tensor([0.5, 2.0], dtype=lucid.float64, requires_grad=True)
    >>> lucid.autograd.gradcheck(lucid.exp, x)
    True
    """
    case = _Case(func, inputs)
    dtypes = {case.args[i].array.dtype for i in case.checked}
    coarse = mx.complex64 in dtypes
    eps = (4e-3 if coarse else 1e-6) if eps is None else eps
    atol = (1e-3 if coarse else 1e-5) if atol is None else atol
    if not dtypes & {mx.float64, mx.complex64}:
        warnings.warn(
            f"the inputs of gradcheck are {', '.join(map(str, dtypes))}; differences of numbers "
            "of less precision than float64 say little",
            stacklevel=2,
        )
    try:
        if check_undefined_grad:
            _check_undefined(case)
        _check_repetition(case, nondet_tol)
        if check_grad_dtypes:
            _check_dtypes(case)
        if not fast_mode or not _agrees_at_random(case, eps, atol, rtol):
            _check_entries(case, eps, atol, rtol)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any], inputs: Any, grad_outputs: Any = None, **options: Any
) -> bool:
    """`gradcheck` of the gradients of `func`, in its inputs and in what backward starts from.

    Args:
        grad_outputs: what backward starts from, one Tensor per output that requires grad.
            Default: normally distributed numbers.
        options: those of `gradcheck`.

    >>> import lucid
    >>> x = lucid.tensor([0.5, 2.0], dtype=lucid.float64, requires_grad=True)
    >>> lucid.autograd.gradgradcheck(lucid.exp, x)
    True
    """
    case = _Case(func, inputs)
    count = len(case.args)
    if grad_outputs is None:
        rng = np.random.default_rng(0)
        seeds = [_tensor(y, _random(rng, y), True) for y in case.outputs if y.requires_grad]
    else:
        seeds = [g._wrap(g.array, g._device) for g in _several(grad_outputs)]
        for seed in seeds:
            seed.requires_grad = True

    def gradients(*args: Any) -> Any:
        outputs = [y for y in _several(func(*args[:count])) if _differentiable(y)]
        wanted = [args[i] for i in case.checked]
        found = grad(outputs, wanted, args[count:], create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    return gradcheck(gradients, [*case.args, *seeds], **options)


class _Case:
    """A function of the inputs that require grad, and its outputs as coordinates."""

    def __init__(self, func: Callable[..., Any], inputs: Any) -> None:
        self.func, self.args = func, _several(inputs)
        self.checked = [i for i, x in enumerate(self.args) if _differentiable(x)]
        if not self.checked:
            raise ValueError("gradcheck expects an input that requires grad, got none")
        self.points = [_coordinates(self.args[i]) for i in self.checked]
        self.leaves, self.outputs = self.recorded()

    def recorded(self, points: Sequence[np.ndarray] | None = None) -> tuple[list[Any], list[Any]]:
        """Fresh leaves for the checked inputs, and the outputs that they give."""
        args = list(self.args)
        for i, point in zip(self.checked, points or self.points, strict=True):
            args[i] = _tensor(self.args[i], point, True)
        with enable_grad():
            outputs = [y for y in _several(self.func(*args)) if isinstance(y, Traced)]
        leaves = [args[i] for i in self.checked]
        return leaves, [y for y in outputs if mx.issubdtype(y.array.dtype, mx.inexact)]

    def values(self, position: int, shift: np.ndarray) -> list[np.ndarray]:
        """The outputs where one input is shifted."""
        points = list(self.points)
        points[position] = points[position] + shift
        return [_coordinates(y) for y in self.recorded(points)[1]]

    def difference(self, position: int, shift: np.ndarray, eps: float) -> list[np.ndarray]:
        """The derivative of each output along `shift`, as a central difference."""
        above, below = (self.values(position, sign * eps * shift) for sign in (1, -1))
        return [(a - b) / (2 * eps) for a, b in zip(above, below, strict=True)]

    def pulled(self, output: int, seed: np.ndarray) -> list[np.ndarray]:
        """The gradients in all inputs, starting from `seed` at one output."""
        y = self.outputs[output]
        if not y.requires_grad:
            return [np.zeros_like(p) for p in self.points]
        return _vectors(_gradients([y], self.leaves, [_tensor(y, seed)]), self)


def _check_entries(case: _Case, eps: float, atol: float, rtol: float) -> None:
    """Every entry of every Jacobian."""
    sizes = [_coordinates(y).size for y in case.outputs]
    rows = [[case.pulled(o, unit) for unit in np.eye(size)] for o, size in enumerate(sizes)]
    for position, point in enumerate(case.points):
        columns = [case.difference(position, unit, eps) for unit in np.eye(point.size)]
        for output, size in enumerate(sizes):
            analytic = np.array([row[position] for row in rows[output]]).reshape(size, point.size)
            numeric = np.array([c[output] for c in columns]).reshape(point.size, size).T
            wrong = ~(np.abs(analytic - numeric) <= atol + rtol * np.abs(numeric))
            if wrong.any():
                raise _entry_error(case, output, position, analytic, numeric, wrong)


def _entry_error(
    case: _Case,
    output: int,
    position: int,
    analytic: np.ndarray,
    numeric: np.ndarray,
    wrong: np.ndarray,
) -> GradcheckError:
    off = np.where(wrong, np.nan_to_num(np.abs(analytic - numeric), nan=np.inf), -1.0)
    row, column = np.unravel_index(off.argmax(), off.shape)
    x, y = case.args[case.checked[position]], case.outputs[output]
    text = (
        f"the Jacobian of output {output} in input {case.checked[position]} is wrong in "
        f"{wrong.sum()} of {wrong.size} entries. At output element {_place(y, row)} and input "
        f"element {_place(x, column)} backward gives {analytic[row, column]:.9g}, central "
        f"differences give {numeric[row, column]:.9g}."
    )
    if wrong.size <= 100:
        text += f"\nfrom backward:\n{analytic}\nfrom central differences:\n{numeric}"
    return GradcheckError(text)


def _place(tensor: Traced, coordinate: Any) -> str:
    """The index of a coordinate, and which part of a complex number it is."""
    shape, part = tensor.array.shape, ""
    if tensor.array.dtype == mx.complex64:
        coordinate, which = divmod(coordinate, 2)
        part = (" (real part)", " (imaginary part)")[which]
    return str(tuple(map(int, np.unravel_index(coordinate, shape) if shape else ()))) + part


def _agrees_at_random(case: _Case, eps: float, atol: float, rtol: float) -> bool:
    """One directional derivative per output and input."""
    rng = np.random.default_rng(0)
    seeds = [_random(rng, y) for y in case.outputs]
    pulled = [case.pulled(output, seed) for output, seed in enumerate(seeds)]
    for position, point in enumerate(case.points):
        direction = rng.normal(size=point.size)
        direction /= max(float(np.linalg.norm(direction)), 1e-300)
        for output, slope in enumerate(case.difference(position, direction, eps)):
            numeric = float(seeds[output] @ slope)
            analytic = float(pulled[output][position] @ direction)
            if not abs(analytic - numeric) <= atol + rtol * abs(numeric):
                return False
    return True


def _check_undefined(case: _Case) -> None:
    """An output that is left out of backward against one with a gradient of zeros."""
    used = [i for i, y in enumerate(case.outputs) if y.requires_grad]
    rng = np.random.default_rng(0)
    for left_out in used if len(used) > 1 else ():
        seeds = {i: _random(rng, case.outputs[i]) for i in used if i != left_out}
        seeds[left_out] = np.zeros_like(_coordinates(case.outputs[left_out]))
        found = []
        for some in ([i for i in used if i != left_out], used):
            outputs = [case.outputs[i] for i in some]
            starts = [_tensor(y, seeds[i]) for i, y in zip(some, outputs, strict=True)]
            gradients = _gradients(outputs, case.leaves, starts)
            found.append(_vectors(gradients, case))
        for i, (without, zeros) in enumerate(zip(*found, strict=True)):
            # nearly: terms of zeros may change the order of a sum
            if not np.allclose(without, zeros, rtol=1e-12, atol=1e-14, equal_nan=True):
                raise GradcheckError(
                    f"the gradient of input {case.checked[i]} is another one where output "
                    f"{left_out} has no gradient than where its gradient is zeros"
                )


def _check_repetition(case: _Case, tolerance: float) -> None:
    """The same backward twice."""
    for output, y in enumerate(case.outputs):
        seed = np.ones_like(_coordinates(y))
        for i, (a, b) in enumerate(
            zip(case.pulled(output, seed), case.pulled(output, seed), strict=True)
        ):
            if a.size and np.abs(a - b).max() > tolerance:
                raise GradcheckError(
                    f"the gradient of output {output} in input {case.checked[i]} differs by "
                    f"{np.abs(a - b).max():.3g} between two runs of the same backward"
                )


def _check_dtypes(case: _Case) -> None:
    outputs = [y for y in case.outputs if y.requires_grad]
    for i, g in enumerate(_gradients(outputs, case.leaves)):
        expected = case.args[case.checked[i]].array.dtype
        if g is not None and g.array.dtype != expected:
            raise GradcheckError(
                f"the gradient of input {case.checked[i]} is {g.array.dtype}, not {expected}"
            )


def _gradients(outputs: list[Any], inputs: list[Any], starts: Any = None) -> Sequence[Any]:
    if not outputs:
        return [None] * len(inputs)
    return grad(outputs, inputs, starts, retain_graph=True, allow_unused=True)


def _vectors(gradients: Sequence[Any], case: _Case) -> list[np.ndarray]:
    """The coordinates of gradients in all inputs; zeros for None."""
    return [
        np.zeros_like(p) if g is None else _coordinates(g)
        for g, p in zip(gradients, case.points, strict=True)
    ]


def _several(values: Any) -> list[Any]:
    return list(values) if isinstance(values, tuple | list) else [values]


def _differentiable(x: Any) -> bool:
    return isinstance(x, Traced) and x.requires_grad


def _coordinates(tensor: Traced) -> np.ndarray:
    """The numbers of a tensor as one vector of float64; two for a complex one."""
    if tensor.array.dtype == mx.complex64:
        return np.array(tensor.array).astype(np.complex128).reshape(-1).view(np.float64)
    return np.array(tensor.array.astype(mx.float64, stream=mx.cpu)).reshape(-1)


def _tensor(like: Traced, coordinates: np.ndarray, requires_grad: bool = False) -> Any:
    """The tensor of these coordinates, else like another."""
    dtype = like.array.dtype
    numbers = coordinates.view(np.complex128) if dtype == mx.complex64 else coordinates
    made = like._wrap(mx.array(numbers.reshape(like.array.shape), dtype), like._device)
    made.requires_grad = requires_grad
    return made


def _random(rng: np.random.Generator, like: Traced) -> np.ndarray:
    return rng.normal(size=_coordinates(like).size)
