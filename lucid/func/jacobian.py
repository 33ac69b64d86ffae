"""`jacrev`, `jacfwd` and `hessian`: all derivatives of a function at once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from lucid import ops
from lucid.func.mapping import vmap
from lucid.func.transforms import Call, jvp
from lucid.func.tree import flatten
from lucid.tensor import Tensor


def jacrev(
    func: Callable,
    argnums: int | tuple[int, ...] = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
) -> Callable:
    """The function that computes the Jacobian of `func`, row by row: for more inputs than outputs.

    Args:
        argnums: which argument, or arguments, to differentiate in.
        has_aux: `func` returns (output, anything), the new function (Jacobian, anything).
        chunk_size: at most so many rows at a time.

    Shapes: the Jacobian of an output (*Y) in an input (*X) is (*Y, *X); it is nested as the
    outputs are, and each of those as the arguments are.

    >>> import lucid
    >>> lucid.func.jacrev(lambda x: x**2)(lucid.tensor([1.0, 2.0]))
    Tensor([[2., 0.],
            [0., 4.]], grad=None)
    """

    @functools.wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        call = Call(func, args, kwargs, argnums, has_aux)
        outputs, rebuild = flatten(call.output)
        parts = []
        for position, y in enumerate(outputs):
            zeros = [Tensor.zeros_like(z) for z in outputs]

            def row(seed: Tensor, zeros: Any = zeros, position: int = position) -> Any:
                return call.pull([*zeros[:position], seed, *zeros[position + 1 :]])

            rows = vmap(row, chunk_size=chunk_size)(_basis(y))
            leaves, rebuild_rows = flatten(rows)
            parts.append(rebuild_rows([g.reshape(*y.shape, *g.shape[1:]) for g in leaves]))
        found = rebuild(parts)
        return (found, call.aux) if has_aux else found

    return jacobian


def jacfwd(
    func: Callable,
    argnums: int | tuple[int, ...] = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    randomness: str = "error",
) -> Callable:
    """The function that computes the Jacobian of `func`, column by column: for fewer inputs than
    outputs. Arguments and shapes as in `jacrev`; here the arguments are Tensors or flat tuples.
    `randomness` is that of `vmap`.

    >>> import lucid
    >>> lucid.func.jacfwd(lambda x: x**2)(lucid.tensor([1.0, 2.0]))
    Tensor([[2., 0.],
            [0., 4.]], grad=None)
    """

    @functools.wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        single = isinstance(argnums, int)
        places = [argnums] if isinstance(argnums, int) else list(argnums)
        primals = tuple(args[n] for n in places)
        xs, rebuild_xs = flatten(primals)

        def of_chosen(*chosen: Any) -> Any:
            arguments = list(args)
            for n, x in zip(places, chosen, strict=True):
                arguments[n] = x
            return func(*arguments, **kwargs)

        columns, rebuild = [], None
        for position, x in enumerate(xs):

            def column(direction: Tensor, position: int = position) -> Any:
                tangents = [Tensor.zeros_like(z) for z in xs]
                tangents[position] = direction
                return jvp(of_chosen, primals, rebuild_xs(tangents), has_aux=has_aux)[1]

            mapped = vmap(column, randomness=randomness, chunk_size=chunk_size)
            slopes, rebuild = flatten(mapped(_basis(x)))
            columns.append([ops.movedim(s, 0, -1).reshape(*s.shape[1:], *x.shape) for s in slopes])
        assert rebuild is not None
        parts = [rebuild_xs(of_output) for of_output in zip(*columns, strict=True)]
        found = rebuild([part[0] if single else part for part in parts])
        return (found, func(*args, **kwargs)[1]) if has_aux else found

    return jacobian


def hessian(func: Callable, argnums: int | tuple[int, ...] = 0) -> Callable:
    """The function that computes all second derivatives of `func`: `jacrev` of `jacrev`.

    >>> import lucid
    >>> lucid.func.hessian(lambda x: (x**3).sum())(lucid.tensor([1.0, 2.0]))
    Tensor([[ 6.,  0.],
            [ 0., 12.]], grad=None)
    """
    return jacrev(jacrev(func, argnums), argnums)


def _basis(y: Tensor) -> Tensor:
    """The unit vectors of the shape of y, one below the other."""
    n = y.numel()
    return Tensor.eye(n, dtype=y.dtype, device=y.device).reshape(n, *y.shape)
