"""`Tensor`: an array that remembers how it was computed. Its methods are the ops."""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import mlx.core as mx
import numpy as np

from lucid import _shards, ops
from lucid.autograd import laziness
from lucid.autograd.backward import backward
from lucid.autograd.laziness import watch
from lucid.autograd.tape import Node, Traced
from lucid.ops.device import on_device, resolve
from lucid.ops.dtypes import dtype_of, name_of
from lucid.tensor.conversion import Conversion
from lucid.tensor.data import are_sizes, array_of, bits, from_bits
from lucid.tensor.distributions import bernoulli, multinomial
from lucid.tensor.facts import Facts
from lucid.tensor.inplace import InPlace
from lucid.tensor.ranges import Ranges
from lucid.tensor.sampling import Sampling
from lucid.tensor.text import text

_new = object.__new__


class Tensor(Facts, Sampling, Ranges, Conversion, InPlace):
    """An n-dimensional array of numbers that can be differentiated.

    Arrays are immutable, so no two tensors share memory: slices, views and `detach()` are values
    of their own, and assigning to one (`part[0] = 1`, `part += 1`) leaves the others as they
    were. In torch a view writes through.

    Args:
        data: numbers, nested lists, NumPy, an `mx.array`, DLPack, or another Tensor. Floats
            become float32 and Python ints int64. Two ints or more, `Tensor(2, 3)`, are sizes:
            torch's old way to say `zeros(2, 3)`.
        requires_grad: record what is computed from it, so that `backward` fills its `.grad`.
        dtype: the dtype to convert to.
        device: "cpu" or "gpu"; default: the GPU where there is one.

    Raises:
        TypeError: data that are not numbers.
        ValueError: ragged nested lists.

    >>> import lucid
    >>> x = lucid.Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> y = (x * x).sum()
    >>> y.backward()
    >>> x.grad
    Tensor([2., 4., 6.], grad=None)
    """

    _retains: Handle | None = None  # of the hook of `retain_grad`
    bernoulli, multinomial = bernoulli, multinomial
    __array_ufunc__ = None  # so that `ndarray * tensor` comes to us

    def __init__(
        self,
        data: Any = (),
        requires_grad: Any = False,
        dtype: Any = None,
        device: Any = None,
        *sizes: int,
    ) -> None:
        if are_sizes(data, requires_grad):
            given = (data, requires_grad, dtype, device, *sizes)
            data = Tensor.zeros([n for n in given if n is not None])
            requires_grad, dtype, device, sizes = False, None, None, ()
        if sizes:
            raise TypeError(f"Tensor takes data or sizes, got {4 + len(sizes)} arguments")
        if isinstance(data, Traced):
            device = data._device if device is None else device
            data = data.array
        self._device = resolve(device)
        self._node, self._index = None, 0
        self.array = array_of(data, dtype, self._device)
        self._known = not isinstance(data, mx.array)
        self.requires_grad_(requires_grad)

    @staticmethod
    def _wrap(array: mx.array, device: str, node: Node | None = None, index: int = 0) -> Tensor:
        """A Tensor around an array as it is: output `index` of `node`, or a constant.

        All that is computed comes into being here, and is a plain Tensor, of subclasses too.
        """
        tensor: Tensor = _new(Tensor)
        tensor.array = array
        tensor._device = device
        tensor._node = node
        tensor._index = index
        tensor.requires_grad = node is not None
        watch(tensor)
        return tensor

    # What it is ---------------------------------------------------------------------------

    @property
    def is_leaf(self) -> bool:
        """True where no recorded operation made it."""
        return self._node is None

    @property
    def grad_fn(self) -> Node | None:
        """The recorded operation that made it, or None."""
        return self._node

    @property
    def data(self) -> Tensor:
        """The same values outside the graph, to change in place or to assign.

        >>> import lucid
        >>> w = lucid.ones(2, requires_grad=True)
        >>> _ = w.data.mul_(3)
        >>> w.data[0] = 5
        >>> w.detach()
        Tensor([5., 3.], grad=None)
        """
        values = self.detach()
        values._owner = self
        return values

    @data.setter
    def data(self, value: Tensor) -> None:
        laziness.note_change(self)
        self.array, self._known = value.array, False

    @property
    def T(self) -> Tensor:
        """The dimensions in reverse order."""
        return ops.permute(self, *reversed(range(self.ndim)))

    mT = property(lambda self: ops.transpose(self, -2, -1), doc="The last two dimensions swapped.")

    mH = property(ops.adjoint, doc="The conjugate transpose of the last two dimensions.")

    @property
    def H(self) -> Tensor:
        """The conjugate transpose of a matrix."""
        if self.ndim not in (0, 2):
            raise ValueError(f"H is of a matrix, got shape {self.shape}; use x.mH for a batch")
        return ops.adjoint(self) if self.ndim else self

    def __len__(self) -> int:
        if self.ndim == 0:
            raise TypeError("a 0-dimensional Tensor has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if self.ndim == 0:
            raise TypeError("a 0-dimensional Tensor cannot be iterated")
        return iter(ops.unbind(self))

    def __contains__(self, value: Any) -> bool:
        return bool(ops.any(self == value))

    def __repr__(self) -> str:
        return text(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        """A leaf of its own with the same values and `.grad`."""
        if self._node is not None:
            raise RuntimeError("only leaves can be deep-copied; use x.detach() or x.clone()")
        memo[id(self)] = copied = self._wrap(self.array, self._device)
        copied.requires_grad = self.requires_grad
        copied.grad = copy.deepcopy(self.grad, memo)
        return copied

    def __reduce_ex__(self, protocol: Any) -> Any:
        values, dtype = bits(self.array), name_of(self.dtype)
        return _restored, (values, dtype, str(self._device), self.requires_grad)

    # The graph ----------------------------------------------------------------------------

    def eval(self) -> Tensor:
        """Compute now instead of when the values are needed. No one has to call it.

        >>> lucid.ones(2).eval()
        Tensor([1., 1.], grad=None)
        """
        mx.eval(self.array)
        _shards.forget(self.array)
        return self

    def detach(self) -> Tensor:
        """The same values outside the graph.

        >>> lucid.ones(1, requires_grad=True).detach().requires_grad
        False
        """
        return self._wrap(self.array, self._device)

    def backward(
        self,
        gradient: Any = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """Add d(self)/d(leaf) to the `.grad` of every leaf that requires grad.

        Args:
            gradient: what to start from, of the shape of this tensor. None means ones, also for
                a tensor that is not a scalar (torch raises there).
            retain_graph: keep the graph for another backward.
            create_graph: record this backward, so that gradients can be differentiated.
            inputs: only these leaves get a `.grad`.

        Raises:
            RuntimeError: it does not require grad, or its graph was freed.
            ValueError: a gradient of another shape.

        >>> import lucid
        >>> x = lucid.tensor([1.0, 2.0], requires_grad=True)
        >>> (3 * x).backward()
        >>> x.grad
        Tensor([3., 3.], grad=None)
        """
        backward(
            self, gradient, retain_graph=retain_graph, create_graph=create_graph, inputs=inputs
        )

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Record what is computed from this leaf, or stop doing so.

        Raises:
            RuntimeError: integers or bools; or to stop at a tensor that was computed.

        >>> lucid.ones(1).requires_grad_().requires_grad
        True
        """
        if requires_grad and not mx.issubdtype(self.dtype, mx.inexact):
            raise RuntimeError(
                f"only floating point tensors can require grad, got {self.dtype}; "
                "convert it first, e.g. x.float()"
            )
        if not requires_grad and self._node is not None:
            raise RuntimeError(
                "requires_grad can be switched off for leaves only; use x.detach() instead"
            )
        self.requires_grad = bool(requires_grad)
        return self

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> Handle:
        """Call `hook(gradient)` whenever a backward reaches this tensor.

        A Tensor that the hook returns replaces the gradient. The handle removes the hook.

        Raises:
            RuntimeError: it does not require grad.

        >>> import lucid
        >>> x = lucid.ones(2, requires_grad=True)
        >>> handle = x.register_hook(lambda g: 10 * g)
        >>> x.sum().backward()
        >>> x.grad
        Tensor([10., 10.], grad=None)
        >>> handle.remove()
        """
        if not self.requires_grad:
            raise RuntimeError("a hook needs a Tensor that requires grad")
        if self._node is None:
            if self._hooks is None:
                self._hooks = []
            hooks = self._hooks
        else:
            if self._node.hooks is None:
                self._node.hooks = {}
            hooks = self._node.hooks.setdefault(self._index, [])
        hooks.append(hook)
        return Handle(hooks, hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> Handle:
        """Call `hook(tensor)` whenever a backward has added to the `.grad` of this leaf.

        Raises:
            RuntimeError: not a leaf that requires grad.

        >>> import lucid
        >>> x = lucid.ones(2, requires_grad=True)
        >>> handle = x.register_post_accumulate_grad_hook(lambda t: print(t.grad))
        >>> x.sum().backward()
        Tensor([1., 1.], grad=None)
        """
        if not self.requires_grad or self._node is not None:
            raise RuntimeError("a hook after accumulation needs a leaf that requires grad")
        if self._accumulated is None:
            self._accumulated = []
        self._accumulated.append(hook)
        return Handle(self._accumulated, hook)

    def retain_grad(self) -> None:
        """Keep the gradient of this result in `.grad` too, not only those of the leaves.

        >>> x = lucid.ones(2, requires_grad=True)
        >>> y = 2 * x
        >>> y.retain_grad(); (3 * y).backward()
        >>> y.grad
        Tensor([3., 3.], grad=None)
        """
        if self._node is None or self._retains is not None:
            return
        reference = weakref.ref(self)

        def keep(gradient: Tensor) -> None:
            tensor = reference()
            if tensor is not None:
                tensor.grad = gradient if tensor.grad is None else tensor.grad + gradient

        self._retains = self.register_hook(keep)


class Handle:
    """Removes a hook."""

    def __init__(self, hooks: list[Callable], hook: Callable) -> None:
        self._hooks, self._hook = hooks, hook

    def remove(self) -> None:
        """Take the hook away; a second call does nothing."""
        if self._hook in self._hooks:
            self._hooks.remove(self._hook)


def is_tensor(obj: Any) -> bool:
    """True for a Tensor.

    >>> lucid.is_tensor([1.0]), lucid.is_tensor(lucid.ones(1))
    (False, True)
    """
    return isinstance(obj, Tensor)


def _restored(values: np.ndarray, dtype: str, device: str, requires_grad: bool) -> Tensor:
    """A tensor out of a pickle; on the CPU where there is no GPU any more."""
    place = device if device == "cpu" or mx.is_available(mx.Device(mx.gpu)) else "cpu"
    with on_device(place):
        array = from_bits(values, dtype_of(dtype))
    return Tensor._wrap(array, place).requires_grad_(requires_grad)
