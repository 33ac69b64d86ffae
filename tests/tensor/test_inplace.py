"""In-place methods of shapes and indexing: the values are `lucid.<name>`'s, the graph goes on."""

import pytest

import lucid

INDEX = lucid.tensor([2, 0])
MASK = lucid.tensor([True, False, True])
ROW = lucid.tensor([7.0, 8.0])

# The method, the function, and the arguments after a tensor of shape (3, 1) or (3,).
CASES = {
    "as_strided_": ((3, 1), (2,), (1,)),
    "fill_": ((3,), 5.0),
    "fill_diagonal_": ((3, 1), 5.0),
    "index_add_": ((3,), 0, INDEX, ROW),
    "index_copy_": ((3,), 0, INDEX, ROW),
    "index_fill_": ((3,), 0, INDEX, 4.0),
    "index_put_": ((3,), (INDEX,), ROW),
    "index_reduce_": ((3,), 0, INDEX, ROW, "prod"),
    "masked_fill_": ((3,), MASK, 1.0),
    "masked_scatter_": ((3,), MASK, ROW),
    "put_": ((3,), INDEX, ROW),
    "scatter_": ((3,), 0, INDEX, ROW),
    "scatter_add_": ((3,), 0, INDEX, ROW),
    "scatter_reduce_": ((3,), 0, INDEX, ROW, "amax"),
    "squeeze_": ((3, 1), 1),
    "swapaxes_": ((3, 1), 0, 1),
    "swapdims_": ((3, 1), 0, 1),
    "t_": ((3, 1),),
    "transpose_": ((3, 1), 0, 1),
    "tril_": ((3, 1), -1),
    "triu_": ((3, 1), 1),
    "unsqueeze_": ((3,), 0),
}


def function(name):
    return getattr(lucid.ops, name[:-1])


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name):
    shape, *arguments = CASES[name]
    leaves = [lucid.tensor([1.0, 2.0, 3.0]).reshape(shape).requires_grad_() for _ in range(2)]
    x = leaves[0] * 2
    assert getattr(x, name)(*arguments) is x
    expected = function(name)(leaves[1] * 2, *arguments)
    assert x.shape == expected.shape
    assert x.tolist() == expected.tolist()
    (x * x).sum().backward()
    (expected * expected).sum().backward()
    wanted = [leaf.grad.tolist() if leaf.grad is not None else None for leaf in leaves]
    assert wanted[0] == wanted[1]


@pytest.mark.parametrize("name", CASES)
def test_a_leaf_that_requires_grad(name):
    shape, *arguments = CASES[name]
    x = lucid.ones(shape, requires_grad=True)
    with pytest.raises(RuntimeError, match="a leaf that requires grad cannot be changed in place"):
        getattr(x, name)(*arguments)


def test_what_is_overwritten_has_gradient_zero():
    x = lucid.ones(2, requires_grad=True)
    for overwrite in (lambda y: y.fill_(3.0), lambda y: y.zero_(), lambda y: y.copy_(y.detach())):
        (g,) = lucid.autograd.grad(overwrite(x * 2).sum(), x)
        assert g.tolist() == [0, 0]


def test_an_operation_without_derivative_leaves_the_graph():
    y = lucid.ones(2, requires_grad=True) * 2
    y.eq_(2)
    assert not y.requires_grad


def test_without_recording_the_graph_stays():
    y = lucid.ones(2, requires_grad=True) * 2
    with lucid.no_grad():
        y.zero_()
    assert y.requires_grad


def test_resize():
    x = lucid.arange(4)
    assert x.resize_(2, 3).tolist() == [[0, 1, 2], [3, 0, 0]]
    assert x.resize_((2,)).tolist() == [0, 1]
    assert x.resize_as_(lucid.ones(1, 2)).shape == (1, 2)
    y = lucid.ones(2, requires_grad=True) * 2
    with pytest.raises(RuntimeError, match="cannot get another number of elements"):
        y.resize_(3)


def test_names():
    for name in ("abs", "exp", "float_power"):
        method = getattr(lucid.Tensor, f"{name}_")
        assert method.__name__ == f"{name}_"
        assert method.__doc__.startswith(f"`{name}` in place")
