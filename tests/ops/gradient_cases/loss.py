"""Losses."""

import mlx.core as mx
import numpy as np

import lucid
import lucid.nn.functional as F
from gradient_cases import MIXED
from lucid.ops import loss

LABELS = lucid.tensor([2, 0])
SIGNS = lucid.tensor([1.0, -1.0])


def alignments(x, **settings):
    """The loss of logits (4, 2, 3): the gradient is that of normalised log-probabilities."""
    targets = lucid.tensor([[1, 1], [2, 0]])
    return F.ctc_loss(x.log_softmax(-1), targets, (4, 3), (2, 1), reduction="none", **settings)


CASES = {
    "binary_cross_entropy": (loss.binary_cross_entropy, (2, 3), (2, 3)),
    "binary_cross_entropy_with_logits": (
        loss.binary_cross_entropy_with_logits,
        MIXED,
        (2, 3),
        (3,),
    ),
    "huber": (lambda x, y: loss.huber(x, y, delta=1.0), MIXED, (2, 3)),
    "soft_cross_entropy": (
        lambda x, q: loss.soft_cross_entropy(x, q, axis=1),
        MIXED,
        (2, 3),
    ),
    "cross_entropy at a class": (
        lambda x: loss.cross_entropy(x, mx.array([2, 0]), mx.array([0.5, 2.0]), axis=1),
        MIXED,
    ),
    "picked": (lambda x: loss.picked(x, mx.array([2, 0]), mx.array([0.5, 2.0]), axis=1), (2, 3)),
    "cosine_embedding_loss": (
        lambda x, y: F.cosine_embedding_loss(x, y, SIGNS, margin=-0.5),
        MIXED,
        (2, 3),
    ),
    "cross_entropy": (lambda x: F.cross_entropy(x, LABELS, label_smoothing=0.1), MIXED),
    "ctc": (alignments, (4, 2, 3)),
    "ctc of one class": (lambda x: alignments(x, blank=2), (4, 2, 3)),
    "gaussian_nll_loss": (lambda x, y, v: F.gaussian_nll_loss(x, y, v), MIXED, (2, 3), (2, 1)),
    "hinge_embedding_loss": (lambda x: F.hinge_embedding_loss(x, SIGNS[:, None]), MIXED),
    "kl_div": (lambda x, y: F.kl_div(x, y, reduction="batchmean"), MIXED, (2, 3)),
    "kl_div of logarithms": (lambda x, y: F.kl_div(x, y, log_target=True), MIXED, (2, 3)),
    "l1_loss": (lambda x, y: F.l1_loss(x, y), MIXED, (2, 3)),
    "margin_ranking_loss": (
        lambda x, y: F.margin_ranking_loss(x, y, SIGNS[:, None], margin=0.3),
        MIXED,
        (2, 3),
    ),
    "multi_margin_loss": (lambda x: F.multi_margin_loss(x, LABELS, p=2), MIXED),
    "multilabel_margin_loss": (
        lambda x: F.multilabel_margin_loss(x, lucid.tensor([[2, -1, 0], [0, 1, -1]])),
        MIXED,
    ),
    "multilabel_soft_margin_loss": (F.multilabel_soft_margin_loss, MIXED, (2, 3)),
    "nll_loss": (lambda x: F.nll_loss(x, LABELS), MIXED),
    "poisson_nll_loss": (lambda x, y: F.poisson_nll_loss(x, 1 + y, full=True), MIXED, (2, 3)),
    "poisson_nll_loss of rates": (
        lambda x, y: F.poisson_nll_loss(x, y, log_input=False),
        (2, 3),
        (2, 3),
    ),
    "smooth_l1_loss": (lambda x, y: F.smooth_l1_loss(x, y, beta=0.7), MIXED, (2, 3)),
    "soft_margin_loss": (lambda x: F.soft_margin_loss(x, SIGNS[:, None]), MIXED),
    "triplet_margin_loss": (
        lambda x, y, z: F.triplet_margin_loss(x, y, z, margin=2.0, swap=True),
        MIXED,
        (2, 3),
        np.cos(MIXED),
    ),
}
