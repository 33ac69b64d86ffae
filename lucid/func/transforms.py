"""`grad`, `value_and_grad`, `vjp` and `jvp`: functions out of functions. They nest.

Each differentiates on leaves of its own and walks over nothing that was recorded before it began.
If that, or the arguments, require grad, then the walk is recorded, and so the results can be
differentiated by whoever is outside.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx

from lucid import ops
from lucid.autograd import enable_grad, is_grad_enabled
from lucid.autograd.tape import next_order, outside, walk
from lucid.func.tree import flatten
from lucid.tensor import Tensor


def grad(func: Callable, argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Callable:
    """The function that computes the gradient of `func`, which returns a scalar Tensor.

    Args:
        argnums: which argument, or arguments, to differentiate in: Tensors, or nested tuples,
            lists and dicts of them. The gradient has the same form.
        has_aux: `func` returns (scalar, anything), the new function (gradient, anything).

    Raises:
        ValueError: when called, if the result is not one number, or argnums are out of range.

    >>> import lucid
    >>> slope = lucid.func.grad(lucid.sin)
    >>> slope(lucid.tensor(0.0)), lucid.func.grad(slope)(lucid.tensor(0.0))
    (Tensor(1., grad=None), Tensor(-0., grad=None))
    """
    both = value_and_grad(func, argnums, has_aux)

    @functools.wraps(func)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, found = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return gradient


def value_and_grad(
    func: Callable, argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable:
    """The function that computes (value, gradient) of `func`; see `grad`.

    With `has_aux` it returns ((value, anything), gradient).

    >>> import lucid
    >>> lucid.func.value_and_grad(lambda x: x**2)(lucid.tensor(3.0))
    (Tensor(9., grad=None), Tensor(6., grad=None))
    """

    @functools.wraps(func)
    def both(*args: Any, **kwargs: Any) -> Any:
        call = Call(func, args, kwargs, argnums, has_aux)
        y = call.output
        if not isinstance(y, Tensor) or y.ndim:
            got = f"shape {y.shape}" if isinstance(y, Tensor) else type(y).__name__
            raise ValueError(
                f"grad expects {_name(func)} to return a scalar Tensor, got {got}; "
                "sum it, or use jacrev"
            )
        if mx.issubdtype(y.dtype, mx.complexfloating):
            raise ValueError(
                f"grad expects {_name(func)} to return a real number, got {y.dtype}; "
                "take e.g. its .real or .abs()"
            )
        found = call.pull([Tensor.ones_like(y)])
        value = call.finished(y)
        return (value, call.aux) if has_aux else value, found

    return both


def grad_and_value(
    func: Callable, argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable:
    """`value_and_grad` with its results the other way round, as torch has it."""
    both = value_and_grad(func, argnums, has_aux)

    @functools.wraps(func)
    def turned(*args: Any, **kwargs: Any) -> Any:
        return both(*args, **kwargs)[::-1]

    return turned


def vjp(func: Callable, *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """The value of `func`, and the function that multiplies a vector with its Jacobian.

    Returns:
        (output, pull) or with `has_aux` (output, pull, aux). `pull(v)` takes what has the form of
        the output, and returns the gradient of sum(v * output) in the primals: a tuple, or one
        value for one primal.

    >>> import lucid
    >>> y, pull = lucid.func.vjp(lambda x: x**2, lucid.tensor([1.0, 2.0]))
    >>> pull(lucid.tensor([1.0, 10.0]))
    Tensor([ 2., 40.], grad=None)
    """
    call = Call(func, primals, {}, tuple(range(len(primals))), has_aux)
    outputs, rebuild = flatten(call.output)

    def pull(cotangents: Any) -> Any:
        seeds, _ = flatten(cotangents)
        shapes, expected = [s.shape for s in seeds], [y.shape for y in outputs]
        if shapes != expected:
            raise ValueError(f"expects cotangents of the shapes {expected}, got {shapes}")
        found = call.pull(seeds)
        return found[0] if len(primals) == 1 else found

    value = rebuild([call.finished(y) for y in outputs])
    return (value, pull, call.aux) if has_aux else (value, pull)


def jvp(
    func: Callable, primals: Sequence[Any], tangents: Sequence[Any], *, has_aux: bool = False
) -> tuple[Any, ...]:
    """The value of `func`, and its derivative in the direction of `tangents`.

    The product of a vector with the Jacobian is linear in the vector, so the derivative of that
    product in the vector is the Jacobian times the tangents: two walks, and it works for every
    operation (Townsend, "A new trick for calculating Jacobian vector products", 2017).

    Args:
        primals, tangents: tuples of the same form.

    Returns:
        (output, derivative) or with `has_aux` (output, derivative, aux).

    >>> import lucid
    >>> lucid.func.jvp(lambda x: x**2, (lucid.tensor(3.0),), (lucid.tensor(1.0),))[1]
    Tensor(6., grad=None)
    """
    if not isinstance(primals, tuple | list) or not isinstance(tangents, tuple | list):
        raise TypeError("jvp expects primals and tangents as tuples, e.g. jvp(f, (x,), (v,))")
    value, push, aux = _linear(func, tuple(primals), has_aux)
    slopes = push(*tangents)
    return (value, slopes, aux) if has_aux else (value, slopes)


def linearize(func: Callable, *primals: Any) -> tuple[Any, Callable]:
    """The value of `func`, and the function that multiplies its Jacobian with a vector, without
    calling `func` again.

    >>> import lucid
    >>> y, push = lucid.func.linearize(lambda x: x**2, lucid.tensor(3.0))
    >>> push(lucid.tensor(1.0)), push(lucid.tensor(2.0))
    (Tensor(6., grad=None), Tensor(12., grad=None))
    """
    return _linear(func, primals, False)[:2]


def _linear(func: Callable, primals: tuple[Any, ...], has_aux: bool) -> tuple[Any, Callable, Any]:
    """The value of `func`, its Jacobian as a function of tangents, and what else it returns."""
    xs, _ = flatten(primals)
    call = Call(func, primals, {}, tuple(range(len(primals))), has_aux)
    outputs, rebuild = flatten(call.output)
    differentiable = [y for y in outputs if y.requires_grad]

    def transposed(*vectors: Tensor) -> Any:
        given = iter(vectors)
        seeds = [next(given) if y.requires_grad else Tensor.zeros_like(y) for y in outputs]
        return call.pull(seeds)

    zeros = [Tensor.zeros_like(y) for y in differentiable]
    second = Call(transposed, zeros, {}, tuple(range(len(zeros))), False)
    second.recorded = call.recorded  # the call itself is nobody else's

    def push(*tangents: Any) -> Any:
        directions, _ = flatten(tangents)
        shapes, expected = [t.shape for t in directions], [x.shape for x in xs]
        if shapes != expected:
            raise ValueError(f"jvp expects tangents of the shapes {expected}, got {shapes}")
        found = iter(flatten(second.pull(directions))[0] if zeros else [])
        return rebuild([next(found) if y.requires_grad else Tensor.zeros_like(y) for y in outputs])

    return rebuild([call.finished(y) for y in outputs]), push, call.aux


class Call:
    """One call of a function on leaves of our own, ready to be differentiated."""

    def __init__(
        self,
        func: Callable,
        args: Sequence[Any],
        kwargs: dict[str, Any],
        argnums: int | tuple[int, ...],
        has_aux: bool,
    ) -> None:
        self.outer = is_grad_enabled()
        self.since = next_order()
        self.single = isinstance(argnums, int)
        arguments, self.leaves, self.rebuild = list(args), [], []
        for n in (argnums,) if isinstance(argnums, int) else argnums:
            if not -len(args) <= n < len(args):
                raise ValueError(f"argnums {argnums} are out of range: got {len(args)} arguments")
            leaves, rebuild = flatten(args[n])
            fresh = [self._leaf(x, n) for x in leaves]
            arguments[n] = rebuild(fresh)
            self.leaves.append(fresh)
            self.rebuild.append(rebuild)
        with enable_grad():
            output = func(*arguments, **kwargs)
        if has_aux and (not isinstance(output, tuple) or len(output) != 2):
            raise ValueError(f"with has_aux {_name(func)} must return (output, aux)")
        self.output, aux = output if has_aux else (output, None)
        outputs, _ = flatten(self.output)
        self.recorded = self.outer and self._leads_out(outputs)
        extras, rebuild_aux = flatten(aux)
        self.aux = rebuild_aux([self.finished(t) for t in extras])

    def _leaf(self, x: Tensor, n: int) -> Tensor:
        if not mx.issubdtype(x.dtype, mx.inexact):
            raise ValueError(
                f"argument {n} holds a Tensor of {x.dtype}; only floats have gradients"
            )
        if self.outer and x.requires_grad:
            return ops.clone(x)  # a place of its own in the graph, which goes on to x
        return x.detach().requires_grad_()

    def _leads_out(self, tensors: Sequence[Tensor]) -> bool:
        """Whether there is something behind them that somebody else may differentiate in."""
        roots = [edge for t in tensors if (edge := t._edge()) is not None]
        own = {id(leaf) for group in self.leaves for leaf in group}
        return any(id(source) not in own for source, _ in outside(roots, self.since))

    def finished(self, tensor: Tensor) -> Tensor:
        """A result as the caller gets it."""
        return tensor if self.recorded else tensor.detach()

    def pull(self, seeds: Sequence[Tensor]) -> Any:
        """The gradients of sum(seed * output), in the form of the arguments."""
        recorded = is_grad_enabled() and (self.recorded or self._leads_out(seeds))
        roots: list[Any] = [
            (y._edge(), seed if recorded else seed.array)
            for y, seed in zip(flatten(self.output)[0], seeds, strict=True)
            if y.requires_grad
        ]
        edges: list[Any] = [leaf._edge() for group in self.leaves for leaf in group]
        targets = {(id(e[0]), e[1]): i for i, e in enumerate(edges)}
        found = walk(roots, targets, retain_graph=True, create_graph=recorded, since=self.since)
        results, number = [], 0
        for group, rebuild in zip(self.leaves, self.rebuild, strict=True):
            gradients = [_tensor(found.get(number + i), x) for i, x in enumerate(group)]
            results.append(rebuild(gradients))
            number += len(group)
        return results[0] if self.single else tuple(results)


def _tensor(gradient: Any, like: Tensor) -> Tensor:
    if gradient is None:
        return Tensor.zeros_like(like)
    return gradient if isinstance(gradient, Tensor) else like._wrap(gradient, like.device)


def _name(func: Callable) -> str:
    return getattr(func, "__name__", type(func).__name__)
