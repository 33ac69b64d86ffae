"""Normalisation: accuracy, running statistics, memory, refusals."""

import mlx.core as mx
import numpy as np
import pytest

import lucid
from lucid import nn

F = nn.functional


def test_a_large_offset_costs_no_accuracy(rng):
    x = rng.normal(300.0, 0.5, (8, 4, 500)).astype(np.float32)
    wide = x.astype(np.float64)
    for y, axes in (
        (nn.BatchNorm1d(4)(lucid.tensor(x)), (0, 2)),
        (nn.GroupNorm(1, 4)(lucid.tensor(x)), (1, 2)),
        (nn.LayerNorm(500)(lucid.tensor(x)), (2,)),
    ):
        mean, var = wide.mean(axes, keepdims=True), wide.var(axes, keepdims=True)
        # x itself is rounded to 2**-16 of 300, so the mean can be known to some 1e-5 only
        np.testing.assert_allclose(y.numpy(), (wide - mean) / np.sqrt(var + 1e-5), atol=3e-4)


def test_statistics_are_the_unbiased_ones():
    norm = nn.BatchNorm1d(1, momentum=1.0)
    norm(lucid.tensor([[1.0], [2.0], [6.0]]))
    np.testing.assert_allclose(norm.running_mean.numpy(), [3.0], rtol=1e-6)
    np.testing.assert_allclose(norm.running_var.numpy(), [7.0], rtol=1e-6)
    assert norm.num_batches_tracked.item() == 1
    assert norm.num_batches_tracked.dtype == lucid.int64
    norm.reset_running_stats()
    assert norm.running_var.item() == 1.0
    assert norm.num_batches_tracked.item() == 0


def test_running_statistics_hold_no_graph():
    norm = nn.BatchNorm1d(8)

    def after(steps):
        for _ in range(steps):
            norm(lucid.randn(16, 8, 1000))  # half a megabyte that nobody evaluates
        mx.eval(norm.running_mean.array, norm.num_batches_tracked.array)
        return mx.get_active_memory()

    few = after(5)
    assert after(200) < few + 1_000_000
    norm.train()
    with lucid.no_grad():
        assert after(200) < few + 1_000_000


def test_the_buffers_stay_the_same_tensors():
    norm = nn.BatchNorm1d(2)
    mean = norm.running_mean
    norm(lucid.randn(4, 2))
    assert norm.running_mean is mean
    assert not mean.requires_grad


def test_evaluation_changes_nothing():
    norm = nn.BatchNorm1d(2).eval()
    norm(lucid.randn(4, 2) + 5)
    assert norm.running_mean.tolist() == [0.0, 0.0]
    assert norm(lucid.ones(1, 2)).shape == (1, 2)


def test_batch_norm_refuses():
    norm = nn.BatchNorm1d(3)
    with pytest.raises(ValueError, match=r"more than one value per channel, got x of shape \(1, 3"):
        norm(lucid.ones(1, 3))
    with pytest.raises(ValueError, match=r"expects x of shape \(N, 3\) or \(N, 3, L\), got \(2, 4"):
        norm(lucid.ones(2, 4))
    with pytest.raises(ValueError, match="eps must be positive, got 0"):
        nn.BatchNorm1d(3, eps=0)(lucid.ones(2, 3))
    with pytest.raises(TypeError, match="expects a Tensor, got ndarray"):
        norm(np.ones((2, 3)))
    with pytest.raises(TypeError, match="num_features must be an int, got bool: True"):
        nn.BatchNorm1d(True)
    with pytest.raises(ValueError, match="num_features must be at least 1, got 0"):
        nn.BatchNorm1d(0)
    with pytest.raises(ValueError, match="needs running_mean and running_var"):
        F.batch_norm(lucid.ones(2, 3), None, None)
    with pytest.raises(ValueError, match=r"must have shape \(3,\), got \(2,\)"):
        F.batch_norm(lucid.ones(2, 3), None, None, lucid.ones(2), training=True)


def test_a_refused_batch_leaves_the_count_alone():
    norm = nn.BatchNorm1d(3)
    with pytest.raises(ValueError, match="more than one value"):
        norm(lucid.ones(1, 3))
    assert norm.num_batches_tracked.item() == 0


def test_the_other_norms_refuse():
    with pytest.raises(ValueError, match="num_channels=5 must be divisible by num_groups=2"):
        nn.GroupNorm(2, 5)
    with pytest.raises(ValueError, match=r"GroupNorm expects x of shape \(N, 4, ...\), got \(2, 5"):
        nn.GroupNorm(2, 4)(lucid.ones(2, 5, 3))
    with pytest.raises(ValueError, match=r"layer_norm expects x of shape \(..., 4\), got \(2, 5\)"):
        nn.LayerNorm(4)(lucid.ones(2, 5))
    with pytest.raises(ValueError, match="at least one size"):
        nn.LayerNorm(())
    with pytest.raises(ValueError, match=r"InstanceNorm1d expects x of shape \(N, 4, L\)"):
        nn.InstanceNorm1d(4)(lucid.ones(2, 5, 3))
    with pytest.raises(ValueError, match="more than one value per channel"):
        nn.InstanceNorm1d(4)(lucid.ones(2, 4, 1))
    for norm in (nn.GroupNorm(2, 4), nn.BatchNorm1d(4), nn.LayerNorm(4)):
        with pytest.raises(TypeError, match="floating point"):
            norm(lucid.ones(2, 4, 4, dtype="int32"))


@pytest.mark.parametrize("shape", [(0, 4, 5), (2, 4, 0)])
def test_nothing_in_nothing_out(shape):
    for norm in (nn.GroupNorm(2, 4), nn.BatchNorm1d(4).eval(), nn.LayerNorm(shape[2] or 1)):
        if isinstance(norm, nn.LayerNorm) and shape[2] == 0:
            continue
        x = lucid.zeros(shape, requires_grad=True)
        y = norm(x)
        assert y.shape == shape
        y.backward()
        assert x.grad.shape == shape
