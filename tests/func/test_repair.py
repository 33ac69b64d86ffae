"""What MLX maps wrongly is wrong without the repair, and right with it."""

import operator

import mlx.core as mx
import numpy as np
import pytest

from lucid.func.repair import repaired

A = mx.array([[[1, 2], [3, 4]], [[5, 6], [7, 0]], [[0, 3], [1, 1]]])
B = mx.array([[[1, 1], [2, 7]], [[4, 6], [1, 3]], [[2, 3], [1, 5]]])


def written(y, value):
    y = mx.array(y)
    y[0] = value
    return y


def derivative_of_written(x, y):
    return mx.vjp(written, [mx.ones((2, 2)), y[0] * 1.0], [x * 1.0])[1][0]


OPERATIONS = {
    "and": operator.and_,
    "or": operator.or_,
    "xor": operator.xor,
    "lshift": operator.lshift,
    "rshift": operator.rshift,
    "ne": operator.ne,
    "bitwise_and": mx.bitwise_and,
    "bitwise_or": mx.bitwise_or,
    "bitwise_xor": mx.bitwise_xor,
    "left_shift": mx.left_shift,
    "right_shift": mx.right_shift,
    "not_equal": mx.not_equal,
    "written": lambda x, y: written(x, y[0]),
    "derivative_of_written": derivative_of_written,
}


def right(function, dims):
    arguments = [a if d == 0 else a[0] for a, d in zip((A, B), dims, strict=True)]
    mapped = mx.vmap(function, in_axes=dims)(*arguments)
    rows = [
        function(*[a[i] if d == 0 else a for a, d in zip(arguments, dims, strict=True)])
        for i in range(3)
    ]
    return mapped.shape[0] == 3 and np.array_equal(mapped, mx.stack(rows))


DIMS = ((0, 0), (0, None), (None, 0))


@pytest.mark.parametrize("name", OPERATIONS)
def test_repair(name):
    def function(x, y):  # looks the function up when it runs
        return getattr(mx, name)(x, y) if hasattr(mx, name) else OPERATIONS[name](x, y)

    assert not all(right(function, dims) for dims in DIMS), "MLX is right now: no repair is needed"
    with repaired(), repaired():
        assert all(right(function, dims) for dims in DIMS)
    assert not all(right(function, dims) for dims in DIMS)


def test_comparison_with_something_else():
    with repaired():
        assert (mx.array(1) != None) is True  # noqa: E711


def test_addmm():
    arguments = mx.ones((3, 2)), mx.ones((2, 4)), mx.ones((4, 2))

    def mapped():
        return mx.vmap(lambda c, a, b: mx.addmm(c, a, b, 2.0, 3.0), (0, None, None))(*arguments)

    with pytest.raises(ValueError, match="must broadcast"):  # MLX can do it now: drop the repair
        mapped()
    with repaired():
        assert mapped().tolist() == [[[11.0, 11.0]] * 2] * 3
