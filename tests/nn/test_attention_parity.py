"""Attention against torch's: outputs, weights and all gradients."""

import numpy as np
import pytest

import lucid
from lucid import nn

pytestmark = pytest.mark.parity
torch = pytest.importorskip("torch")

L, S, N, E, H = 4, 5, 3, 6, 2
RNG = np.random.default_rng(0)
CAUSAL = np.triu(np.ones((L, S), bool), 1)
PADDING = np.array([[0, 0, 0, 0, 1], [0, 0, 0, 0, 0], [0, 1, 1, 0, 0]], bool)
FLOATS = RNG.normal(size=(L, S))
SETTINGS = [
    {},
    {"bias": False},
    {"kdim": 3, "vdim": 5},
    {"batch_first": True, "kdim": 3},
    {"add_bias_kv": True, "add_zero_attn": True},
]
MASKS = [
    {},
    {"attn_mask": CAUSAL},
    {"attn_mask": CAUSAL, "key_padding_mask": PADDING},
    {"attn_mask": FLOATS},
    {"attn_mask": np.repeat(CAUSAL[None], N * H, 0), "average_attn_weights": False},
]


def tensors(values):
    return (
        [lucid.tensor(v, dtype="float64", requires_grad=True) for v in values],
        [torch.tensor(v, requires_grad=True) for v in values],
    )


def modules(kind, *args, **settings):
    theirs = getattr(torch.nn, kind)(*args, **settings).double()
    ours = getattr(nn, kind)(*args, **settings).double()
    for p in theirs.parameters():  # some are zeros
        torch.nn.init.normal_(p, std=0.5)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def options(settings):
    """The same for us and for torch."""
    found = []
    for make in (lambda v: lucid.tensor(v, dtype="float64"), torch.tensor):
        boolean = lucid.tensor if make is not torch.tensor else torch.tensor
        found.append({
            k: (boolean if v.dtype == bool else make)(v) if isinstance(v, np.ndarray) else v
            for k, v in settings.items()
        })  # fmt: skip
    return found


def compare(ours, theirs, leaves, outputs, atol=1e-11):
    losses = [0.0, 0.0]
    rng = np.random.default_rng(3)
    for y, z in zip(*outputs, strict=True):
        if z is None:
            assert y is None
            continue
        np.testing.assert_allclose(y.numpy(), z.detach().numpy(), atol=atol)
        w = rng.normal(size=y.shape)
        losses[0] = losses[0] + (y * lucid.tensor(w, dtype="float64")).sum()
        losses[1] = losses[1] + (z * torch.tensor(w)).sum()
    for loss in losses:
        loss.backward()
    named = dict(theirs.named_parameters()) if theirs is not None else {}
    pairs = list(zip(*leaves, strict=True))
    pairs += [(p, named[n]) for n, p in ours.named_parameters()] if named else []
    for a, b in pairs:
        assert (a.grad is None) == (b.grad is None)
        if b.grad is not None:
            np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), atol=atol)


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("masks", MASKS)
@pytest.mark.parametrize("need_weights", [True, False])
def test_multihead(settings, masks, need_weights):
    ours, theirs = modules("MultiheadAttention", E, H, **settings)
    shapes = [(L, N, E), (S, N, settings.get("kdim", E)), (S, N, settings.get("vdim", E))]
    if settings.get("batch_first"):
        shapes = [(b, a, c) for a, b, c in shapes]
    leaves = tensors([RNG.normal(size=s) for s in shapes])
    mine, other = options({**masks, "need_weights": need_weights})
    compare(ours, theirs, leaves, (ours(*leaves[0], **mine), theirs(*leaves[1], **other)))


@pytest.mark.parametrize("need_weights", [True, False])
def test_self_attention_unbatched(need_weights):
    ours, theirs = modules("MultiheadAttention", E, H)
    leaves = tensors([RNG.normal(size=(L, E))])
    (x,), (z,) = leaves
    mask = np.triu(np.ones((L, L), bool), 1)
    mine, other = options({"attn_mask": mask, "need_weights": need_weights, "is_causal": True})
    compare(ours, theirs, leaves, (ours(x, x, x, **mine), theirs(z, z, z, **other)))


def test_queries_that_see_nothing():
    ours, theirs = modules("MultiheadAttention", E, H)
    leaves = tensors([RNG.normal(size=(L, N, E))])
    (x,), (z,) = leaves
    padding = np.array([[1, 1, 1, 1], [0, 0, 1, 1], [1, 0, 0, 0]], bool)
    mine, other = options({"key_padding_mask": padding, "need_weights": False})
    compare(ours, theirs, leaves, (ours(x, x, x, **mine), theirs(z, z, z, **other)))
    with_weights = ours(x, x, x, key_padding_mask=lucid.tensor(padding))
    expected = theirs(z, z, z, key_padding_mask=torch.tensor(padding))
    for a, b in zip(with_weights, expected, strict=True):
        np.testing.assert_allclose(a.numpy(), b.detach().numpy(), atol=1e-12)  # NaN


def test_learned_bias_of_the_scores():
    F, G = nn.functional, torch.nn.functional
    shapes = [(N, H, L, E), (N, H, S, E), (N, H, S, E), (H, 1, S)]
    leaves = tensors([RNG.normal(size=s) for s in shapes])
    outputs = [
        [f.scaled_dot_product_attention(*t[:3], t[3])] for f, t in zip((F, G), leaves, strict=True)
    ]
    compare(None, None, leaves, outputs)


def test_gradient_of_the_gradient():
    ours, theirs = modules("MultiheadAttention", E, H)
    (x,), (z,) = tensors([RNG.normal(size=(L, N, E))])
    for layer, t, grad in ((ours, x, lucid.autograd.grad), (theirs, z, torch.autograd.grad)):
        y = layer(t, t, t, need_weights=layer is theirs)[0]  # torch's own kernel has no second
        (g,) = grad((y**2).sum(), [t], create_graph=True)
        (g**2).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), z.grad.numpy(), rtol=1e-9, atol=1e-9)
