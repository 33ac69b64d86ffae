"""Functions of lucid.nn.functional that are made of several operations."""

import numpy as np

import lucid
import lucid.nn.functional as F
from gradient_cases import MIXED
from lucid.ops.keys import branch

SIGNAL = np.array([[[0.3, -1.2, 2.2, 0.9, -0.4, 1.7], [1.1, 0.2, -0.7, -2.1, 0.6, 0.1]]])
PLANE = SIGNAL.reshape(1, 1, 3, 4)
WORDS = lucid.tensor([[0, 2], [1, 1]])
PROJECTIONS = np.random.default_rng(0).normal(size=(12, 4)) / 2


def random(function, *settings, **named):
    """The function with the same random numbers every time."""

    def call(x):
        with branch(3):
            return function(x, *settings, **named)

    return call


def heads(x, weight, bias, out):
    """Self-attention with two heads of two channels."""
    settings = {"add_zero_attn": False, "dropout_p": 0.0, "out_proj_bias": None}
    return F.multi_head_attention_forward(
        x, x, x, 4, 2, weight, bias, None, None, out_proj_weight=out, **settings
    )[0]


def unpooled(pool, unpool):
    def call(x):
        y, index = pool(x, 2, return_indices=True)
        return unpool(y * y, index, 2)

    return call


CASES = {
    "adaptive_avg_pool1d": (lambda x: F.adaptive_avg_pool1d(x, 4) ** 2, SIGNAL),
    "adaptive_avg_pool2d": (lambda x: F.adaptive_avg_pool2d(x, (2, 3)) ** 2, PLANE),
    "adaptive_max_pool1d": (lambda x: F.adaptive_max_pool1d(x, 4) ** 2, SIGNAL),
    "adaptive_max_pool1d_with_indices": (
        lambda x: F.adaptive_max_pool1d_with_indices(x, 2)[0],
        SIGNAL,
    ),
    "adaptive_max_pool2d": (lambda x: F.adaptive_max_pool2d(x, (2, 3)) ** 2, PLANE),
    "adaptive_max_pool2d_with_indices": (
        lambda x: F.adaptive_max_pool2d_with_indices(x, 2)[0],
        PLANE,
    ),
    "alpha_dropout": (random(F.alpha_dropout, 0.5, training=True), MIXED),
    "apply_rotary": (lambda x, a: F.apply_rotary(x, a.cos(), a.sin()), (1, 2, 4), (2, 2)),
    "avg_pool1d": (lambda x: F.avg_pool1d(x, 3, 2, 1, count_include_pad=False) ** 2, SIGNAL),
    "batch_norm": (
        lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
        SIGNAL,
        (2,),
        (2,),
    ),
    "bilinear": (F.bilinear, (2, 3), (2, 2), (2, 3, 2), (2,)),
    "channel_shuffle": (lambda x: F.channel_shuffle(x, 2), (1, 4, 2)),
    "cosine_similarity": (lambda x, y: F.cosine_similarity(x, y), MIXED, (2, 3)),
    "ctc_loss": (
        lambda x: F.ctc_loss(x.log_softmax(-1), lucid.tensor([[1, 2]]), (4,), (2,)),
        (4, 1, 3),
    ),
    "dropout": (random(F.dropout, 0.5), MIXED),
    "dropout1d": (random(F.dropout1d, 0.5), SIGNAL),
    "dropout2d": (random(F.dropout2d, 0.5), PLANE),
    "embedding": (lambda w: F.embedding(WORDS, w) ** 2, (3, 2)),
    "embedding_bag": (lambda w: F.embedding_bag(WORDS, w, mode="mean") ** 2, (3, 2)),
    "feature_alpha_dropout": (random(F.feature_alpha_dropout, 0.5, training=True), SIGNAL),
    "group_norm": (lambda x, w, b: F.group_norm(x, 1, w, b), SIGNAL, (2,), (2,)),
    "gumbel_softmax": (random(F.gumbel_softmax, tau=0.7), MIXED),
    "huber_loss": (lambda x, y: F.huber_loss(x, y, delta=0.5), MIXED, (2, 3)),
    "instance_norm": (lambda x: F.instance_norm(x), SIGNAL),
    "linear": (F.linear, (2, 3), (2, 3), (2,)),
    "lp_pool1d": (lambda x: F.lp_pool1d(x, 3.0, 2), (1, 2, 6)),
    "lp_pool2d": (lambda x: F.lp_pool2d(x, 2.0, 2), (1, 1, 4, 4)),
    "max_pool1d": (lambda x: F.max_pool1d(x, 2, 1, 1, 2, ceil_mode=True) ** 2, SIGNAL),
    "max_pool1d_with_indices": (lambda x: F.max_pool1d_with_indices(x, 2)[0], SIGNAL),
    "max_pool2d_with_indices": (lambda x: F.max_pool2d_with_indices(x, 2)[0], PLANE),
    "max_unpool1d": (unpooled(F.max_pool1d, F.max_unpool1d), SIGNAL),
    "max_unpool2d": (unpooled(F.max_pool2d, F.max_unpool2d), PLANE),
    "mse_loss": (lambda x, y: F.mse_loss(x, y), MIXED, (2, 3)),
    "multi_head_attention_forward": (heads, (2, 1, 4), PROJECTIONS, (12,), PROJECTIONS[:4]),
    "pixel_shuffle1d": (lambda x: F.pixel_shuffle1d(x, 2), (1, 4, 2)),
    "pixel_unshuffle": (lambda x: F.pixel_unshuffle(x, 2), (1, 1, 2, 4)),
    "pixel_unshuffle1d": (lambda x: F.pixel_unshuffle1d(x, 2), (1, 2, 4)),
    "relu6": (F.relu6, 3 * MIXED),
    "rrelu": (random(F.rrelu, training=True), MIXED),
    "scaled_dot_product_attention": (
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
        (1, 2, 3, 2),
        (1, 2, 3, 2),
        (1, 2, 3, 2),
    ),
    "softmin": (lambda x: F.softmin(x, -1), MIXED),
    "triplet_margin_with_distance_loss": (
        lambda a, p, n: F.triplet_margin_with_distance_loss(a, p, n, margin=2.0),
        MIXED,
        (2, 3),
        (2, 3),
    ),
    "upsample": (lambda x: F.upsample(x, scale_factor=2, mode="linear"), SIGNAL),
    "upsample_bilinear": (lambda x: F.upsample_bilinear(x, (4, 6)), PLANE),
    "upsample_nearest": (lambda x: F.upsample_nearest(x, scale_factor=2), PLANE),
}
