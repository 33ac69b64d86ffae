"""Hooks of modules: forward and backward."""

import numpy as np
import pytest

import lucid
from lucid import nn


def test_forward_hooks_see_and_replace():
    layer = nn.Identity()
    seen = []
    pre = layer.register_forward_pre_hook(lambda m, args: (args[0] + 1,))
    post = layer.register_forward_hook(lambda m, args, y: seen.append((m, args[0], y)) or y * 10)
    assert layer(1) == 20
    assert seen == [(layer, 2, 2)]
    pre.remove()
    pre.remove()
    assert layer(1) == 10
    post.remove()
    assert layer(1) == 1
    with pytest.raises(TypeError, match="a hook must be callable, got int"):
        layer.register_forward_hook(3)


def test_a_hook_registered_twice_is_removed_once():
    layer, calls = nn.Identity(), []
    hook = lambda m, args, y: calls.append(1)  # noqa: E731
    first, _ = layer.register_forward_hook(hook), layer.register_forward_hook(hook)
    first.remove()
    first.remove()
    layer(1)
    assert calls == [1]


def test_a_hook_fires_for_its_own_module_only():
    net, calls = nn.Sequential(nn.ReLU(), nn.ReLU()), []
    net[0].register_forward_hook(lambda m, args, y: calls.append("forward"))
    net[0].register_full_backward_hook(lambda m, gi, go: calls.append("backward"))
    x = lucid.ones(2, requires_grad=True)
    net[1](x).sum().backward()
    assert calls == []
    net(x).sum().backward()
    assert calls == ["forward", "backward"]


def test_full_backward_hook():
    layer, seen = nn.Linear(2, 3), []

    def hook(module, grad_input, grad_output):
        seen.append((module, grad_input, grad_output))
        return tuple(10 * g for g in grad_input)

    handle = layer.register_full_backward_hook(hook)
    x = lucid.ones(4, 2, requires_grad=True)
    layer(x).sum().backward()
    module, (grad_input,), (grad_output,) = seen[0]
    assert module is layer
    np.testing.assert_array_equal(grad_output.numpy(), np.ones((4, 3)))
    np.testing.assert_allclose(grad_input.numpy()[0], layer.weight.numpy().sum(0), rtol=1e-5)
    np.testing.assert_allclose(x.grad.numpy(), 10 * grad_input.numpy(), rtol=1e-6)
    handle.remove()
    layer(x).sum().backward()
    assert len(seen) == 1
    # the first layer of a model: its input needs no gradient, its hook still fires
    layer.register_full_backward_hook(lambda m, gi, go: seen.append(gi))
    layer(lucid.ones(4, 2)).sum().backward()
    assert seen[-1] == (None,)


@pytest.mark.parity
def test_full_backward_hook_as_in_torch():
    torch = pytest.importorskip("torch")
    found = []
    for library in (lucid, torch):
        model = library.nn.Sequential(library.nn.Tanh(), library.nn.Softsign())
        model[1].register_full_backward_hook(lambda m, gi, go: found.append((gi[0], go[0])))
        x = library.tensor([0.5, -2.0], requires_grad=True)
        (model(x) * library.tensor([1.0, 3.0])).sum().backward()
    for ours, theirs in zip(found[0], found[1], strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-6)


def test_order_and_keywords_of_forward_hooks():
    class Scale(nn.Module):
        def forward(self, x, factor=1):
            return x * factor

    layer, order = Scale(), []
    layer.register_forward_pre_hook(lambda m, a: order.append("second"))
    layer.register_forward_pre_hook(lambda m, a: order.append("first"), prepend=True)
    layer.register_forward_pre_hook(lambda m, a, k: (a, {**k, "factor": 3}), with_kwargs=True)
    layer.register_forward_hook(lambda m, a, k, y: y + k["factor"], with_kwargs=True)
    assert layer(5) == 18
    assert order == ["first", "second"]
    layer.register_forward_pre_hook(lambda m, a, k: 3, with_kwargs=True)
    with pytest.raises(RuntimeError, match=r"must return None or a tuple \(args, kwargs\), got 3"):
        layer(5)


def test_hooks_that_are_always_called():
    layer, seen = nn.Linear(2, 2), []
    layer.register_forward_hook(lambda m, a, y: seen.append("ordinary"))
    layer.register_forward_hook(lambda m, a, y: seen.append(y), always_call=True)
    with pytest.raises(ValueError, match="linear expects"):
        layer(lucid.ones(3))
    assert seen == [None]
    layer(lucid.ones(2))
    assert len(seen) == 3


def test_backward_pre_hooks_change_the_gradient_of_the_output():
    layer, seen = nn.Linear(2, 3), []
    layer.register_full_backward_pre_hook(lambda m, go: (10 * go[0],))
    layer.register_full_backward_hook(lambda m, gi, go: seen.append(go[0]))
    layer(lucid.ones(4, 2)).sum().backward()
    assert layer.bias.grad.tolist() == [40.0] * 3
    assert seen[0].tolist() == [[10.0] * 3] * 4
    layer.register_full_backward_pre_hook(lambda m, go: (1, 2))
    with pytest.raises(RuntimeError, match="must return None or 1 gradients, one per output"):
        layer(lucid.ones(4, 2)).sum().backward()


def test_backward_hooks_on_outputs_that_are_not_all_tensors():
    layer, seen = nn.LSTM(2, 3), []
    layer.register_full_backward_pre_hook(lambda m, go: (2 * go[0], None))
    layer.register_full_backward_hook(lambda m, gi, go: seen.append(go))
    x = lucid.randn(4, 1, 2, requires_grad=True)
    layer(x)[0].sum().backward()
    ((g, rest),) = seen
    assert g.tolist() == [[[2.0] * 3]] * 4
    assert rest is None
    nowhere = nn.Identity()
    nowhere.register_full_backward_hook(lambda m, gi, go: None)
    with pytest.raises(TypeError, match="a Tensor or a tuple with Tensors, got str"):
        nowhere("text")
