"""Checkpointing: the same numbers, less memory."""

import collections
import contextlib

import mlx.core as mx
import numpy as np
import pytest

import lucid
from lucid import nn
from lucid.utils.checkpoint import checkpoint, checkpoint_sequential


def network(dropout=0.0):
    lucid.manual_seed(0)
    return nn.Sequential(
        nn.Conv1d(2, 4, 3, padding=1), nn.Tanh(), nn.Dropout(dropout), nn.Conv1d(4, 2, 3, padding=1)
    )


def signal():
    return lucid.tensor(
        np.random.default_rng(0).normal(size=(2, 2, 8)).astype(np.float32), requires_grad=True
    )


def gradients(run, dropout=0.0):
    """The value, and the gradients of the input and all parameters."""
    model, x = network(dropout), signal()
    lucid.manual_seed(1)
    y = run(model, x)
    (y * y).sum().backward()
    return [y.numpy(), x.grad.numpy(), *(p.grad.numpy() for p in model.parameters())]


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize(
    "run",
    [
        lambda model, x: checkpoint(model, x, use_reentrant=False),
        lambda model, x: checkpoint(lambda: model(x)),  # all by closure
        lambda model, x: checkpoint(lambda x: model(x["x"][0]), {"x": [x]}, use_reentrant=True),
        lambda model, x: checkpoint(lambda *, x: checkpoint(model, x), x=x),
        lambda model, x: checkpoint(lambda x: (model(x), 3), x)[0],
        lambda model, x: checkpoint_sequential(model, 2, x, use_reentrant=False),
    ],
)
def test_values_and_gradients_are_the_same(run, dropout):
    plain = gradients(lambda model, x: model(x), dropout)
    for a, b in zip(plain, gradients(run, dropout), strict=True):
        np.testing.assert_array_equal(a, b)


def test_without_preserved_state_the_mask_is_another():
    x = lucid.ones(1000, requires_grad=True)
    y = checkpoint(lambda x: nn.functional.dropout(x, 0.5), x, preserve_rng_state=False)
    y.backward()
    assert not bool(((y > 0) == (x.grad > 0)).all())
    before = lucid.random.get_rng_state()
    (g,) = lucid.autograd.grad(checkpoint(lambda x: nn.functional.dropout(x, 0.5), x), x)
    lucid.random.set_rng_state(before)
    assert bool((nn.functional.dropout(x, 0.5).detach() == g).all())


def test_inputs_that_need_no_gradient():
    model, x = network(), signal().detach()
    y = checkpoint(model, x)
    assert y.requires_grad
    y.sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    with lucid.no_grad():
        assert not checkpoint(model, x).requires_grad
    assert not checkpoint(lambda x: x * 2, x).requires_grad


def test_grad_of_what_lies_inside_by_closure():
    w = lucid.tensor(3.0, requires_grad=True)
    scaled = w * 2  # recorded outside, used inside
    y = checkpoint(lambda: scaled * scaled)
    found = lucid.autograd.grad(y, [w, scaled], retain_graph=True)
    assert [g.item() for g in found] == [24.0, 12.0]
    y.backward()
    assert w.grad.item() == 24.0
    with pytest.raises(RuntimeError, match="backward through 'checkpoint' a second time"):
        y.backward()


def test_what_is_used_inside_may_depend_on_what_else_is():
    w = lucid.tensor(3.0, requires_grad=True)
    scaled = w * 2
    y = checkpoint(lambda: scaled * w)  # 2 w^2
    (slope,) = lucid.autograd.grad(y, w, create_graph=True)
    assert slope.item() == 12.0
    assert lucid.autograd.grad(slope, w)[0].item() == 4.0


def test_gradients_of_gradients():
    def second(run):
        model, x = network().double(), signal().double().detach().requires_grad_()
        (slope,) = lucid.autograd.grad(run(model, x).sin().sum(), x, create_graph=True)
        (slope * slope).sum().backward()
        return [x.grad, *(p.grad for p in model.parameters() if p.grad is not None)]

    plain = second(lambda model, x: model(x))
    for a, b in zip(plain, second(lambda model, x: checkpoint(model, x)), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12)
    x = signal().double().detach().requires_grad_()
    assert lucid.autograd.gradgradcheck(lambda x: checkpoint(lambda x: x.tanh() ** 2, x), x)


def test_writing_into_an_argument_changes_nothing():
    x = lucid.tensor([2.0, 3.0], requires_grad=True)
    h = x * 1
    y = checkpoint(lambda h: h * h, h)
    h += 100
    y.sum().backward()
    assert x.grad.tolist() == [4.0, 6.0]


def test_a_function_that_changes_is_refused():
    calls = []

    def growing(x):
        calls.append(1)
        return lucid.cat([x] * len(calls))

    y = checkpoint(growing, lucid.ones(2, requires_grad=True))
    with pytest.raises(RuntimeError, match=r"of shapes and dtypes \[\(\(2,\)"):
        y.sum().backward()
    with pytest.raises(ValueError, match="from 1 to 4 segments for 4 functions, got 5"):
        checkpoint_sequential(network(), 5, signal())


def peak(segments):
    """Bytes in use at the worst moment of a step through 64 layers, by those of an activation."""
    x = lucid.ones(4, 64, 512, requires_grad=True).eval()
    mx.synchronize()
    before = mx.get_active_memory()
    mx.reset_peak_memory()
    checkpoint_sequential([lambda x: (x * 1.01).sin()] * 64, segments, x).sum().backward()
    mx.eval(x.grad.array)
    mx.synchronize()
    return (mx.get_peak_memory() - before) / x.nbytes


def test_peak_memory_falls():
    whole, cut = peak(1), peak(8)
    assert whole > 64
    # 7 kept ends, the activations of 8 layers, and some 15 that MLX computes ahead of their use
    assert cut < 0.6 * whole


def test_the_second_run_waits_for_the_gradient(monkeypatch):
    """Otherwise `mx.compile` merges the two runs: 66 activations of 64 layers then, 48 so.

    And its gradients for one another: what they are computed from would else stay until the end.
    """
    waited = []

    def depends(arrays, after):
        waited.append(([a.tolist() for a in arrays], [a.tolist() for a in after]))
        return arrays

    monkeypatch.setattr(mx, "depends", depends)
    x, w = (lucid.tensor(v, requires_grad=True) for v in ([1.0, 2.0], [5.0, 6.0]))
    checkpoint(lambda x: x * w, x).backward(lucid.tensor([3.0, 4.0]))
    gradients = [[3.0, 8.0], [15.0, 24.0]]
    assert waited == [([[1.0, 2.0]], [[3.0, 4.0]]), (gradients, gradients)]


def test_under_torchs_names():
    assert lucid.utils.checkpoint.checkpoint is checkpoint
    assert lucid.utils.data.DataLoader is lucid.data.DataLoader


def test_the_circumstances_are_the_same_in_backward():
    layer, x = nn.Linear(3, 3), lucid.randn(2, 3, requires_grad=True)
    seen = []

    def run(x):
        y = layer(x)
        seen.append((y.dtype, lucid.is_grad_enabled()))
        return y

    with lucid.autocast("cpu", dtype=lucid.bfloat16):
        y = checkpoint(run, x)
    y.float().sum().backward()  # outside of autocast, and unrecorded
    assert seen == [(lucid.bfloat16, True)] * 2
    assert layer.weight.grad.dtype == lucid.float32


def test_inside_transforms():
    cube = lambda x: checkpoint(lambda x: (x**3).sum(), x)  # noqa: E731
    x = lucid.tensor([1.0, 2.0])
    assert lucid.func.hessian(cube)(x).tolist() == [[6.0, 0.0], [0.0, 12.0]]
    assert lucid.func.vmap(cube)(lucid.stack([x, 2 * x])).tolist() == [9.0, 72.0]


@pytest.mark.parametrize("inside", [False, True])
def test_autocast_that_cast_the_weight_before(inside):
    def gradient(checkpoint):
        w = lucid.full((2, 2), 0.5, requires_grad=True)
        with lucid.autocast("cpu", dtype=lucid.bfloat16):
            y = w @ w
            y = checkpoint(lambda y: checkpoint(lambda y: (y @ w).sin(), y) @ w, y)
            y.sum().backward() if inside else None
        None if inside else y.sum().backward()
        return w.grad.tolist()

    assert gradient(checkpoint) == gradient(lambda function, x: function(x))


def test_nested_outputs():
    Pair = collections.namedtuple("Pair", "a b")
    x = lucid.tensor([1.0, 2.0], requires_grad=True)
    y = checkpoint(lambda x: {"pair": Pair(x * 2, [x.exp(), None]), "n": 3}, x)
    assert isinstance(y["pair"], Pair)
    assert y["n"] == 3
    assert y["pair"].b[1] is None
    assert y["pair"].a.grad_fn is y["pair"].b[0].grad_fn is not None
    (y["pair"].a + y["pair"].b[0]).sum().backward()
    assert x.grad.tolist() == (2 + x.exp()).tolist()


def test_arguments_of_torch():
    runs = []

    @contextlib.contextmanager
    def noted(which):
        runs.append(which)
        yield

    x = lucid.ones(2, requires_grad=True)
    y = checkpoint(
        lucid.sin,
        x,
        context_fn=lambda: (noted("first"), noted("second")),
        determinism_check="none",
        debug=False,
        early_stop=False,
    )
    y.sum().backward()
    assert runs == ["first", "second"]
    assert x.grad.tolist() == x.cos().tolist()
