"""`Parameter`: a tensor that a Module owns and an optimizer updates. `Buffer`: one it keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lucid.tensor import Tensor


class Parameter(Tensor):
    """A Tensor that becomes part of a Module's `parameters()` when assigned as an attribute.

    What is computed from it is a plain Tensor.

    Attributes:
        constraint: None, or a function Tensor -> Tensor of the same shape, which the optimizer
            applies to the parameter after each of its updates.

    Raises:
        RuntimeError: `requires_grad=True` on integers.

    >>> import lucid
    >>> lucid.nn.Parameter(lucid.ones(2))
    Parameter([1., 1.], grad=None, requires_grad=True)
    """

    constraint: Callable[[Tensor], Tensor] | None = None

    def __init__(
        self, data: Any, requires_grad: bool = True, dtype: Any = None, device: Any = None
    ) -> None:
        super().__init__(data, requires_grad, dtype, device)

    def __repr__(self) -> str:
        return "Parameter" + super().__repr__().removeprefix("Tensor")

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        memo[id(self)] = copied = _rebuild(self.detach(), self.requires_grad, self.constraint)
        return copied

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _rebuild, (self.detach(), self.requires_grad, self.constraint)


def _rebuild(data: Tensor, requires_grad: bool, constraint: Any) -> Parameter:
    """A copy without gradient, as in torch. Arrays are immutable, so they may be shared."""
    parameter = Parameter(data, requires_grad)
    if constraint is not None:
        parameter.constraint = constraint
    return parameter


class Buffer(Tensor):
    """A Tensor that becomes a buffer of a Module when assigned as an attribute.

    Attributes:
        persistent: whether it is part of the state dict.

    >>> import lucid
    >>> layer = lucid.nn.Identity()
    >>> layer.steps = lucid.nn.Buffer(lucid.tensor(0), persistent=False)
    >>> [name for name, _ in layer.named_buffers()], list(layer.state_dict())
    (['steps'], [])
    """

    def __init__(
        self, data: Any, *, persistent: bool = True, dtype: Any = None, device: Any = None
    ) -> None:
        super().__init__(data, False, dtype, device)
        self.persistent = persistent

    def __deepcopy__(self, memo: dict[int, Any]) -> Buffer:
        memo[id(self)] = copied = Buffer(self.detach(), persistent=self.persistent)
        return copied

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _rebuild_buffer, (self.detach(), self.persistent)


def _rebuild_buffer(data: Tensor, persistent: bool) -> Buffer:
    return Buffer(data, persistent=persistent)
