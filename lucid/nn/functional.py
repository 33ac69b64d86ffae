"""Stateless functions under the names of `torch.nn.functional`."""

from __future__ import annotations

import sys

from lucid.nn.adaptive_pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_max_pool1d,
    adaptive_max_pool1d_with_indices,
    adaptive_max_pool2d,
    adaptive_max_pool2d_with_indices,
)
from lucid.nn.attention import multi_head_attention_forward, scaled_dot_product_attention
from lucid.nn.bilinear import bilinear
from lucid.nn.convolution import conv1d, conv_transpose1d
from lucid.nn.convolution2d import conv2d, conv_transpose2d
from lucid.nn.dropout import (
    alpha_dropout,
    dropout,
    dropout1d,
    dropout2d,
    feature_alpha_dropout,
)
from lucid.nn.embedding import embedding, one_hot
from lucid.nn.embedding_bag import embedding_bag
from lucid.nn.folding import fold, unfold
from lucid.nn.in_place import (
    celu,
    celu_,
    elu,
    elu_,
    hardsigmoid,
    hardswish,
    hardtanh,
    hardtanh_,
    leaky_relu,
    leaky_relu_,
    mish,
    relu,
    relu6,
    relu_,
    rrelu,
    rrelu_,
    selu,
    selu_,
    silu,
    threshold,
    threshold_,
)
from lucid.nn.linear import linear
from lucid.nn.losses.binary import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    kl_div,
    multilabel_soft_margin_loss,
    soft_margin_loss,
)
from lucid.nn.losses.classes import cross_entropy, nll_loss
from lucid.nn.losses.ctc import ctc_loss
from lucid.nn.losses.margin import (
    cosine_embedding_loss,
    hinge_embedding_loss,
    margin_ranking_loss,
    multi_margin_loss,
    multilabel_margin_loss,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)
from lucid.nn.losses.regression import (
    gaussian_nll_loss,
    huber_loss,
    l1_loss,
    mse_loss,
    poisson_nll_loss,
    smooth_l1_loss,
)
from lucid.nn.normalization import (
    batch_norm,
    channel_layer_norm,
    cumulative_layer_norm,
    group_norm,
    instance_norm,
    layer_norm,
    local_response_norm,
    normalize,
    rms_norm,
)
from lucid.nn.pooling import (
    avg_pool1d,
    avg_pool2d,
    lp_pool1d,
    lp_pool2d,
    max_pool1d,
    max_pool1d_with_indices,
    max_pool2d,
    max_pool2d_with_indices,
    max_unpool1d,
    max_unpool2d,
)
from lucid.nn.resampling import (
    channel_shuffle,
    interpolate,
    pixel_shuffle,
    pixel_shuffle1d,
    pixel_unshuffle,
    pixel_unshuffle1d,
    upsample,
    upsample_bilinear,
    upsample_nearest,
)
from lucid.nn.rotary import apply_rotary
from lucid.nn.similarity import cosine_similarity, pairwise_distance, pdist
from lucid.ops import pad, refusal, sigmoid, tanh
from lucid.ops.activation import (
    gelu,
    glu,
    hardshrink,
    logsigmoid,
    prelu,
    snake,
    softplus,
    softshrink,
    softsign,
    tanhshrink,
)
from lucid.ops.probabilities import (
    gumbel_softmax,
    log_softmax,
    softmax,
    softmin,
)

refusal.refuse_all(sys.modules[__name__])
