"""Loss scaling: what a step does, and what is refused."""

import math

import numpy as np
import pytest

import lucid
from lucid import optim
from lucid.amp import GradScaler


def problem(scale=8.0, **options):
    w = lucid.tensor([1.0, 2.0], requires_grad=True, device="cpu")
    return w, optim.SGD([w], lr=0.1), GradScaler("cpu", init_scale=scale, **options)


def test_unscaling_before_clipping():
    w, optimizer, scaler = problem()
    scaler.scale((w * w).sum()).backward()
    assert w.grad.tolist() == [16.0, 32.0]
    scaler.unscale_(optimizer)
    assert w.grad.tolist() == [2.0, 4.0]
    lucid.nn.utils.clip_grad_norm_([w], 1.0)
    scaler.step(optimizer)
    scaler.update()
    np.testing.assert_allclose(w.numpy(), [1 - 0.1 / 5**0.5, 2 - 0.2 / 5**0.5], rtol=1e-6)
    assert scaler.get_scale() == 8.0


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_bad_step_is_left_out(bad):
    w, optimizer, scaler = problem()
    w.grad = lucid.tensor([1.0, bad], device="cpu")
    assert scaler.step(optimizer) is None
    scaler.update()
    assert w.tolist() == [1.0, 2.0]
    assert scaler.get_scale() == 4.0
    assert optimizer.state_dict()["state"] == {}


def test_two_optimizers_step_by_themselves_and_share_the_scale():
    w, first, scaler = problem()
    v = lucid.ones(1, requires_grad=True, device="cpu")
    second = optim.SGD([v], lr=1.0)
    w.grad, v.grad = lucid.tensor([math.nan, 0.0], device="cpu"), lucid.tensor([8.0], device="cpu")
    scaler.step(first)
    scaler.step(second)
    scaler.update()
    assert w.tolist() == [1.0, 2.0]
    assert v.tolist() == [0.0]
    assert scaler.get_scale() == 4.0


def test_scale_takes_several():
    _, _, scaler = problem(2.0)
    half = lucid.ones((), dtype=lucid.float16, device="cpu")
    scaled = scaler.scale((half, [half.float()]))
    assert isinstance(scaled, tuple)
    assert [scaled[0].item(), scaled[1][0].item()] == [2.0, 2.0]
    with pytest.raises(ValueError, match="a Tensor or several, got float"):
        scaler.scale(1.0)


def test_order():
    w, optimizer, scaler = problem()
    with pytest.raises(RuntimeError, match="update comes after step"):
        scaler.update()
    with pytest.raises(RuntimeError, match="no gradients to step with"):
        scaler.step(optimizer)
    w, optimizer, scaler = problem()
    w.grad = lucid.ones(2, device="cpu")
    scaler.unscale_(optimizer)
    with pytest.raises(RuntimeError, match="already called for this optimizer since update"):
        scaler.unscale_(optimizer)
    with pytest.raises(RuntimeError, match="cannot step with a closure"):
        scaler.step(optimizer, lambda: None)
    scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="step was already called"):
        scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="unscale_ comes before step"):
        scaler.unscale_(optimizer)
    scaler.update()
    w.grad = lucid.ones(2, device="cpu")
    scaler.step(optimizer)
    scaler.update(3.0)
    assert scaler.get_scale() == 3.0


def test_half_gradients_are_refused():
    w = lucid.ones(2, dtype=lucid.float16, requires_grad=True, device="cpu")
    w.grad = lucid.ones(2, dtype=lucid.float16, device="cpu")
    with pytest.raises(ValueError, match="cannot divide float16 gradients"):
        GradScaler("cpu").step(optim.SGD([w]))


def test_disabled():
    w, optimizer, scaler = problem(enabled=False)
    loss = (w * w).sum()
    assert scaler.scale(loss) is loss
    loss.backward()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    np.testing.assert_allclose(w.numpy(), [0.8, 1.6])
    assert scaler.get_scale() == 1.0
    assert scaler.state_dict() == {}
    assert not scaler.is_enabled()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"growth_factor": 1.0}, "growth_factor above 1, got 1.0"),
        ({"backoff_factor": 1.0}, "backoff_factor below 1, got 1.0"),
        ({"growth_interval": 0}, "growth_interval of 1 or more, got 0"),
        ({"device": "cuda"}, 'device_type "cpu" or "gpu"'),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        GradScaler(**options)


def test_a_state_that_lacks_something():
    with pytest.raises(RuntimeError, match="lacks _growth_tracker, backoff_factor"):
        GradScaler("cpu").load_state_dict({})
