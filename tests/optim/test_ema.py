"""The running mean of a model: its law, swapping, what it saves, memory."""

import mlx.core as mx
import numpy as np
import pytest

import lucid
from lucid import nn, optim
from lucid.optim import ExponentialMovingAverage


def network(dtype=lucid.float32):
    lucid.manual_seed(0)
    return nn.Sequential(nn.Conv1d(2, 3, 3), nn.BatchNorm1d(3), nn.Linear(6, 1)).to(dtype)


def values(model):
    return {k: v.numpy().copy() for k, v in model.state_dict().items() if v.is_floating_point()}


def train(model, ema, steps, seed=0):
    """Steps of training; the values after each."""
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    rng = np.random.default_rng(seed)
    seen = []
    for _ in range(steps):
        optimizer.zero_grad()
        dtype = next(model.parameters()).dtype
        model(lucid.tensor(rng.standard_normal((4, 2, 8)), dtype=dtype)).square().mean().backward()
        optimizer.step()
        ema.update()
        seen.append(values(model))
    return seen


@pytest.mark.parametrize("decay", [0.0, 0.9, 1.0])
@pytest.mark.parametrize("unbiased", [True, False])
def test_the_law_of_demucs(decay, unbiased):
    model = network()
    expected, count = {k: v.astype("float64") for k, v in values(model).items()}, 0.0
    ema = ExponentialMovingAverage(model, decay, unbiased)
    for seen in train(model, ema, 6):
        count = count * decay + 1
        w = 1 / count if unbiased else 1 - decay
        expected = {k: (1 - w) * expected[k] + w * seen[k] for k in expected}
    assert ema.count == count
    assert set(ema.averages) == set(expected)
    assert "1.running_var" in expected
    for name, mean in ema.averages.items():
        np.testing.assert_allclose(mean.numpy(), expected[name], rtol=1e-5, atol=1e-7)


def test_swap():
    model = network()
    ema = ExponentialMovingAverage(model, 0.5)
    train(model, ema, 3)
    before, parameters = values(model), list(model.parameters())
    tracked = model[1].num_batches_tracked.item()
    with ema.swap():
        inside = values(model)
        for name, mean in ema.averages.items():
            np.testing.assert_array_equal(inside[name], mean.numpy())
        with pytest.raises(RuntimeError, match=r"update inside swap\(\): the model has the means"):
            ema.update()
        with pytest.raises(RuntimeError, match=r"swap inside swap\(\)"), ema.swap():
            pass
        model[0].weight.data = lucid.zeros_like(model[0].weight)  # is lost
    assert all(a is b for a, b in zip(model.parameters(), parameters, strict=True))
    assert model[1].num_batches_tracked.item() == tracked
    with pytest.raises(ZeroDivisionError), ema.swap():
        1 / 0  # noqa: B018
    after = values(model)
    assert not np.array_equal(inside["0.weight"], before["0.weight"])
    for name in before:
        np.testing.assert_array_equal(after[name], before[name])
    ema.update()


def test_saving(tmp_path):
    model = network()
    ema = ExponentialMovingAverage(model, 0.7)
    train(model, ema, 3)
    lucid.save(ema.state_dict(), tmp_path / "ema.safetensors")
    saved, state = ema.state_dict(), model.state_dict()
    train(model, ema, 2, seed=1)
    other = network()
    other.load_state_dict(state)
    resumed = ExponentialMovingAverage(other, 0.7)
    resumed.load_state_dict(lucid.load(tmp_path / "ema.safetensors"))
    assert resumed.count == saved["count"]
    for name, mean in saved["state"].items():  # later updates did not touch it
        np.testing.assert_array_equal(resumed.averages[name].numpy(), mean.numpy())
    resumed.copy_to(other)
    for name, value in values(other).items():
        np.testing.assert_array_equal(value, saved["state"][name].numpy())


def test_parameters_alone():
    model, other = network(), network()
    ema = ExponentialMovingAverage(model.parameters(), decay=0.5, unbiased=False)
    ema.update()
    assert list(ema.averages) == [str(i) for i in range(6)]
    ema.copy_to(other.parameters())
    for p, q in zip(model.parameters(), other.parameters(), strict=True):
        np.testing.assert_array_equal(p.numpy(), q.numpy())


def test_half_precision_keeps_a_mean_in_float32():
    """In float16, a ten-thousandth of the way would be no way at all."""
    p = lucid.ones(2, dtype=lucid.float16)
    ema = ExponentialMovingAverage([p], decay=0.9999, unbiased=False)
    p.data = lucid.zeros(2, dtype=lucid.float16)
    for _ in range(10):
        ema.update()
    np.testing.assert_allclose(ema.averages["0"].numpy(), 0.9999**10, rtol=1e-6)
    with ema.swap():
        assert p.dtype == lucid.float16
        assert p.tolist() == [float(np.float16(0.9999**10))] * 2


def test_memory_is_flat():
    model = network()
    ema = ExponentialMovingAverage(model, 0.9)

    def settled(steps):
        train(model, ema, steps)
        for _ in range(steps):
            with ema.swap():
                pass
            ema.update()
        mx.synchronize()
        return mx.get_active_memory()

    settled(20)
    first = settled(20)
    assert abs(settled(200) - first) < 256


def test_what_does_not_fit_changes_nothing():
    ema = ExponentialMovingAverage(network())
    good = ema.state_dict()
    with pytest.raises(ValueError, match='has the keys "state" and "count"'):
        ema.load_state_dict({})
    less = {k: v for k, v in good["state"].items() if k != "0.bias"}
    with pytest.raises(ValueError, match=r"saved state .* '0.bias': .* \(3,\), got none"):
        ema.load_state_dict({"state": less, "count": 3})
    with pytest.raises(ValueError, match=r"the model .* '0.weight': expected shape \(3, 2, 3\)"):
        ema.copy_to(nn.Linear(1, 1))
    assert ema.count == 0
    with pytest.raises(ValueError, match=r"decay to be at least 0 and at most 1, got 1.5"):
        ExponentialMovingAverage(network(), decay=1.5)
    with pytest.raises(TypeError, match="a Module or Tensors, got float at position 0"):
        ExponentialMovingAverage([1.0])
