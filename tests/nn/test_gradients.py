"""The hand-written backward rules against central differences in float64, twice."""

import numpy as np
import pytest

import lucid
from lucid import nn

F = nn.functional
RNG = np.random.default_rng(3)


def normal(*shape):
    return RNG.normal(size=shape)


@pytest.mark.parametrize("shape", [(3, 2, 3), (4, 2)])
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm(gradcheck, shape, training):
    mean, var = (lucid.tensor(v, dtype="float64") for v in ([0.1, -0.2], [0.5, 2.0]))
    running = (None, None) if training else (mean, var)
    gradcheck(
        lambda x, w, b: F.batch_norm(x, *running, w, b, training=training, eps=0.01),
        normal(*shape), normal(2), normal(2),
    )  # fmt: skip


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_group_norm(gradcheck, groups):
    gradcheck(
        lambda x, w, b: F.group_norm(x, groups, w, b, eps=0.01),
        normal(2, 4, 3), normal(4), normal(4),
    )  # fmt: skip


def test_norms_without_affine(gradcheck):
    gradcheck(lambda x: F.group_norm(x, 2, eps=0.01), normal(2, 4, 2))
    gradcheck(lambda x: F.instance_norm(x, eps=0.01), normal(2, 2, 3))
    gradcheck(lambda x: F.layer_norm(x, (3,), eps=0.01), normal(2, 3))


@pytest.mark.parametrize("shape", [(3,), (2, 3)])
def test_layer_norm(gradcheck, shape):
    gradcheck(
        lambda x, w, b: F.layer_norm(x, shape, w, b, eps=0.01),
        normal(2, 2, 3), normal(*shape), normal(*shape),
    )  # fmt: skip


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_cross_entropy(gradcheck, smoothing):
    target = lucid.tensor([[0, 2], [-1, 1]])
    gradcheck(
        lambda x: F.cross_entropy(x, target, ignore_index=-1, label_smoothing=smoothing),
        normal(2, 3, 2),
    )
    gradcheck(
        lambda x, q: F.cross_entropy(x, q, label_smoothing=smoothing, reduction="none"),
        normal(2, 3), RNG.random((2, 3)),
    )  # fmt: skip
    gradcheck(lambda x: F.nll_loss(x, target, ignore_index=-1), normal(2, 3, 2))


def test_elementwise_losses(gradcheck):
    x, t = normal(2, 3), RNG.random((2, 3))
    gradcheck(lambda x, t: F.huber_loss(x, t, "none", 0.5), x, t)
    gradcheck(lambda x, t: F.mse_loss(x, t), x, t)
    gradcheck(
        lambda x, t, p: F.binary_cross_entropy_with_logits(x, t, pos_weight=p),
        x, t, RNG.random(3),
    )  # fmt: skip


def test_pooling(gradcheck):
    x = normal(2, 9)
    gradcheck(lambda x: F.max_pool1d(x, 3, 2, 1), x)
    gradcheck(lambda x: F.max_pool1d(x, 2, 1, 1, 2, ceil_mode=True) ** 2, x)
    gradcheck(lambda x: F.avg_pool1d(x, 3, 2, 1, count_include_pad=False) ** 2, x)
    gradcheck(lambda x: F.avg_pool1d(x, 4, ceil_mode=True) ** 2, x)
    gradcheck(lambda x: F.adaptive_avg_pool1d(x, 4) ** 2, x)
    gradcheck(lambda x: F.adaptive_max_pool1d(x, 4) ** 2, x)


@pytest.mark.parametrize(
    "function", [F.hardtanh, F.hardswish, F.mish, F.selu, F.softsign, F.logsigmoid, F.glu]
)
def test_activations(gradcheck, function):
    gradcheck(function, normal(3, 4))
