"""Recurrent layers: what they refuse, dropout, long sequences."""

import mlx.core as mx
import numpy as np
import pytest

import lucid
from lucid import _shards, nn
from lucid.ops import recurrent_cells

rnn = nn.utils.rnn


def test_a_thousand_steps_are_one_node_of_the_graph():
    layer = nn.GRU(4, 8)
    x = lucid.randn(1000, 2, 4, requires_grad=True)
    y, _ = layer(x)
    (g,) = lucid.autograd.grad((y**2).sum(), [x], create_graph=True)
    (g**2).sum().backward()
    assert x.grad.isfinite().all()


def test_dropout_acts_between_layers_and_in_training_only():
    layer = nn.LSTM(4, 8, num_layers=2, dropout=0.5)
    x = lucid.randn(3, 2, 4)
    assert not layer(x)[0].equal(layer(x)[0])
    layer.eval()
    assert layer(x)[0].equal(layer(x)[0])
    with pytest.warns(UserWarning, match="dropout acts between layers"):
        nn.LSTM(4, 8, dropout=0.5)


def test_settings_are_checked():
    with pytest.raises(ValueError, match="hidden_size must be at least 1, got 0"):
        nn.LSTM(4, 0)
    with pytest.raises(ValueError, match="proj_size must be smaller than hidden_size=8, got 8"):
        nn.LSTM(4, 8, proj_size=8)
    with pytest.raises(ValueError, match='nonlinearity must be "tanh" or "relu", got \'elu\''):
        nn.RNN(4, 8, nonlinearity="elu")
    with pytest.raises(ValueError, match=r"dropout must be a probability from 0 to 1, got 2"):
        nn.GRU(4, 8, 2, dropout=2)
    with pytest.raises(TypeError, match=r"bias must be a bool, got 0\.5"):
        nn.GRU(4, 8, 2, 0.5)
    with pytest.raises(ValueError, match="mode must be one of LSTM, GRU"):
        nn.RNNBase("lstm", 4, 8)
    with pytest.raises(ValueError, match="only an LSTM takes proj_size"):
        nn.RNNBase("GRU", 4, 8, proj_size=2)


def test_inputs_are_checked():
    layer = nn.LSTM(4, 8)
    with pytest.raises(ValueError, match=r"of shape \(L, N, 4\) or \(L, 4\).*got \(3, 2, 5\)"):
        layer(lucid.zeros(3, 2, 5))
    with pytest.raises(ValueError, match=r"with at least one step, got \(0, 2, 4\)"):
        layer(lucid.zeros(0, 2, 4))
    with pytest.raises(ValueError, match=r"hidden state of shapes \[\(1, 2, 8\), \(1, 2, 8\)\]"):
        layer(lucid.zeros(3, 2, 4), (lucid.zeros(1, 3, 8), lucid.zeros(1, 3, 8)))
    with pytest.raises(TypeError, match="floating point Tensor"):
        layer(lucid.zeros(3, 2, 4).long())
    with pytest.raises(
        TypeError, match=r"input is of .*float64, the weights are of .*float32; conv"
    ):
        layer(lucid.zeros(3, 2, 4).double())
    with pytest.raises(ValueError, match=r"input of shape \(N, 4\) or \(4,\), got \(2, 5\)"):
        nn.GRUCell(4, 8)(lucid.zeros(2, 5))
    with pytest.raises(ValueError, match=r"hidden state of 1 x \(2, 8\), got \[\(2, 4\)\]"):
        nn.GRUCell(4, 8)(lucid.zeros(2, 4), lucid.zeros(2, 4))


def test_lengths_are_checked():
    x = lucid.zeros(3, 2, 4)
    with pytest.raises(ValueError, match=r"2 ints from 1 to 3.*got \[3, 0\]"):
        rnn.pack_padded_sequence(x, [3, 0])
    with pytest.raises(ValueError, match=r"got \[3\]"):
        rnn.pack_padded_sequence(x, [3])
    with pytest.raises(ValueError, match=r"decreasing order, got .*enforce_sorted=False"):
        rnn.pack_padded_sequence(x, [2, 3])
    with pytest.raises(TypeError, match="lengths must be ints"):
        rnn.pack_padded_sequence(x, [2.0, 3.0])
    packed = rnn.pack_padded_sequence(x, [3, 2])
    with pytest.raises(ValueError, match=r"total_length must be at least .* 3, got 2"):
        rnn.pad_packed_sequence(packed, total_length=2)
    assert packed.double().data.dtype == lucid.float64
    with pytest.raises(ValueError, match="at least one sequence"):
        rnn.pad_sequence([])


def test_tanh_is_right_everywhere():
    x = lucid.linspace(-20, 20, 100001).array
    y = np.array(recurrent_cells._tanh(x))
    np.testing.assert_allclose(y, np.tanh(np.array(x, dtype=np.float64)), rtol=4e-7)
    special = np.array(recurrent_cells._tanh(mx.array([np.inf, -np.inf, np.nan, 0.0])))
    np.testing.assert_allclose(special, [1, -1, np.nan, 0], rtol=4e-7)


def test_normalised_weights():
    layer, x = nn.LSTM(4, 8), lucid.randn(5, 2, 4)
    before = layer(x)[0]
    nn.utils.weight_norm(layer, "weight_hh_l0")
    y = layer(x)[0]
    np.testing.assert_allclose(y.numpy(), before.numpy(), atol=1e-6)
    y.sum().backward()
    assert layer.weight_hh_l0_g.grad.shape == (32, 1)


def test_an_empty_batch():
    for kind in (nn.RNN, nn.LSTM, nn.GRU):
        layer, x = kind(4, 8), lucid.randn(5, 0, 4, requires_grad=True)
        y, _ = layer(x)
        assert y.shape == (5, 0, 8)
        y.sum().backward()
        assert not layer.weight_hh_l0.grad.any()


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_shards_of_the_sequences_compute_the_same(kind, monkeypatch):
    layer = kind(4, 8, bidirectional=True)
    x = rnn.pack_padded_sequence(lucid.randn(6, 5, 4), [6, 4, 4, 2, 1])

    def values():
        layer.zero_grad()
        y, ends = layer(x)
        h = ends[0] if isinstance(ends, tuple) else ends
        ((y.data**2).sum() + (h**3).sum()).backward()
        return [t.numpy() for t in (y.data, h, *(p.grad for p in layer.parameters()))]

    whole = values()
    monkeypatch.setattr(_shards, "_cores", 3)
    monkeypatch.setattr(_shards, "LEAST", 1)
    for ours, expected in zip(values(), whole, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6)
