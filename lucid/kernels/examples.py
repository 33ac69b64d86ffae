"""A convolution by its shader, once that has proved itself on a smaller one of the same kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import mlx.core as mx

from lucid.kernels import trust
from lucid.kernels.forms import Form, Shape, Table

_TAIL = 16  # an example keeps the sizes modulo this: the tiles of a shader meet the same rest
_FREE = 2**22  # elements that cost nothing to speak of


class Problem(NamedTuple):
    """A convolution x (N, groups*Cg, L) -> y (N, groups*Og, shape.length) with all its sizes,
    whichever of x, w and y is the one to compute."""

    shape: Shape
    N: int
    L: int
    left: int

    def plain(self, table: Table, form: Form) -> Callable[..., mx.array]:
        """A definition as a function of two arrays and perhaps a bias (C_out,)."""
        size, place = self._place(table)

        def value(a: mx.array, b: mx.array, bias: mx.array | None = None) -> mx.array:
            y = form(a, b, size, **place)
            return y if bias is None else y + bias[:, None]

        return value

    def proven(self, table: Table, form: Form) -> Callable[..., mx.array]:
        """The same of a shader, which first proves itself; of the definition, should it fail."""
        name = f"{form.__module__.rpartition('.')[2]}.{form.__name__}"

        def value(*arrays: mx.array) -> mx.array:
            bias = len(arrays) == 3

            def examples() -> Iterator[trust.Call]:
                for problem in self.smaller():
                    if table.holds(form, problem.shape):
                        yield problem._call(table, form, bias)

            return trust.run(name, self._call(table, form, bias), arrays, examples)

        return value

    def _place(self, table: Table) -> tuple[int, dict[str, int]]:
        """The settings of a form: the size of the result's last axis, and where the taps lie."""
        s = self.shape
        size = table.sizes(s, self.N, self.L).result[-1]
        steps = {"stride": s.stride, "dilation": s.dilation, "groups": s.groups}
        return size, {"left": self.left, **steps}

    def _call(self, table: Table, form: Form, bias: bool) -> trust.Call:
        a, b, result = table.sizes(self.shape, self.N, self.L)
        size, place = self._place(table)

        def shader(a: mx.array, b: mx.array, *bias: mx.array) -> mx.array:
            return form(a, b, size, **place, **({"bias": bias[0]} if bias else {}))

        shapes = (a, b, result[1:2]) if bias else (a, b)
        return trust.Call(shapes, shader, self.plain(table, table.definition(self.shape)))

    def smaller(self) -> list[Problem]:
        """Examples for this problem, the cheapest first. They do not shrink further than to a few
        tiles of any shader, so that all of it runs, unless the problem itself does. The cheapest is
        padded at both ends, even where the problem is not: no template depends on that."""
        s = self.shape
        reach = (s.K - 1) * s.dilation + 1
        # Just below a power of two, or threadgroups would be less than full.
        short = _like(s.length, 512 * -(-(reach // s.stride + 256) // 512))
        lengths = (short, max(short, _like(s.length, 4096)), s.length)
        shapes = {
            s._replace(Cg=Cg, Og=Og, groups=groups, length=length)
            for Cg, Og in ((_few(s.Cg), _few(s.Og)), (s.Cg, s.Og))
            for groups in (min(s.groups, 8), s.groups)  # of a row each, 8 are not `constant`
            for length in lengths
        }
        right = (s.length - 1) * s.stride + reach - self.left - self.L
        ends = (reach // 2 + 1, reach // 2), (_within(self.left, reach), _within(right, reach))
        found = {
            Problem(shape, N, max((shape.length - 1) * s.stride + reach - left - right, 1), left)
            for shape in shapes
            for N in (2, self.N)
            for left, right in ends
        }
        affordable = (p for p in found if p.volume <= max(self.volume, _FREE))
        return sorted(affordable, key=lambda p: (p.shape.length < short, p.volume, p))

    @property
    def volume(self) -> int:
        """Elements of x, w and y."""
        s = self.shape
        return s.groups * (self.N * (s.Cg * self.L + s.Og * s.length) + s.Cg * s.Og * s.K)


def _within(padding: int, reach: int) -> int:
    return min(max(padding, -_TAIL), reach)


def _like(n: int, size: int) -> int:
    """The largest number below `size` that is n modulo 16."""
    return size - _TAIL + n % _TAIL


def _few(n: int) -> int:
    """The channels of an example for n channels."""
    return n if n <= 80 else _like(n, 80)
