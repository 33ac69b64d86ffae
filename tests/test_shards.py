"""Large arrays in shards: the same numbers, gradients and messages as without."""

import gc
import threading

import mlx.core as mx
import numpy as np
import pytest

import lucid
import lucid.nn.functional as F
from lucid import _shards, nn
from lucid._sums import sum_over

N, C, L = 5, 8, 1 << 12  # five samples: shards of unequal lengths


@pytest.fixture(params=[2, 3, 8])
def cores(request, monkeypatch):
    monkeypatch.setattr(_shards, "_cores", request.param)
    return request.param


def signal(seed=0, shape=(N, C, L)):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def network():
    lucid.manual_seed(0)
    return nn.Sequential(
        nn.Conv1d(C, 2 * C, 5, padding=2, bias=False),
        nn.BatchNorm1d(2 * C),
        nn.PReLU(2 * C),
        nn.Conv1d(2 * C, 2 * C, 3, padding=2, dilation=2, groups=2 * C),
        nn.GroupNorm(1, 2 * C),
        nn.Tanh(),
        nn.ConvTranspose1d(2 * C, C, 8, stride=4, padding=2),
        nn.LeakyReLU(),
    )


def values(model, x):
    """The loss, the gradient of the batch and of the parameters, and the buffers."""
    x = lucid.from_numpy(x).requires_grad_()
    y = lucid.cat([model(x), F.interpolate(x, scale_factor=4)], dim=1)[:, 1:]
    loss = (y * y.abs()).squeeze(-2).mean() + y.flatten(1).std(dim=1).sum()
    loss.backward()
    found = [loss, x.grad, *(p.grad for p in model.parameters()), *model.buffers()]
    return [tensor.numpy() for tensor in found]


def test_a_network_computes_the_same(cores, monkeypatch):
    in_shards = values(network(), signal())
    monkeypatch.setattr(_shards, "_cores", 1)
    whole = values(network(), signal())
    for ours, expected in zip(in_shards, whole, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=2e-5, atol=2e-5 * np.abs(expected).max())


def test_shards_go_from_operation_to_operation(cores):
    x = lucid.from_numpy(signal())
    y = lucid.relu(F.conv1d(x, lucid.from_numpy(signal(1, (C, C, 3)))) + 1)
    shards = _shards.of(y.array)
    assert [len(shard) for shard in shards] == [
        N * (i + 1) // min(cores, N) - N * i // min(cores, N) for i in range(min(cores, N))
    ]
    np.testing.assert_array_equal(np.concatenate([np.array(s) for s in shards]), y.numpy())


def test_small_arrays_are_whole(cores, monkeypatch):
    monkeypatch.setattr(_shards, "LEAST", 1 << 17)
    x = lucid.ones(4, 8)
    assert _shards.of(lucid.exp(x + x).array) is None


def test_shards_go_with_their_array(cores):
    x = lucid.from_numpy(signal())
    y = x + x
    gc.collect()
    before = len(_shards._known)
    assert _shards.of(y.array) is not None
    del x, y
    gc.collect()
    assert len(_shards._known) == before - 1


def test_a_tensor_that_was_evaluated_is_held_once(cores):
    x = lucid.from_numpy(signal()).eval()
    mx.synchronize()
    gc.collect()
    before = mx.get_active_memory()
    y = (x + 1).eval()
    assert mx.get_active_memory() - before < 1.5 * y.array.nbytes
    np.testing.assert_array_equal((y + 1).numpy(), signal() + 1 + 1)


def test_an_array_of_mlx_may_be_written_to(cores):
    array = mx.array(signal())
    before = sum_over(array, (0, 1, 2)).item()
    array[:, 0, 0] = array[:, 0, 0] + 100.0
    assert sum_over(array, (0, 1, 2)).item() == pytest.approx(before + 100 * N, rel=1e-4)


def test_an_error_speaks_of_the_whole_arrays(cores):
    x = lucid.from_numpy(signal())
    shapes = rf"inputs: float32\[{N}, {C}, {L}\], float32\[2, {C}, {L}\]"
    with pytest.raises(ValueError, match=shapes):
        x + x[:2]


def test_what_does_not_fit_as_a_whole_fits_no_shard(cores, monkeypatch):
    monkeypatch.setattr(_shards, "LEAST", 2)
    x = lucid.ones(2 * cores, 3)  # shards of two samples
    with pytest.raises(ValueError, match="stack"):
        lucid.stack([x[:cores], x[:1]], dim=1)
    with pytest.raises(ValueError, match=rf"{2 * cores}"):
        F.linear(x, lucid.ones(3, 3), lucid.zeros(2, 3))


@pytest.mark.parametrize("dtype", [lucid.float32, lucid.bfloat16])
def test_numpy_reads_the_shards(cores, dtype):
    x = lucid.from_numpy(signal()).to(dtype)
    y = x + x
    mx.eval(_shards.of(y.array))
    before = mx.get_active_memory()
    values = y.numpy()
    assert mx.get_active_memory() < before + y.array.nbytes  # the whole is not kept beside them
    np.testing.assert_array_equal(values, 2 * x.numpy())


def test_a_small_tensor_before_a_large_one(cores):
    assert _shards.of((lucid.full((1,), 2.0) * lucid.from_numpy(signal())).array) is not None


def test_a_large_tensor_beside_a_small_batch_is_shared(cores):
    x, row = lucid.from_numpy(signal()), lucid.from_numpy(signal(1, (1, C, L)))
    row.requires_grad_()
    (x * row).sum().backward()
    expected = signal().sum(0, keepdims=True)
    np.testing.assert_allclose(row.grad.numpy(), expected, rtol=1e-4, atol=1e-5)


def test_normalisation_over_the_samples_is_of_the_whole(cores):
    x = signal(0, (N, C * L))
    y = F.layer_norm(lucid.from_numpy(x), x.shape).numpy()
    np.testing.assert_allclose(y, (x - x.mean()) / x.std(), rtol=1e-3, atol=1e-4)


def test_sums_over_any_axes(cores):
    x = signal()
    for dim in [None, 0, 1, 2, (0, 1), (0, 2), (1, 2)]:
        for keepdim in (False, True):
            ours = lucid.from_numpy(x).sum(dim=dim, keepdim=keepdim).numpy()
            expected = x.astype(np.float64).sum(axis=dim, keepdims=keepdim)
            np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=2e-3)


def test_a_gradient_of_a_gradient(cores):
    x = lucid.from_numpy(signal()).requires_grad_()
    (slope,) = lucid.autograd.grad((x**3).sum(), x, create_graph=True)
    slope.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 6 * signal(), rtol=1e-6)


def test_each_thread_has_streams_of_its_own(cores):
    found = []

    def work():
        y = lucid.tanh(lucid.from_numpy(signal()) * 2)
        found.append(y.numpy())

    for _ in range(2):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    np.testing.assert_allclose(found[0], np.tanh(2 * signal()), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(*found)


def test_on_a_gpu_nothing_is_cut(cores, monkeypatch):
    monkeypatch.setattr(_shards, "on_cpu", lambda: False)
    assert not _shards.pays(mx.zeros((4, _shards.LEAST)))
