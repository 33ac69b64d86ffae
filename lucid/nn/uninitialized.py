"""Parameters and buffers whose shape is not known yet: what lazy modules are made of."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from lucid.nn.parameter import Parameter
from lucid.ops.device import on_device, resolve
from lucid.ops.dtypes import dtype_of
from lucid.tensor import Tensor


class _Uninitialized(Tensor):
    """A tensor without values, until `materialize` gives it a shape."""

    is_uninitialized = True
    _becomes: type[Tensor]
    _dtype: mx.Dtype

    def _prepare(self, requires_grad: bool, dtype: Any, device: Any) -> None:
        self._device = resolve(device)
        self._dtype = mx.float32 if dtype is None else dtype_of(dtype)
        self.requires_grad, self._node, self._index = requires_grad, None, 0

    @property
    def array(self) -> mx.array:  # type: ignore[override]
        raise RuntimeError(
            f"an {type(self).__name__} has no shape and no values yet; call its module once on an "
            "example input, or load a state dict into it"
        )

    @property
    def dtype(self) -> mx.Dtype:
        return self._dtype

    def materialize(self, shape: tuple[int, ...], device: Any = None, dtype: Any = None) -> None:
        """Become an ordinary tensor of this shape, of zeros."""
        dtype = self._dtype if dtype is None else dtype_of(dtype)
        self._device = self._device if device is None else resolve(device)
        del self._dtype
        self.__class__ = self._becomes  # type: ignore[assignment]
        with on_device(self._device):
            self.array = mx.zeros(shape, dtype)  # type: ignore[misc]

    def detach(self) -> Tensor:
        return self

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        build, arguments = self.__reduce_ex__(2)
        memo[id(self)] = copied = build(*arguments)
        return copied

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _rebuild, (type(self), self.requires_grad, str(self._dtype), self._device)


class UninitializedParameter(_Uninitialized, Parameter):
    """A `Parameter` whose shape is not known yet.

    >>> from lucid import nn
    >>> p = nn.UninitializedParameter()
    >>> p.materialize((2,))
    >>> p
    Parameter([0., 0.], grad=None, requires_grad=True)
    """

    _becomes = Parameter

    def __init__(self, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> None:
        self._prepare(requires_grad, dtype, device)


class UninitializedBuffer(_Uninitialized):
    """A buffer whose shape is not known yet; its values raise a RuntimeError until it has one.

    >>> import lucid
    >>> b = lucid.nn.UninitializedBuffer()
    >>> b.materialize((2,))
    >>> b
    Tensor([0., 0.], grad=None)
    """

    _becomes = Tensor

    def __init__(self, requires_grad: bool = False, device: Any = None, dtype: Any = None) -> None:
        self._prepare(requires_grad, dtype, device)


def _rebuild(kind: type, requires_grad: bool, dtype: str, device: str) -> Tensor:
    return kind(requires_grad, device, dtype)


def is_lazy(tensor: Any) -> bool:
    """Whether a tensor's shape is not known yet."""
    return isinstance(tensor, _Uninitialized)
