"""Embedding, EmbeddingBag and Bilinear against torch's."""

import numpy as np
import pytest

import lucid
from lucid import nn

pytestmark = pytest.mark.parity
torch = pytest.importorskip("torch")

WORDS = np.array([[0, 2, 2, 4], [4, 1, 0, 2]])
LINE, STARTS = np.array([0, 2, 2, 4, 1, 4]), np.array([0, 3, 3])

EMBEDDINGS = [{}, {"padding_idx": 2}, {"padding_idx": -1}, {"scale_grad_by_freq": True},
              {"max_norm": 1.0}, {"max_norm": 0.5, "norm_type": 1.0}]  # fmt: skip
BAGS = [{"mode": m} for m in ("sum", "mean", "max")]
BAGS += [{**b, "padding_idx": 2} for b in BAGS]
BAGS += [{"max_norm": 1.0}]


def compare(ours, theirs, inputs, weights=None):
    assert repr(ours) == repr(theirs)
    ours.load_state_dict(theirs.state_dict())
    mine = [lucid.tensor(i) for i in inputs]
    other = [torch.tensor(i) for i in inputs]
    for values, tensors in ((weights, mine), (weights, other)):
        if values is not None:
            make = lucid.tensor if tensors is mine else torch.tensor
            tensors += [None] * (2 - len(tensors)) + [make(values, requires_grad=True)]
    y, z = ours(*mine), theirs(*other)
    np.testing.assert_allclose(y.numpy(), z.detach().numpy(), rtol=1e-6, atol=1e-6)
    ((y + 1) ** 2).sum().backward()  # padding rows are zeros, and count
    ((z + 1) ** 2).sum().backward()
    gradient = ours.weight.grad.numpy()
    np.testing.assert_allclose(gradient, theirs.weight.grad.numpy(), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(ours.weight.numpy(), theirs.weight.detach().numpy(), rtol=1e-6)
    if weights is not None:
        np.testing.assert_allclose(
            mine[-1].grad.numpy(), other[-1].grad.numpy(), rtol=1e-5, atol=1e-6
        )


@pytest.mark.parametrize("settings", EMBEDDINGS)
def test_embedding(settings):
    ours, theirs = nn.Embedding(5, 3, **settings), torch.nn.Embedding(5, 3, **settings)
    assert ours.padding_idx == theirs.padding_idx
    if ours.padding_idx is not None:
        assert not ours.weight[ours.padding_idx].any()
    compare(ours, theirs, [WORDS])


@pytest.mark.parametrize("settings", BAGS)
def test_bag(settings):
    compare(nn.EmbeddingBag(5, 3, **settings), torch.nn.EmbeddingBag(5, 3, **settings), [WORDS])
    both = nn.EmbeddingBag(5, 3, **settings), torch.nn.EmbeddingBag(5, 3, **settings)
    compare(*both, [LINE, STARTS])
    settings = {**settings, "include_last_offset": True}
    both = nn.EmbeddingBag(5, 3, **settings), torch.nn.EmbeddingBag(5, 3, **settings)
    compare(*both, [LINE, np.append(STARTS, 6)])


@pytest.mark.parametrize("inputs", [[WORDS], [LINE, STARTS]])
def test_weights_of_samples(inputs):
    weights = np.random.default_rng(0).normal(size=inputs[0].shape).astype(np.float32)
    both = nn.EmbeddingBag(5, 3, mode="sum"), torch.nn.EmbeddingBag(5, 3, mode="sum")
    compare(*both, inputs, weights)


@pytest.mark.parametrize(("bias", "batch"), [(True, (4,)), (False, (2, 3)), (True, ())])
def test_bilinear(bias, batch):
    ours, theirs = nn.Bilinear(3, 4, 5, bias).double(), torch.nn.Bilinear(3, 4, 5, bias).double()
    assert repr(ours) == repr(theirs)
    ours.load_state_dict(theirs.state_dict())
    rng = np.random.default_rng(0)
    values = rng.normal(size=(*batch, 3)), rng.normal(size=(*batch, 4))
    mine = [lucid.tensor(v, dtype="float64", requires_grad=True) for v in values]
    other = [torch.tensor(v, requires_grad=True) for v in values]
    y, z = ours(*mine), theirs(*other)
    np.testing.assert_allclose(y.numpy(), z.detach().numpy(), atol=1e-12)
    (y**2).sum().backward()
    (z**2).sum().backward()
    named = dict(theirs.named_parameters())
    pairs = [*zip(mine, other, strict=True), *((p, named[n]) for n, p in ours.named_parameters())]
    for a, b in pairs:
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), atol=1e-12)
