"""Hooks on the gradients of tensors, and `retain_grad`."""

import pytest

import lucid


def leaf(*values):
    return lucid.tensor(values if len(values) > 1 else values[0], requires_grad=True)


def test_a_leaf_hook_fires_once_with_the_sum():
    x, seen = leaf(2.0), []
    x.register_hook(lambda g: seen.append(g.item()))
    (x * 3 + x * 4).backward()
    assert seen == [7.0]


def test_a_hook_replaces_the_gradient_and_can_be_removed():
    x = leaf(2.0)
    y = x * 3
    handle = y.register_hook(lambda g: g * 10)
    (y * 2).backward()
    assert x.grad.item() == 60.0
    handle.remove()
    handle.remove()
    x.grad = None
    y = x * 3
    (y * 2).backward()
    assert x.grad.item() == 6.0


def test_hooks_do_not_fire_for_other_graphs():
    x, seen = leaf(2.0), []
    first, second = x * 3, x * 4
    first.register_hook(lambda g: seen.append("first"))
    second.backward()
    assert seen == []


def test_hooks_see_tensors_that_can_be_differentiated_with_create_graph():
    x, seen = leaf(2.0), []
    y = x * x
    y.register_hook(lambda g: seen.append(g.requires_grad))
    (y * y).backward(create_graph=True)
    assert seen == [True]


def test_a_hook_that_returns_something_else():
    x = leaf(1.0, 2.0)
    x.register_hook(lambda g: g.sum())
    with pytest.raises(RuntimeError, match=r"hook on 'leaf' must return None or a Tensor of shape"):
        (x * 2).backward()
    with pytest.raises(RuntimeError, match="a hook needs a Tensor that requires grad"):
        lucid.ones(1).register_hook(print)


def test_retain_grad():
    x = leaf(2.0)
    y = x * 3
    y.retain_grad()
    y.retain_grad()
    (y * y).backward()
    assert y.grad.item() == 12.0
    x.retain_grad()  # a leaf keeps its own anyway


def test_a_hook_after_accumulation():
    x, seen = leaf(2.0), []
    handle = x.register_post_accumulate_grad_hook(lambda t: seen.append((t is x, t.grad.item())))
    (x * 3 + x * 4).backward()
    (x * 1).backward(inputs=[x])
    lucid.autograd.grad(x * 1, x)
    assert seen == [(True, 7.0), (True, 8.0)]
    handle.remove()
    (x * 1).backward()
    assert len(seen) == 2
    with pytest.raises(RuntimeError, match="needs a leaf that requires grad"):
        (x * 1).register_post_accumulate_grad_hook(print)
