"""Walking the tape: what `backward` and `grad` do, and what they refuse."""

import gc
import threading

import numpy as np
import pytest

import lucid


def leaf(*values):
    return lucid.tensor(values if len(values) > 1 else values[0], requires_grad=True)


def test_gradients_accumulate():
    x = leaf(2.0)
    for _ in range(3):
        (x * x).backward()
    assert x.grad.item() == 12.0


def test_the_grad_tensor_stays_the_same_one():
    x = leaf(2.0)
    (x * 3).backward()
    before = x.grad
    (x * 4).backward()
    assert x.grad is before
    assert before.item() == 7.0


def test_a_non_scalar_starts_from_ones():
    x = leaf(1.0, 2.0)
    (x * x).backward()
    assert x.grad.tolist() == [2.0, 4.0]


def test_a_gradient_may_be_given():
    x = leaf(1.0, 2.0)
    (x * x).backward(lucid.tensor([1.0, -1.0]))
    assert x.grad.tolist() == [2.0, -4.0]
    (x * 1).backward([0.5, 0.5])
    assert x.grad.tolist() == [2.5, -3.5]


def test_shared_results_are_walked_once():
    x = leaf(3.0)
    a = x * x
    b = a + a * a  # b = x^2 + x^4
    (b * b).backward()
    assert x.grad.item() == 2 * 90 * (6 + 108)


def test_several_outputs_at_once():
    x = leaf(3.0)
    shared = x * x
    lucid.autograd.backward([shared * 2, shared + x], [lucid.tensor(1.0), lucid.tensor(10.0)])
    assert x.grad.item() == 12 + 10 * 7


def test_inputs_limits_who_gets_a_grad():
    x, y = leaf(2.0), leaf(3.0)
    (x * y).backward(inputs=[y])
    assert x.grad is None
    assert y.grad.item() == 2.0


def test_grad_of_intermediates_and_leaves():
    x = leaf(2.0)
    y = x * x
    z = y * y
    dy, dx = lucid.autograd.grad(z, [y, x])
    assert (dy.item(), dx.item()) == (8.0, 32.0)
    assert x.grad is None


def test_grad_of_something_unused():
    x, y = leaf(2.0), leaf(3.0)
    with pytest.raises(RuntimeError, match="input 1 of grad was not used"):
        lucid.autograd.grad(x * x, [x, y])
    assert lucid.autograd.grad(x * x, [x, y], allow_unused=True)[1] is None


def test_any_order():
    x = leaf(2.0)
    y, factors = x**5, []
    for _ in range(5):
        (y,) = lucid.autograd.grad(y, x, create_graph=True)
        factors.append(y.item())
    assert factors == [80.0, 160.0, 240.0, 240.0, 120.0]


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: x * x * x * x, [4, 12, 24, 24, 0]),
        (lambda x: x**4 + x, [5, 12, 24, 24, 0]),
        (lambda x: (2 * (x - 1)).exp(), [2, 4, 8, 16, 32]),
        (lambda x: lucid.stack([x, x, x]) ** 3, [9, 18, 18, 0, 0]),
    ],
)
def test_five_derivatives(function, expected):
    x = lucid.tensor(1.0, dtype=lucid.float64, requires_grad=True)
    y = function(x)
    for value in expected:
        (y,) = lucid.autograd.grad(y.sum(), x, create_graph=True)
        assert y.item() == pytest.approx(value, abs=1e-9)


def test_a_gradient_penalty_trains():
    w = leaf(1.5)
    x = leaf(2.0)
    (g,) = lucid.autograd.grad((w * x).tanh(), x, create_graph=True)
    (g - 1).square().backward()
    t = np.tanh(3.0)
    slope = 1.5 * (1 - t * t)
    expected = 2 * (slope - 1) * ((1 - t * t) - 1.5 * 2 * t * (1 - t * t) * 2)
    np.testing.assert_allclose(w.grad.item(), expected, rtol=1e-5)


def test_backward_with_create_graph_leaves_a_differentiable_grad():
    x = leaf(3.0)
    (x**3).backward(create_graph=True)
    assert x.grad.requires_grad
    assert lucid.autograd.grad(x.grad, x)[0].item() == 18.0


def test_a_second_backward_needs_retain_graph():
    x = leaf(2.0)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 8.0
    with pytest.raises(RuntimeError, match="backward through 'mul' a second time"):
        y.backward()


def test_the_graph_is_freed_after_backward():
    x = leaf(2.0)
    y = (x * 2).exp()
    y.backward()
    assert y._node.edges == ()
    assert y._node.rule is None


def test_results_that_need_no_gradient_record_nothing():
    x = lucid.tensor([1.0])
    assert (x * 2)._node is None
    with lucid.no_grad():
        y = leaf(1.0) * 2
    assert not y.requires_grad
    assert y.is_leaf
    assert not (leaf(1.0) > 0).requires_grad


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lucid.ones(2).backward(), "requires grad, got a constant Tensor"),
        (lambda: lucid.autograd.backward([3.0]), "requires grad, got float"),
        (lambda: lucid.autograd.grad(leaf(1.0) * 2, lucid.ones(1)), "input 0 of grad does not"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(RuntimeError, match=message):
        call()


def test_a_gradient_of_the_wrong_shape():
    with pytest.raises(ValueError, match=r"shape \(2,\) expects a gradient .* got \(3,\)"):
        (leaf(1.0, 2.0) * 2).backward(lucid.ones(3))
    with pytest.raises(ValueError, match="got 2 gradients for 1 tensors"):
        lucid.autograd.backward([leaf(1.0) * 2], [lucid.ones(()), lucid.ones(())])


def test_a_wrong_rule_is_named():
    from lucid.ops.op import op

    @op
    def halved(x, /):
        return x * 0.5, lambda g: (g, g)

    @op
    def summed(x, /):
        return x.sum(), lambda g: g

    with pytest.raises(RuntimeError, match="rule of 'halved' returned 2 gradients for 1 inputs"):
        halved(leaf(1.0)).backward()
    with pytest.raises(RuntimeError, match=r"'summed' returned a gradient of shape \(\) for input"):
        summed(leaf(1.0, 2.0)).backward()


# Gradients in the middle of the graph ---------------------------------------------------------


def test_a_loss_balancer():
    """As EnCodec's: the losses' gradients in the network's output are scaled, then go on."""
    w = leaf(0.5, -0.3, 0.7)
    y = (w * 2).tanh()
    losses = {"l1": y.abs().sum(), "l2": (y * y).sum()}
    gradients = {n: lucid.autograd.grad(v, [y], retain_graph=True)[0] for n, v in losses.items()}
    assert w.grad is None
    total = sum(g / g.norm() for g in gradients.values())
    y.backward(total)
    t = np.tanh([1.0, -0.6, 1.4])
    expected = (np.sign(t) / np.sqrt(3) + t / np.linalg.norm(t)) * 2 * (1 - t * t)
    np.testing.assert_allclose(w.grad.numpy(), expected, rtol=1e-5)


def test_grad_walks_only_towards_its_inputs():
    x = leaf(2.0)
    visited = []
    before = x * 3
    before.register_hook(lambda g: visited.append("before"))
    y = before.exp()
    side = x * 5
    side.register_hook(lambda g: visited.append("side"))
    lucid.autograd.grad(y * side, y)  # releases what it walks over, and nothing else
    assert visited == []
    y.backward()
    assert visited == ["before"]
    assert x.grad.item() == pytest.approx(3 * np.exp(6.0))


def test_an_input_that_leads_to_another():
    x = leaf(2.0)
    y = x * 3
    z = y * y + x
    assert [g.item() for g in lucid.autograd.grad(z, [x, y, z])] == [37.0, 12.0, 1.0]


def test_grad_after_the_graph_was_freed_says_so():
    x = leaf(2.0)
    y = x * x
    z = y * 3
    z.backward()
    with pytest.raises(RuntimeError, match="backward through 'mul' a second time"):
        lucid.autograd.grad(z, x)


def test_variable():
    x = leaf(2.0)
    y = lucid.autograd.Variable(x * 3, requires_grad=True)
    assert y.is_leaf
    (y * y).backward()
    assert (y.grad.item(), x.grad) == (12.0, None)


def test_materialize_grads():
    x, y = leaf(2.0, 3.0), leaf(1.0)
    gx, gy = lucid.autograd.grad((x * x).sum(), [x, y], materialize_grads=True)
    assert gx.tolist() == [4.0, 6.0]
    assert gy.tolist() == 0.0
    with pytest.raises(ValueError, match="materialize_grads=True needs allow_unused"):
        lucid.autograd.grad(x.sum(), y, allow_unused=False, materialize_grads=True)
    with pytest.raises(ValueError, match="only_inputs=False is not offered"):
        lucid.autograd.grad(x.sum(), x, only_inputs=False)


def test_batched_gradients():
    x = leaf(1.0, 2.0)
    y = x**3
    rows = lucid.eye(2)
    (jacobian,) = lucid.autograd.grad(y, x, rows, is_grads_batched=True, create_graph=True)
    assert jacobian.tolist() == [[3.0, 0.0], [0.0, 12.0]]
    (second,) = lucid.autograd.grad(jacobian.sum(), x)
    assert second.tolist() == [6.0, 12.0]
    unused = lucid.autograd.grad(y, [leaf(1.0)], rows, is_grads_batched=True, allow_unused=True)
    assert unused == (None,)
    with pytest.raises(ValueError, match=r"first dimension of one size in common, got shapes"):
        lucid.autograd.grad(y, x, lucid.tensor(1.0), is_grads_batched=True)


# Size, threads, memory ------------------------------------------------------------------------


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_chain_of_100000_operations(create_graph):
    x = leaf(1.0)
    y = x
    for i in range(100_000):
        y = y + 1e-6 if i % 2 else -y if i % 3 else y * 1.0
    (g,) = lucid.autograd.grad(y, x, create_graph=create_graph)
    assert abs(g.item()) == 1.0
    del y, g  # must not overflow the stack either
    gc.collect()


def test_threads_have_their_own_mode_and_graphs():
    x = lucid.ones(8, requires_grad=True).eval()
    results = [None] * 4

    def work(i):
        with lucid.set_grad_enabled(i % 2 == 0):
            y = (x * (i + 1.0)).sum()
            results[i] = lucid.autograd.grad(y, x)[0].tolist() if i % 2 == 0 else y.requires_grad

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results == [[1.0] * 8, False, [3.0] * 8, False]
    assert lucid.is_grad_enabled()


def test_in_place_changes_keep_what_was_recorded():
    x = leaf(2.0, 3.0)
    y = x * 1
    z = y * y
    y *= 10  # z used the old values
    z.sum().backward(retain_graph=True)
    assert x.grad.tolist() == [4.0, 6.0]
    y.sum().backward()
    assert x.grad.tolist() == [14.0, 16.0]


def test_retain_grad_follows_a_tensor_that_is_changed_in_place():
    x = lucid.ones(2, requires_grad=True)
    y = x * 2
    y.retain_grad()
    y.mul_(3)
    (y * 5).sum().backward()
    assert y.grad.tolist() == [5.0, 5.0]
    assert x.grad.tolist() == [30.0, 30.0]


def test_no_inputs():
    with pytest.raises(ValueError, match="got no inputs to fill"):
        lucid.ones(1, requires_grad=True).sum().backward(inputs=[])


def test_a_recorded_grad_keeps_its_graph_where_more_is_added():
    x = leaf(2.0, 3.0)
    (x**3).sum().backward(create_graph=True)
    (x * 5).sum().backward()
    assert x.grad.tolist() == [17.0, 32.0]
    assert lucid.autograd.grad(x.grad.sum(), x)[0].tolist() == [12.0, 18.0]
