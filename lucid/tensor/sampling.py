"""Random tensors: uniform, normal, integers, permutations, and fillings with them.

Each draw takes the next key of `generator`, or of the stream that `lucid.manual_seed` starts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlx.core as mx
import numpy as np

from lucid.autograd import laziness
from lucid.autograd.tape import Traced
from lucid.ops.device import on_device
from lucid.ops.dtypes import dtype_of, get_default_dtype
from lucid.ops.keys import Generator, next_key
from lucid.tensor import draws
from lucid.tensor.creation import Creation, shape_of

# random_() without bounds: all whole numbers up to here are exact.
_EXACT = {**draws.DIGITS, mx.float32: 24, mx.float64: 53}


class Sampling(Creation):
    """Class methods that make random tensors, and methods that fill a tensor with them."""

    array: mx.array
    detach: Callable[[], Any]
    detach_: Callable[[], Any]
    _rebind: Callable[..., Any]

    @classmethod
    def randn(
        cls,
        *size: Any,
        generator: Generator | None = None,
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool = False,
    ) -> Any:
        """Numbers from the normal distribution of mean 0 and variance 1.

        >>> import lucid
        >>> lucid.randn(1, 4, 5, requires_grad=True).shape
        (1, 4, 5)
        """
        shape = shape_of(size)  # drawn in float32: MLX has no more
        dtype = get_default_dtype() if dtype is None else dtype
        wanted = mx.float32 if dtype is None else dtype_of(dtype)
        make = lambda: draws.normal(shape, wanted, generator)  # noqa: E731
        return cls._make(make, dtype, device, requires_grad, shape)

    @classmethod
    def normal(
        cls,
        mean: Any,
        std: Any = 1.0,
        size: Any = None,
        *,
        generator: Generator | None = None,
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool = False,
    ) -> Any:
        """Normal random numbers of a mean and std: tensors that broadcast, or numbers and a size.

        Raises:
            TypeError: two numbers without a size, or a tensor with one.

        >>> import lucid
        >>> lucid.normal(0.0, 1.0, (2, 3)).shape
        (2, 3)
        """
        tensors = [x for x in (mean, std) if isinstance(x, Traced)]
        if tensors and size is not None:
            raise TypeError("normal takes a size for two numbers, not for a tensor")
        if not tensors and size is None:
            raise TypeError("normal of two numbers needs a size, e.g. normal(0.0, 1.0, (2, 3))")
        _require_spread(std)
        if tensors:
            size = mx.broadcast_shapes(*(x.array.shape for x in tensors))
            dtype, device = tensors[0].array.dtype, tensors[0]._device
        drawn = cls.randn(size, generator=generator, dtype=dtype, device=device)
        center, scale = (x.detach() if isinstance(x, cls) else x for x in (mean, std))
        return (drawn * scale + center).requires_grad_(requires_grad)

    @classmethod
    def rand(
        cls,
        *size: Any,
        generator: Generator | None = None,
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool = False,
    ) -> Any:
        """Numbers from the uniform distribution on [0, 1).

        >>> lucid.rand(2, 3).shape
        (2, 3)
        """
        shape = shape_of(size)
        wanted = get_default_dtype() if dtype is None else dtype_of(dtype)
        make = lambda: draws.uniform(shape, wanted, generator)  # noqa: E731
        return cls._make(make, wanted, device, requires_grad, shape)

    @classmethod
    def randn_like(cls, input: Any, **settings: Any) -> Any:
        """Normal random numbers in the shape, dtype and device of `input`.

        >>> lucid.randn_like(lucid.zeros(2, 3)).shape
        (2, 3)
        """
        given = {"dtype": input.dtype, "device": input.device, **_told(settings)}
        return cls.randn(input.shape, **given)

    @classmethod
    def rand_like(cls, input: Any, **settings: Any) -> Any:
        """Uniform random numbers in the shape, dtype and device of `input`.

        >>> lucid.rand_like(lucid.zeros(2, 3)).shape
        (2, 3)
        """
        given = {"dtype": input.dtype, "device": input.device, **_told(settings)}
        return cls.rand(input.shape, **given)

    @classmethod
    def randint(
        cls,
        low: int,
        high: Any = None,
        size: Any = None,
        *,
        generator: Generator | None = None,
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool = False,
    ) -> Any:
        """Integers from `low` up to, not including, `high`; int64 unless told.

        Raises:
            ValueError: low not below high, or bounds beyond 2**62.

        >>> import lucid
        >>> lucid.randint(0, 10, (2, 3)).shape
        (2, 3)
        """
        if isinstance(high, tuple | list):
            low, high, size = 0, low, high
        elif high is None:
            low, high = 0, low
        if low >= high:
            raise ValueError(f"randint needs low < high, got low={low} and high={high}")
        if low < -(1 << 62) or high > 1 << 62:
            raise ValueError(f"randint draws from -2**62 to 2**62, got low={low} and high={high}")
        shape = shape_of((size,) if isinstance(size, int) else size or ())
        make = lambda: draws.integers(low, high, shape, generator)  # noqa: E731
        kind = mx.int64 if dtype is None else dtype
        return cls._make(make, kind, device, requires_grad, shape)

    @classmethod
    def randint_like(cls, input: Any, low: int, high: Any = None, **settings: Any) -> Any:
        """Integers from `low` (0) up to `high` in the shape, dtype and device of `input`.

        >>> lucid.randint_like(lucid.zeros(2, 3), 10).shape
        (2, 3)
        """
        low, high = (0, low) if high is None else (low, high)
        given = {"dtype": input.dtype, "device": input.device, **_told(settings)}
        return cls.randint(low, high, input.shape, **given)

    @classmethod
    def randperm(
        cls,
        n: int,
        *,
        generator: Generator | None = None,
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool = False,
    ) -> Any:
        """The numbers 0 to n - 1 in random order.

        >>> lucid.randperm(4).sort().values
        Tensor([0, 1, 2, 3], grad=None)
        """
        shape = shape_of((n,))

        def make() -> mx.array:
            key = next_key(generator)
            return mx.random.permutation(n, key=key) if n else mx.zeros(shape)

        kind = mx.int64 if dtype is None else dtype
        return cls._make(make, kind, device, requires_grad, shape)

    def _filled(self, draw: Callable[[], mx.array]) -> Any:
        """Become what `draw` gives, a constant of the graph."""
        with on_device(self._device):
            values = self._wrap(draw().astype(self.array.dtype), self._device)
        self._rebind(values)
        return self if self._node is None else self.detach_()

    def _floating(self, name: str) -> None:
        if not mx.issubdtype(self.array.dtype, mx.floating):
            raise TypeError(f"{name} fills floating point tensors, got {self.array.dtype}")

    def normal_(self, mean: float = 0, std: float = 1, *, generator: Any = None) -> Any:
        """Become normal random numbers of this mean and standard deviation.

        Raises:
            TypeError: a tensor of integers or bools.
            ValueError: a negative std.

        >>> lucid.zeros(2, 3).normal_(std=0.02).shape
        (2, 3)
        """
        if self.array.dtype != mx.complex64:
            self._floating("normal_")
        draws.require(std >= 0, f"normal_ expects std >= 0, got {std}")
        shape, dtype = self.array.shape, self.array.dtype
        return self._filled(lambda: draws.normal(shape, dtype, generator) * std + mean)

    def log_normal_(self, mean: float = 1, std: float = 2, *, generator: Any = None) -> Any:
        """Become e to the power of normal random numbers of this mean and std.

        Raises:
            TypeError: a tensor that is not floating point.
            ValueError: std not above 0.

        >>> bool((lucid.zeros(5).log_normal_() > 0).all())
        True
        """
        self._floating("log_normal_")
        draws.require(std > 0, f"log_normal_ expects std > 0, got {std}")
        shape = self.array.shape
        return self._filled(lambda: mx.exp(draws.normal(shape, mx.float32, generator) * std + mean))

    def uniform_(
        self, from_: float = 0, to: float = 1, *, generator: Any = None, **also: Any
    ) -> Any:
        """Become uniform random numbers from `from` up to `to`.

        Raises:
            TypeError: a tensor that is not floating point.

        >>> lucid.zeros(2, 3).uniform_(-1, 1).shape
        (2, 3)
        """
        low, high = also.pop("from", from_), to
        if also:
            raise TypeError(f"uniform_ takes from, to and generator, got {sorted(also)}")
        if self.array.dtype == mx.complex64:  # each part of its own
            return self._filled(lambda: self._between(generator) * (high - low) + low * (1 + 1j))
        self._floating("uniform_")
        draws.require(low <= high, f"uniform_ expects from <= to, got from={low} and to={high}")
        return self._filled(lambda: self._between(generator) * (high - low) + low)

    def _between(self, generator: Any) -> mx.array:
        """Uniform numbers on [0, 1) in this shape and a dtype that holds them."""
        return draws.uniform(self.array.shape, self.array.dtype, generator)

    def exponential_(self, lambd: float = 1, *, generator: Any = None) -> Any:
        """Become numbers of density lambd * e**(-lambd * x).

        Raises:
            TypeError: a tensor that is not floating point.
            ValueError: lambd not above 0.

        >>> bool((lucid.zeros(5).exponential_() >= 0).all())
        True
        """
        self._floating("exponential_")
        draws.require(lambd > 0, f"exponential_ expects lambd > 0, got {lambd}")
        return self._filled(lambda: draws.exponential(self.array.shape, generator) / lambd)

    def geometric_(self, p: float, *, generator: Any = None) -> Any:
        """Become the number of trials up to the first success, each of probability `p`.

        Raises:
            ValueError: p not between 0 and 1.

        >>> bool((lucid.zeros(5).geometric_(0.5) >= 1).all())
        True
        """
        draws.require(0 < p < 1, f"geometric_ expects 0 < p < 1, got {p}")
        slope = -1 / np.log1p(-p)
        draw = lambda: mx.ceil(draws.exponential(self.array.shape, generator) * slope)  # noqa: E731
        return self._filled(lambda: mx.maximum(draw(), 1))

    def cauchy_(self, median: float = 0, sigma: float = 1, *, generator: Any = None) -> Any:
        """Become numbers of density 1 / (pi sigma (1 + ((x - median) / sigma)**2)), Cauchy's.

        Raises:
            TypeError: a tensor that is not floating point.
            ValueError: sigma not above 0.

        >>> lucid.zeros(5).cauchy_().shape
        (5,)
        """
        self._floating("cauchy_")
        draws.require(sigma > 0, f"cauchy_ expects sigma > 0, got {sigma}")
        shape = self.array.shape
        turn = lambda: np.pi * (draws.uniform(shape, mx.float32, generator) - 0.5)  # noqa: E731
        return self._filled(lambda: mx.tan(turn()) * sigma + median)

    def bernoulli_(self, p: Any = 0.5, *, generator: Any = None) -> Any:
        """Become 1 with probability `p` (a number or a tensor that broadcasts), else 0.

        >>> lucid.zeros(3).bernoulli_(1.0)
        Tensor([1., 1., 1.], grad=None)
        """
        chance = p.array if isinstance(p, Traced) else mx.array(float(p))
        return self._filled(lambda: draws.coins(chance, self.array.shape, generator))

    def random_(self, from_: int = 0, to: int | None = None, *, generator: Any = None) -> Any:
        """Become whole numbers from `from` up to `to`; without it, all that the dtype holds.

        Raises:
            ValueError: `from` not below `to`.

        >>> bool((lucid.zeros(5).random_(3) < 3).all())
        True
        """
        dtype = self.array.dtype
        if to is None and from_:
            from_, to = 0, from_
        if to is None:
            to = 1 << _EXACT[dtype] if dtype in _EXACT else min(_largest(dtype) + 1, 1 << 62)
        draws.require(from_ < to, f"random_ expects from < to, got from={from_} and to={to}")
        return self._filled(lambda: draws.integers(from_, to, self.array.shape, generator))


def _require_spread(std: Any) -> None:
    if not isinstance(std, Traced):
        return draws.require(std >= 0, f"normal expects std >= 0, got {std}")
    if std.array.dtype == mx.complex64:
        raise TypeError("normal expects a real std, got complex64")
    if std.array.size and not laziness.is_tracing():
        draws.require(mx.all(std.array >= 0).item(), "normal expects std >= 0, got negative ones")


def _told(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if value is not None}


def _largest(dtype: mx.Dtype) -> int:
    return 1 if dtype == mx.bool_ else int(mx.iinfo(dtype).max)
