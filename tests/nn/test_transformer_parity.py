"""Transformers against torch's: outputs and the gradients of inputs and parameters."""

import numpy as np
import pytest

import lucid
from lucid import nn

pytestmark = pytest.mark.parity
torch = pytest.importorskip("torch")

L, S, N, E = 4, 5, 2, 6
SETTINGS = [
    {},
    {"norm_first": True, "activation": "gelu", "batch_first": True},
    {"bias": False, "layer_norm_eps": 1e-3},
]
PADDING = np.array([[0, 0, 0, 0, 1], [0, 0, 0, 1, 1]], bool)


def modules(make, settings):
    """The same layer of ours and of torch's, with the same weights, and without dropout."""
    theirs, ours = (make(root, {"dropout": 0.0, **settings}).double() for root in (torch.nn, nn))
    for p in theirs.parameters():
        torch.nn.init.normal_(p, std=0.5)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def compare(ours, theirs, shapes, masks):
    rng = np.random.default_rng(1)
    values = [rng.normal(size=s) for s in shapes]
    mine = [lucid.tensor(v, dtype="float64", requires_grad=True) for v in values]
    other = [torch.tensor(v, requires_grad=True) for v in values]
    y = ours(*mine, **{k: lucid.tensor(v) for k, v in masks.items()})
    z = theirs(*other, **{k: torch.tensor(v) for k, v in masks.items()})
    np.testing.assert_allclose(y.numpy(), z.detach().numpy(), atol=1e-11)
    (y * y).sum().backward()
    (z * z).sum().backward()
    named = dict(theirs.named_parameters())
    pairs = [*zip(mine, other, strict=True), *((p, named[n]) for n, p in ours.named_parameters())]
    for a, b in pairs:
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-9, atol=1e-9)


def shape(settings, *sizes):
    return [(N, n, E) if settings.get("batch_first") else (n, N, E) for n in sizes]


def causal(n):
    return np.triu(np.ones((n, n), bool), 1)


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("masks", [{}, {"src_mask": causal(S), "src_key_padding_mask": PADDING}])
def test_encoder_layer(settings, masks):
    pair = modules(lambda m, s: m.TransformerEncoderLayer(E, 2, 7, **s), settings)
    compare(*pair, shape(settings, S), masks)


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("masks", [{}, {"tgt_mask": causal(L), "memory_key_padding_mask": PADDING}])
def test_decoder_layer(settings, masks):
    pair = modules(lambda m, s: m.TransformerDecoderLayer(E, 2, 7, **s), settings)
    compare(*pair, shape(settings, L, S), masks)


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
@pytest.mark.filterwarnings("ignore:.*nested tensors is in prototype")
def test_stacks():
    def encoder(m, s):
        return m.TransformerEncoder(m.TransformerEncoderLayer(E, 2, 7, **s), 2, m.LayerNorm(E))

    def decoder(m, s):
        return m.TransformerDecoder(m.TransformerDecoderLayer(E, 2, 7, **s), 2)

    compare(*modules(encoder, {}), shape({}, S), {"mask": causal(S)})
    compare(*modules(decoder, {}), shape({}, L, S), {"tgt_mask": causal(L)})


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
@pytest.mark.parametrize("settings", SETTINGS)
def test_transformer(settings):
    pair = modules(lambda m, s: m.Transformer(E, 2, 1, 2, 7, **s), settings)
    masks = {"tgt_mask": causal(L), "src_key_padding_mask": PADDING,
             "memory_key_padding_mask": PADDING}  # fmt: skip
    compare(*pair, shape(settings, S, L), masks)
    ours, theirs = (m.Transformer.generate_square_subsequent_mask(3) for m in (nn, torch.nn))
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
