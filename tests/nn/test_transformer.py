"""Transformers: what they refuse, and dropout."""

import pytest

import lucid
from lucid import nn


def test_refusals():
    with pytest.raises(ValueError, match='activation must be "relu", "gelu" or a function'):
        nn.TransformerEncoderLayer(8, 2, activation="silu")
    with pytest.raises(ValueError, match="num_layers must be at least 1, got 0"):
        nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 4), 0)
    model = nn.Transformer(8, 2, 1, 1, 4)
    with pytest.raises(ValueError, match=r"8 features and one batch size, got \(3, 2, 8\) and"):
        model(lucid.zeros(3, 2, 8), lucid.zeros(3, 1, 8))


def test_dropout_and_copies():
    layer = nn.TransformerEncoderLayer(8, 2, 4, dropout=0.5, activation=lucid.tanh)
    encoder = nn.TransformerEncoder(layer, 2)
    first, second = (layer.linear1.weight for layer in encoder.layers)
    assert first is not second
    assert first.equal(second)
    x = lucid.randn(3, 2, 8)
    assert not encoder(x).equal(encoder(x))
    encoder.eval()
    assert encoder(x).equal(encoder(x))
