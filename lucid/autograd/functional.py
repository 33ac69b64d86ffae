"""`torch.autograd.functional`: `lucid.func` applied to a function and its inputs at once.

This module lies above the rest of its package, which does not import it.

Everywhere, `inputs` is a Tensor or a tuple of them, and `create_graph` makes results that can be
differentiated in inputs that require grad, and in what else the function uses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lucid import func as transforms
from lucid.autograd.mode import set_grad_enabled


def vjp(func: Callable, inputs: Any, v: Any = None, create_graph: bool = False) -> tuple[Any, Any]:
    """The outputs, and the vector `v` times the Jacobian; v may be left out for a scalar output.

    >>> import lucid
    >>> x = lucid.tensor([1.0, 2.0])
    >>> lucid.autograd.functional.vjp(lambda x: (x**2).sum(), x)[1]
    Tensor([2., 4.], grad=None)
    """
    with set_grad_enabled(create_graph):
        outputs, pull = transforms.vjp(func, *_several(inputs))
        if v is None:
            _one("vjp", outputs, "outputs")
            v = outputs.ones_like(outputs)
        return outputs, _like(inputs, pull(v))


def jvp(func: Callable, inputs: Any, v: Any = None, create_graph: bool = False) -> tuple[Any, Any]:
    """The outputs, and the Jacobian times `v`; v may be left out for an input of one number.

    >>> import lucid
    >>> x = lucid.tensor([1.0, 2.0])
    >>> lucid.autograd.functional.jvp(lambda x: x**2, x, lucid.ones(2))[1]
    Tensor([2., 4.], grad=None)
    """
    if v is None:
        _one("jvp", inputs, "inputs")
        v = inputs.ones_like(inputs)
    with set_grad_enabled(create_graph):
        return transforms.jvp(func, _several(inputs), _several(v))


def jacobian(
    func: Callable, inputs: Any, create_graph: bool = False, vectorize: bool = False
) -> Any:
    """The Jacobian, of shape (*output, *input); nested as outputs, then as inputs.

    `vectorize` is accepted as in torch: all rows are computed at once in any case.

    >>> import lucid
    >>> lucid.autograd.functional.jacobian(lambda x: x**2, lucid.tensor([1.0, 2.0]))
    Tensor([[2., 0.],
            [0., 4.]], grad=None)
    """
    with set_grad_enabled(create_graph):
        return transforms.jacrev(func, _argnums(inputs))(*_several(inputs))


def hessian(
    func: Callable, inputs: Any, create_graph: bool = False, vectorize: bool = False
) -> Any:
    """All second derivatives of a function with one number as its output.

    >>> import lucid
    >>> lucid.autograd.functional.hessian(lambda x: (x**3).sum(), lucid.tensor([1.0, 2.0]))
    Tensor([[ 6.,  0.],
            [ 0., 12.]], grad=None)
    """
    with set_grad_enabled(create_graph):
        return transforms.hessian(_scalar(func), _argnums(inputs))(*_several(inputs))


def hvp(func: Callable, inputs: Any, v: Any = None, create_graph: bool = False) -> tuple[Any, Any]:
    """The output of a function with one number as its output, and its Hessian times `v`.

    >>> import lucid
    >>> x = lucid.tensor([1.0, 2.0])
    >>> lucid.autograd.functional.hvp(lambda x: (x**3).sum(), x, lucid.ones(2))[1]
    Tensor([ 6., 12.], grad=None)
    """
    if v is None:
        _one("hvp", inputs, "inputs")
        v = inputs.ones_like(inputs)
    slope = transforms.grad_and_value(_scalar(func), _argnums(inputs), has_aux=False)
    with set_grad_enabled(create_graph):
        _, pull, output = transforms.vjp(slope, *_several(inputs), has_aux=True)
        return output, _like(inputs, pull(v))


vhp = hvp  # the Hessian is symmetric


def _several(values: Any) -> tuple[Any, ...]:
    return tuple(values) if isinstance(values, tuple | list) else (values,)


def _argnums(inputs: Any) -> Any:
    return tuple(range(len(inputs))) if isinstance(inputs, tuple | list) else 0


def _like(inputs: Any, found: Any) -> Any:
    """One gradient for one input, a tuple for a tuple."""
    return _several(found) if isinstance(inputs, tuple | list) else found


def _scalar(func: Callable) -> Callable:
    """The function, with an output of shape (1,) as a scalar."""

    def scalar(*inputs: Any) -> Any:
        output = func(*inputs)
        return output.reshape(()) if output.shape == (1,) else output

    return scalar


def _one(name: str, value: Any, what: str) -> None:
    if isinstance(value, tuple | list) or value.numel() != 1:
        raise RuntimeError(f"{name} needs v, unless the {what} are a single number")
