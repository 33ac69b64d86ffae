"""Bad input to operations: a clear error, never a crash, a hang or garbage."""

import numpy as np
import pytest

import lucid

BIG = 2**20
INDEX = lucid.tensor([[0], [1]])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: x + lucid.ones(4), ValueError, r"add: .* float32\[2, 3\], float32\[4\]"),
        (
            lambda x: lucid.add(x, [1, 2, 3]),
            TypeError,
            r"add expects Tensors, arrays or numbers, got list",
        ),
        (lambda x: x * "a", TypeError, "mul expects Tensors, arrays or numbers, got str"),
        (lambda x: lucid.exp(2.0), TypeError, "exp expects a Tensor, got float"),
        (lambda x: x + 2**70, OverflowError, "does not fit into 64 bits"),
        (lambda x: x @ x, ValueError, r"matmul: .*float32\[2, 3\], float32\[2, 3\]"),
        (lambda x: x.sum(2), IndexError, "dim 2 is out of range: .* takes -2 to 1"),
        (lambda x: x.sum((0, -2)), ValueError, "names a dimension twice"),
        (lambda x: x.sum(1.5), TypeError, "dim must be an int"),
        (lambda x: x.long().mean(), TypeError, "mean expects a floating point tensor"),
        (lambda x: x.long().std(), TypeError, "expected a floating point tensor"),
        (lambda x: x[:0].max(), ValueError, r"shape \(0, 3\) has no elements along"),
        (lambda x: x[:0].argmin(0), ValueError, r"shape \(0, 3\) has no elements along"),
        (lambda x: x.argmax((0, 1)), TypeError, r"argmax expects one dim, got \(0, 1\)"),
        (lambda x: x.topk(4), ValueError, "k from 0 to 3, the size of dim -1, got 4"),
        (lambda x: x.reshape(4), ValueError, r"reshape: .*float32\[2, 3\]"),
        (lambda x: x.reshape("a"), TypeError, "sizes must be ints"),
        (lambda x: x.permute(0), ValueError, "permute needs all 2 dimensions"),
        (lambda x: x.expand(3), ValueError, "expand cannot drop dimensions"),
        (lambda x: x.expand(4, 3), ValueError, "expand: "),
        (lambda x: x.flatten(1, 0), ValueError, "start_dim 1 comes after end_dim 0"),
        (lambda x: x.movedim((0, 1), 0), ValueError, "as many sources as destinations"),
        (lambda x: x.repeat(2), ValueError, "a count for each of the 2 dimensions"),
        (lambda x: x.tile(-1), ValueError, "negative number of times"),
        (lambda x: x.repeat_interleave(-1), ValueError, "a number of times >= 0"),
        (lambda x: lucid.cat([]), TypeError, "cat expects a list or tuple of one or more"),
        (lambda x: lucid.cat(x), TypeError, "cat expects a list or tuple"),
        (lambda x: lucid.cat([x, lucid.ones(2)]), ValueError, "cat: "),
        (lambda x: lucid.stack([x, x[0]]), ValueError, "stack: "),
        (lambda x: x.split([1, 1], 1), ValueError, r"add up to 3, the size of dim 1, got \[1, 1\]"),
        (lambda x: x.split(0), ValueError, "a positive size, got 0"),
        (lambda x: x.chunk(0), ValueError, "a positive number of parts, got 0"),
        (lambda x: lucid.pad(x, (1,)), ValueError, "got 1 numbers"),
        (lambda x: lucid.pad(x, (1, 1), "mirror"), ValueError, "mode must be one of constant"),
        (
            lambda x: lucid.pad(x, (3, 0), "reflect"),
            ValueError,
            r"\(3, 0\) is too long .* at most 2",
        ),
        (lambda x: lucid.pad(x, (4, 0), "circular"), ValueError, "at most 3"),
        (lambda x: lucid.pad(x, (-2, -2)), ValueError, "cuts off more than dimension 1 of size 3"),
        (lambda x: lucid.pad(x, (1.0, 1)), TypeError, "pad expects ints"),
        (lambda x: x.clamp(), ValueError, "clamp needs min, max or both"),
        (lambda x: lucid.outer(x, x), ValueError, "two 1-D tensors"),
        (lambda x: x + None, TypeError, r"add: arguments of these kinds .*float32\[2, 3\], None"),
        (lambda x: x @ 3, TypeError, "matmul expects two tensors; use [*] for a number"),
        (lambda x: x.bool() // x.bool(), TypeError, "expects integers, got bool"),
        (lambda x: x.masked_fill([True], 0), TypeError, "a Tensor of bools as its mask, got list"),
        (lambda x: x.fill_("a"), TypeError, "expected numbers, got str"),
        (lambda x: lucid.cat([x, 1]), TypeError, "cat expects Tensors, got int"),
        (lambda x: x.sum().unbind(), ValueError, "0-dimensional tensor cannot be taken apart"),
        (lambda x: x.long() ** -1, ValueError, "negative power -1"),
        (lambda x: x.long() // 0, ZeroDivisionError, "integers cannot be divided by 0"),
        (lambda x: x.long() % x.long().zero_(), ZeroDivisionError, "cannot be divided by 0"),
        (lambda x: lucid.einsum("ij->k", x), ValueError, "each letter of the output"),
        (lambda x: lucid.einsum("ij,jk", x), ValueError, "describes 2 operands, got 1"),
        (lambda x: lucid.einsum("ijk", x), ValueError, r"'ijk' needs 3 dimensions, operand 0 has"),
        (lambda x: lucid.einsum("ij,ij->j", x, x.T), ValueError, "dimension 'i' is 2 in one .* 3"),
        (lambda x: lucid.einsum("i1", x), ValueError, "terms have letters"),
        (lambda x: lucid.einsum("ii", x), ValueError, "dimension 'i' is 2|not square"),
        (
            lambda x: x.unflatten(1, (2, 2)),
            ValueError,
            r"cannot make \(2, 2\) of a dimension of size",
        ),
        (lambda x: x.unflatten(1, (2, -1)), ValueError, "unflatten cannot make"),
        (lambda x: x[:0].reshape(0, -1), ValueError, "the size -1 could be anything"),
        (lambda x: x[None].t(), ValueError, "t expects at most 2 dimensions"),
        (lambda x: x.sum_to_size(2, 2), ValueError, r"\(2, 2\) does not broadcast to the shape"),
        (
            lambda x: x.view(lucid.int64),
            ValueError,
            r"bytes of shape \(2, 3\) cannot be read as int64",
        ),
        (lambda x: x[0].fliplr(), ValueError, "fliplr expects 2 dimensions or more"),
        (lambda x: x.sum().flipud(), ValueError, "flipud expects 1 dimension or more"),
        (lambda x: x.rot90(1, (0,)), ValueError, r"a plane of two dims, got \(0,\)"),
        (lambda x: x.roll((1, 2)), ValueError, "roll without dims expects one shift"),
        (lambda x: x.roll((1, 2), 0), ValueError, "a shift for each dim"),
        (
            lambda x: x.repeat_interleave(lucid.tensor([1, 1]), 1),
            ValueError,
            "3 integers, one for each",
        ),
        (lambda x: x.repeat_interleave(lucid.tensor([1, -1]), 0), ValueError, "negative number of"),
        (lambda x: x.diagonal(0, 1, 1), ValueError, "names a dimension twice"),
        (lambda x: x[0].diagonal(), IndexError, "out of range"),
        (lambda x: x[None].diag(), ValueError, "diag expects 1 or 2 dimensions"),
        (lambda x: x[0, 0].diag_embed(), ValueError, "diag_embed expects 1 dimension or more"),
        (lambda x: x.diagonal_scatter(x), ValueError, r"src of shape \(2,\), got \(2, 3\)"),
        (lambda x: x[0].tril(), ValueError, "tril expects 2 dimensions or more"),
        (lambda x: x[0].fill_diagonal_(1), ValueError, "fill_diagonal expects a matrix"),
        (lambda x: x.narrow(1, 2, 2), ValueError, "narrow cannot take 2 from 2 on in dimension 1"),
        (
            lambda x: x.narrow(1, 4, 1),
            IndexError,
            "start 4 is out of range for dimension 1 of size",
        ),
        (lambda x: x.narrow(1, x.sum(), 1), ValueError, "0-dimensional integer tensor as start"),
        (lambda x: x.select(1, 3), IndexError, "index 3 is out of range for dimension 1 of size 3"),
        (lambda x: x.select_scatter(x, 0, 0), ValueError, r"src of shape \(3,\), got \(2, 3\)"),
        (lambda x: x.slice_scatter(x[:1]), ValueError, r"src of shape \(2, 3\), got \(1, 3\)"),
        (lambda x: x.slice_scatter(x, step=0), ValueError, "a step of at least 1, got 0"),
        (lambda x: x.unfold(1, 4, 1), ValueError, "a size from 0 to 3, the size of dimension 1"),
        (lambda x: x.as_strided((3,), (3,)), IndexError, "reach element 6 of a tensor of 6"),
        (lambda x: x.as_strided((3,), (-1,)), ValueError, "none below 0"),
        (lambda x: lucid.unravel_index(x, (2,)), TypeError, "unravel_index expects integers"),
        (
            lambda x: x.gather(1, lucid.zeros(3, 1).long()),
            ValueError,
            "gather expects an index of 2",
        ),
        (
            lambda x: x.scatter(1, INDEX, x.long()),
            TypeError,
            "scatter expects its src .* dtype float32, .* got int64",
        ),
        (lambda x: x.scatter(1, INDEX), TypeError, "scatter expects src, a Tensor or a number"),
        (lambda x: x.scatter(1, INDEX, x, reduce="max"), ValueError, 'reduce="add" or "multiply"'),
        (lambda x: x.scatter_add(1, INDEX, x[:, :0]), ValueError, "src at least as long as the"),
        (lambda x: x.scatter_reduce(1, INDEX, x, "max"), ValueError, "reduces by sum, prod, mean"),
        (lambda x: x.index_add(0, INDEX[:, 0], x[0]), ValueError, r"source of shape \(2, 3\)"),
        (lambda x: x.index_add(0, INDEX, x), ValueError, "index_add expects a 1-D index"),
        (lambda x: x.index_fill(0, INDEX[0], x), ValueError, "a number as its value"),
        (lambda x: x.index_reduce(0, INDEX[0], x[:1], "sum"), ValueError, "reduces by prod, mean"),
        (
            lambda x: x.index_put(INDEX, x),
            TypeError,
            r"a tuple of index tensors.*\(index,\) for one",
        ),
        (lambda x: x.put(INDEX, x), ValueError, "as many indices as source elements, got 2 and 6"),
        (lambda x: x.masked_select(x), TypeError, "masked_select expects a Tensor of bools"),
        (lambda x: x.masked_scatter(x > 0, x[0]), ValueError, "a source of at least 6 elements"),
        (lambda x: x.masked_fill(x > 0, x), ValueError, r"use lucid.where\(mask, value, input\)"),
        (lambda x: x.masked_fill(x > 0, 1j), TypeError, "a complex value cannot be float32"),
        (
            lambda x: lucid.where(x, x, x),
            TypeError,
            "a Tensor of bools as its condition, got .*float",
        ),
        (lambda x: lucid.nonzero_static(x, size=-1), ValueError, "a size of at least 0, got -1"),
        (lambda x: x.tensor_split(0), ValueError, "a positive number of parts, got 0"),
        (lambda x: x.tensor_split(x), ValueError, "tensor_split expects ints or a vector of them"),
        (lambda x: x.hsplit(2), ValueError, "hsplit expects a number of parts that divides 3"),
        (lambda x: x[0].vsplit(1), ValueError, "vsplit expects 2 dimensions or more"),
        (lambda x: lucid.cat([x, x.sum()]), ValueError, "got a 0-dimensional tensor; use stack"),
        (lambda x: lucid.meshgrid(x), ValueError, "meshgrid expects vectors"),
        (lambda x: lucid.meshgrid(x[0], indexing="yx"), ValueError, 'indexing="ij" or "xy"'),
        (lambda x: lucid.combinations(x), ValueError, "combinations expects a vector"),
        (lambda x: lucid.block_diag(x[None]), ValueError, "at most 2 dimensions"),
        (lambda x: lucid.full((2,), x), ValueError, r"one value to fill with, got shape \(2, 3\)"),
        (lambda x: lucid.arange(0, float("inf")), ValueError, "arange expects finite numbers"),
        (lambda x: lucid.linspace(0, 1, -1), ValueError, "sizes must not be negative"),
        (lambda x: lucid.linspace(x, 1, 2), ValueError, "a number or a 0-dimensional tensor"),
        (lambda x: lucid.broadcast_shapes(2**31, 2), ValueError, "do not broadcast"),
        (lambda x: lucid.broadcast_shapes((2,), (3,)), ValueError, r"\(2,\), \(3,\) do not broad"),
        (lambda x: lucid.combinations(x[0], BIG, True), MemoryError, "combinations: "),
        (lambda x: x.tensor_split(2**70), MemoryError, "parts: "),
        (lambda x: x[:0].chunk(2**70), MemoryError, "parts: "),
        (lambda x: lucid.nonzero_static(x, size=2**60), MemoryError, "nonzero_static: "),
        (lambda x: lucid.ones(1, 1).expand(BIG, BIG), MemoryError, "expand: .* this machine has"),
        (lambda x: lucid.ones(BIG)[:, None] < lucid.ones(BIG), MemoryError, "lt: "),
        (lambda x: lucid.ones(2).tile(BIG, BIG), MemoryError, "this machine has"),
        (lambda x: lucid.ones(BIG, 1) @ lucid.ones(1, BIG), MemoryError, "matmul: "),
        (lambda x: lucid.outer(lucid.ones(BIG), lucid.ones(BIG)), MemoryError, "mul: "),
        (
            lambda x: lucid.ones(1, 1, 1, 1).expand(1 << 16, 1 << 16, 1 << 16, 1 << 16),
            MemoryError,  # 2^64 elements: the product wraps to 0 in MLX
            "expand: ",
        ),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call(lucid.ones(2, 3))


EMPTY_SHAPES = [((0, 1, 3), (0, 10, 3)), ((0,), (1,)), ((0, 3), (1, 3)), ((2, 0, 1), (2, 1, 4))]
BINARY = [
    *("add", "sub", "mul", "div", "pow", "maximum", "minimum", "atan2", "remainder"),
    *("floor_divide", "eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or"),
]


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("shapes", EMPTY_SHAPES)
def test_operations_on_nothing(name, shapes):
    a, b = (lucid.zeros(*s, requires_grad=True) for s in shapes)
    for x, y in ((a, b), (b, a)):
        z = getattr(lucid, name)(x, y)
        assert z.shape == z.numpy().shape == np.broadcast_shapes(*shapes)
        if z.requires_grad:
            z.sum().backward()
            assert a.grad.tolist() == np.zeros(shapes[0]).tolist()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sum", 0),
        ("prod", 1),
        ("norm", 0),
        ("logsumexp", -np.inf),
        ("mean", np.nan),
        ("var", np.nan),
    ],
)
def test_reductions_of_nothing(name, value):
    x = lucid.zeros(0, 3, requires_grad=True)
    for dim, shape in ((0, (3,)), (1, (0,)), ((0, 1), ())):
        y = getattr(x, name)(dim=dim)
        np.testing.assert_array_equal(y.numpy(), np.full(shape, value, np.float32))
        (g,) = lucid.autograd.grad(y, x, create_graph=True)
        assert g.shape == (0, 3)


@pytest.mark.parametrize("name", ["amax", "amin", "argmax", "sort", "argsort", "cumsum", "softmax"])
def test_along_a_dimension_that_has_elements(name):
    y = getattr(lucid.zeros(0, 3), name)(1)
    y = y[0] if isinstance(y, tuple) else y
    assert y.shape in ((0,), (0, 3))


def test_the_lowest_integer_divided_by_minus_one():
    for dtype, low in ((lucid.int32, -(2**31)), (lucid.int64, -(2**63)), (lucid.int8, -128)):
        x, minus = lucid.tensor([low], dtype=dtype), lucid.tensor([-1], dtype=dtype)
        for y in (minus, -1):  # it wraps round, as in NumPy and torch
            assert (x // y).tolist() == [low]
            assert (x % y).tolist() == [0]


def test_shifts_past_32_bits():
    x = lucid.arange(6).reshape(2, 3)
    assert x.roll(2**40).tolist() == x.roll(2**40 % 6).tolist()
    assert x.roll((-(2**40), 1), (1, 0)).tolist() == x.roll((-(2**40 % 3), 1), (1, 0)).tolist()


def test_many_parts():
    assert len(lucid.arange(3).tensor_split(100_000)) == 100_000
