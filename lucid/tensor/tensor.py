"""`Tensor`: an array that remembers how it was computed. Its methods are the ops."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import Any

import mlx.core as mx
import numpy as np

from lucid import ops
from lucid.autograd.backward import backward
from lucid.autograd.mode import recording
from lucid.autograd.tape import Node, Traced
from lucid.ops.device import resolve
from lucid.tensor import creation
from lucid.tensor.text import text


class Tensor(Traced):
    """An n-dimensional array of numbers that can be differentiated.

    Args:
        data: numbers, nested lists, NumPy, an `mx.array`, DLPack, or another Tensor. Floats
            become float32 and Python ints int64.
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

    __array_ufunc__ = None  # so that `ndarray * tensor` comes to us

    def __init__(
        self, data: Any, requires_grad: bool = False, dtype: Any = None, device: Any = None
    ) -> None:
        if isinstance(data, Traced):
            device = data._device if device is None else device
            data = data.array
        self._device = resolve(device)
        self.array = creation.array_of(data, dtype, self._device)
        self.requires_grad_(requires_grad)

    @classmethod
    def _wrap(cls, array: mx.array, device: str) -> Tensor:
        """A Tensor around an array as it is. Subclasses too give a plain Tensor."""
        tensor = Tensor.__new__(Tensor)
        tensor.array = array
        tensor._device = device
        return tensor

    # What it is ---------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    @property
    def dtype(self) -> mx.Dtype:
        return self.array.dtype

    @property
    def device(self) -> str:
        """ "cpu" or "gpu"."""
        return self._device

    @property
    def ndim(self) -> int:
        return self.array.ndim

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
        """The same values outside the graph. Assigning rebinds the values in place."""
        return self.detach()

    @data.setter
    def data(self, value: Tensor) -> None:
        self.array = value.array

    @property
    def T(self) -> Tensor:
        """The dimensions in reverse order."""
        return ops.permute(self, *reversed(range(self.ndim)))

    real = property(ops.real, doc="The real part.")
    imag = property(ops.imag, doc="The imaginary part.")
    mT = property(lambda self: ops.transpose(self, -2, -1), doc="The last two dimensions swapped.")

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of one dimension."""
        return self.shape if dim is None else self.shape[dim]

    def numel(self) -> int:
        """The number of elements."""
        return self.array.size

    def dim(self) -> int:
        """The number of dimensions."""
        return self.array.ndim

    def element_size(self) -> int:
        """Bytes per element."""
        return self.array.itemsize

    def is_floating_point(self) -> bool:
        """True for float16, bfloat16, float32 and float64."""
        return mx.issubdtype(self.dtype, mx.floating)

    def __len__(self) -> int:
        if self.ndim == 0:
            raise TypeError("a 0-dimensional Tensor has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if self.ndim == 0:
            raise TypeError("a 0-dimensional Tensor cannot be iterated")
        return (self[i] for i in range(self.shape[0]))

    def __repr__(self) -> str:
        return text(self)

    __hash__ = object.__hash__

    # Out of the graph, out of MLX ---------------------------------------------------------

    def numpy(self) -> np.ndarray:
        """The values as a NumPy array of their own; bfloat16 comes as float32."""
        array = self.array
        return np.array(array.astype(mx.float32) if array.dtype == mx.bfloat16 else array)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        values = self.numpy()
        return values if dtype is None else values.astype(dtype)

    def item(self) -> Any:
        """The single value as a Python number of its own kind: 3.0 stays a float."""
        if self.array.size != 1:
            raise ValueError(
                f"item() needs a Tensor of one element, got shape {self.shape}; use tolist()"
            )
        return self.array.item()

    def tolist(self) -> Any:
        """The values as nested lists of Python numbers."""
        return self.array.tolist()

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __bool__(self) -> bool:
        if self.array.size != 1:
            raise ValueError(
                f"the truth of a Tensor of shape {self.shape} is ambiguous; use .any() or .all()"
            )
        return bool(self.array.item())

    def __index__(self) -> int:
        if mx.issubdtype(self.dtype, mx.inexact):
            raise TypeError(f"only integer tensors can be an index, got {self.dtype}")
        return int(self.item())

    def eval(self) -> Tensor:
        """Compute now instead of when the values are needed. No one has to call it."""
        mx.eval(self.array)
        self._born = None
        return self

    def detach(self) -> Tensor:
        """The same values outside the graph."""
        return self._wrap(self.array, self._device)

    def clone(self) -> Tensor:
        """A copy that gradients pass through."""
        return self + 0 if self.dtype != mx.bool_ else self._wrap(self.array, self._device)

    # Differentiation ----------------------------------------------------------------------

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
        """Record what is computed from this leaf, or stop doing so."""
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

    def retain_grad(self) -> None:
        """Keep the gradient of this result in `.grad` too, not only those of the leaves."""
        if self._node is None:
            return
        reference = weakref.ref(self)

        def keep(gradient: Tensor) -> None:
            tensor = reference()
            if tensor is not None:
                tensor.grad = gradient if tensor.grad is None else tensor.grad + gradient

        self.register_hook(keep)

    # Operations ---------------------------------------------------------------------------

    __add__ = ops.add
    __sub__ = ops.sub
    __mul__ = ops.mul
    __truediv__ = ops.div
    __pow__ = ops.pow
    __matmul__ = ops.matmul
    __neg__ = ops.neg
    __abs__ = ops.abs
    __lt__ = ops.lt
    __le__ = ops.le
    __gt__ = ops.gt
    __ge__ = ops.ge
    __invert__ = ops.logical_not
    __and__ = ops.logical_and
    __or__ = ops.logical_or
    __getitem__ = ops.getitem

    def __eq__(self, other: Any) -> Any:
        return ops.eq(self, other) if _is_operand(other) else NotImplemented

    def __ne__(self, other: Any) -> Any:
        return ops.ne(self, other) if _is_operand(other) else NotImplemented

    def __radd__(self, other: Any) -> Tensor:
        return ops.add(other, self)

    def __rsub__(self, other: Any) -> Tensor:
        return ops.sub(other, self)

    def __rmul__(self, other: Any) -> Tensor:
        return ops.mul(other, self)

    def __rtruediv__(self, other: Any) -> Tensor:
        return ops.div(other, self)

    def __rpow__(self, other: Any) -> Tensor:
        return ops.pow(other, self)

    def __rmatmul__(self, other: Any) -> Tensor:
        return ops.matmul(other, self)

    def _rebind(self, result: Tensor) -> Tensor:
        """Become `result`: how every in-place operation works, arrays being immutable."""
        if self.requires_grad and self._node is None and recording.get():
            raise RuntimeError(
                "a leaf that requires grad cannot be changed in place while recording; "
                "do it inside `with lucid.no_grad():`, or on a copy"
            )
        if result.shape != self.shape:
            raise ValueError(
                f"an in-place operation cannot change the shape from {self.shape} to {result.shape}"
            )
        if result.dtype != self.dtype:
            result = ops.astype(result, self.dtype)
        self.array, self._born = result.array, result._born
        if result._node is not None:
            self._node, self._index = result._node, result._index
            self.requires_grad = True
        return self

    def __setitem__(self, key: Any, value: Any) -> None:
        self._rebind(ops.setitem(self, key, value))

    def __iadd__(self, other: Any) -> Tensor:
        return self._rebind(self + other)

    def __isub__(self, other: Any) -> Tensor:
        return self._rebind(self - other)

    def __imul__(self, other: Any) -> Tensor:
        return self._rebind(self * other)

    def __itruediv__(self, other: Any) -> Tensor:
        return self._rebind(self / other)

    add = ops.add
    sub = ops.sub
    mul = ops.mul
    div = ops.div
    pow = ops.pow
    matmul = ops.matmul
    neg = ops.neg
    abs = ops.abs
    exp = ops.exp
    log = ops.log
    log1p = ops.log1p
    sqrt = ops.sqrt
    rsqrt = ops.rsqrt
    square = ops.square
    sin = ops.sin
    cos = ops.cos
    tanh = ops.tanh
    sigmoid = ops.sigmoid
    relu = ops.relu
    erf = ops.erf
    clamp = ops.clamp
    maximum = ops.maximum
    minimum = ops.minimum
    softmax = ops.softmax
    log_softmax = ops.log_softmax

    conj = ops.conj

    eq = ops.eq
    ne = ops.ne
    lt = ops.lt
    le = ops.le
    gt = ops.gt
    ge = ops.ge
    isnan = ops.isnan
    isfinite = ops.isfinite

    sum = ops.sum
    mean = ops.mean
    var = ops.var
    amax = ops.amax
    amin = ops.amin
    argmax = ops.argmax
    argmin = ops.argmin
    all = ops.all
    any = ops.any
    cumsum = ops.cumsum
    logsumexp = ops.logsumexp

    reshape = ops.reshape
    view = ops.reshape
    flatten = ops.flatten
    permute = ops.permute
    transpose = ops.transpose
    unsqueeze = ops.unsqueeze
    squeeze = ops.squeeze
    expand = ops.expand
    gather = ops.gather
    take_along_dim = ops.take_along_dim
    index_select = ops.index_select
    masked_fill = ops.masked_fill
    flip = ops.flip
    roll = ops.roll

    def float(self) -> Tensor:
        """In float32."""
        return ops.astype(self, mx.float32)

    def long(self) -> Tensor:
        """In int64."""
        return ops.astype(self, mx.int64)

    def to(self, *args: Any, dtype: Any = None, device: Any = None) -> Tensor:
        """In another dtype, on another device, or both; gradients pass through.

        >>> import lucid
        >>> lucid.ones(1).to(lucid.float16).dtype == lucid.float16
        True
        """
        for a in args:
            if isinstance(a, str) and a in ("cpu", "gpu", "metal", "mps"):
                device = a
            else:
                dtype = a
        tensor = self if dtype is None else ops.astype(self, dtype)
        return tensor if device is None else ops.to_device(tensor, device)

    # Creation -----------------------------------------------------------------------------

    zeros = classmethod(creation.zeros)
    ones = classmethod(creation.ones)
    full = classmethod(creation.full)
    zeros_like = classmethod(creation.zeros_like)
    ones_like = classmethod(creation.ones_like)
    full_like = classmethod(creation.full_like)
    arange = classmethod(creation.arange)
    linspace = classmethod(creation.linspace)
    eye = classmethod(creation.eye)
    randn = classmethod(creation.randn)
    rand = classmethod(creation.rand)
    randint = classmethod(creation.randint)
    randperm = classmethod(creation.randperm)


class Handle:
    """Removes a hook."""

    def __init__(self, hooks: list[Callable], hook: Callable) -> None:
        self._hooks, self._hook = hooks, hook

    def remove(self) -> None:
        """Take the hook away; a second call does nothing."""
        if self._hook in self._hooks:
            self._hooks.remove(self._hook)


def _is_operand(x: Any) -> bool:
    return isinstance(x, Traced | bool | int | float | complex | np.generic | np.ndarray | mx.array)
