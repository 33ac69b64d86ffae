"""`lucid.compile`: a training step, or a model, as one graph of MLX."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from lucid.compiler.compiled import Compiled, is_compiling
from lucid.compiler.module import compiled_module
from lucid.compiler.outcome import Unsteady
from lucid.compiler.refusal import DataDependentError
from lucid.nn.module import Module


def compile(
    function: Any = None, /, *, buckets: Sequence[int] = (), disable: bool = False, **_: Any
) -> Any:
    """Make one graph of all that a function does: forward, backward and the optimizer's step.

    The first call runs the function in earnest, and then once more without values to see what it
    does; the calls that follow compute the graph and run no Python of the function. What it
    touches is found by itself: parameters, buffers, `.grad`, the state of optimizers, learning
    rates, schedules, random numbers. All of that may be changed in between. The results are those
    of the function, to the precision of float.

    Another graph is made where the arguments have other shapes, dtypes or Python values (a float
    that differs from call to call belongs into a Tensor), and where a module, an optimizer or a
    variable that the function names was changed: `model.eval()`, a layer replaced, a gradient
    switched off. Defaults, `functools.partial` and the user's classes are looked at, too; what
    only some object deeper inside holds is not, nor are clocks, files and the environment. Numbers
    that go on from call to call, such as the rate of a schedule that the function steps, cannot be
    looked at inside.

    NumPy arrays among the arguments come to the function as Tensors. After an error, in the
    function or in MLX, all tensors, optimizers, schedules and random streams are as before.

    A compiled module is the same module with another way to be called, so a model can be compiled
    and the loss taken, and differentiated, outside. Backward then computes the forward pass again.

    Without a C++ compiler (`g++`, on Linux) MLX compiles nothing. The function then runs as it is,
    and a warning says so.

    Args:
        function: a function, a method, or a Module.
        buckets: lengths. The last dimension of each Tensor among the arguments is filled up with
            zeros to the next of them, so that there is one graph per length here instead of one
            per length of the data. The results change by that unless the model masks.
        disable: return the function itself.
        _: torch's `mode`, `backend`, `dynamic`, `fullgraph` and `options`, without effect.

    Raises:
        DataDependentError: when called, a RuntimeError: the function looks at values.
        Unsteady: when called, a RuntimeError: it does something to Python that its compiled form
            would do only once, such as appending to a list.

    >>> import lucid
    >>> w = lucid.tensor(4.0, requires_grad=True)
    >>> optimizer = lucid.optim.SGD([w], lr=0.25)
    >>> @lucid.compile
    ... def step(x):
    ...     optimizer.zero_grad()
    ...     loss = (w * x) ** 2
    ...     loss.backward()
    ...     optimizer.step()
    ...     return loss
    >>> [step(lucid.tensor(1.0)).item() for _ in range(3)]
    [16.0, 4.0, 1.0]
    """
    if function is None:
        return functools.partial(compile, buckets=buckets, disable=disable)
    if not callable(function) or isinstance(function, type):
        raise TypeError(
            f"compile expects a function or a Module, got {type(function).__name__}"
            + (f" {function.__name__}; make one first" if isinstance(function, type) else "")
        )
    if disable:
        return function
    if isinstance(function, Module):
        return compiled_module(function, buckets)
    compiled = Compiled(function, buckets)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return compiled(args, kwargs)

    return call
