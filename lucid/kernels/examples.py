"""A convolution by its shader, once that has proved itself on a smaller one of the same kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import mlx.core as mx

from lucid.kernels import trust
from lucid.kernels.forms import Form, Shape, Table

_WHOLE = 80  # sizes up to here are kept; larger ones become 64 and what they are modulo 16,
_TAIL = 16  # so that the tiles of a shader meet the same kind of rest


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
                for problem in self._smaller():
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

    def _smaller(self) -> Iterator[Problem]:
        """The same with less of everything, then with more of what the launches may depend on."""
        s = self.shape
        few = s._replace(groups=min(s.groups, 8))  # no fewer than 8 rows: see `metal.Launch`
        yield self._cut(few._replace(Cg=_fewer(s.Cg), Og=_fewer(s.Og)))
        yield self._cut(few)
        yield self._replace(shape=few, N=2)

    def _cut(self, shape: Shape) -> Problem:
        """Two samples of some hundred positions; padding as it is, up to the kernel's reach."""
        reach = (shape.K - 1) * shape.dilation + 1
        tiles = 256 + -(-reach // (shape.stride * _TAIL)) * _TAIL
        length = min(shape.length, tiles + _fewer(shape.length))
        right = (shape.length - 1) * shape.stride + reach - self.left - self.L
        left, right = (min(max(n, -_TAIL), reach) for n in (self.left, right))
        L = max((length - 1) * shape.stride + reach - left - right, 1)
        return Problem(shape._replace(length=length), 2, L, left)


def _fewer(n: int) -> int:
    return n if n <= _WHOLE else 64 + n % _TAIL
