"""Attention: what it refuses, dropout, the GPU's kernel, rotary embedding."""

import numpy as np
import pytest

import lucid
from lucid import _shards, nn
from lucid.ops import attention

F = nn.functional


def test_attention_refuses():
    q, mask = lucid.zeros(2, 3, 4), lucid.zeros(3, 3)
    with pytest.raises(ValueError, match="attn_mask or is_causal=True, not both"):
        F.scaled_dot_product_attention(q, q, q, mask, is_causal=True)
    with pytest.raises(ValueError, match=r"broadcasts to \(2, 3, 3\), got \(3, 2\)"):
        F.scaled_dot_product_attention(q, q, q, lucid.zeros(3, 2))
    with pytest.raises(ValueError, match=r"expects query .* got \(2, 3, 4\), \(2, 3, 5\)"):
        F.scaled_dot_product_attention(q, lucid.zeros(2, 3, 5), q)
    with pytest.raises(TypeError, match="of one dtype"):
        F.scaled_dot_product_attention(q, q.half(), q)
    with pytest.raises(ValueError, match="dropout_p must be from 0 to 1, got 2"):
        F.scaled_dot_product_attention(q, q, q, dropout_p=2)
    with pytest.raises(ValueError, match="a multiple of that in key and value"):
        F.scaled_dot_product_attention(lucid.zeros(1, 3, 3, 4), *[q[None]] * 2, enable_gqa=True)


def test_multihead_refuses():
    with pytest.raises(ValueError, match="embed_dim=6 must be divisible by num_heads=4"):
        nn.MultiheadAttention(6, 4)
    layer, x = nn.MultiheadAttention(6, 2), lucid.zeros(5, 3, 6)
    with pytest.raises(ValueError, match="attn_mask must be given too"):
        layer(x, x, x, is_causal=True)
    with pytest.raises(ValueError, match=r"shape \(5, 5\) or \(6, 5, 5\), got \(5, 3\)"):
        layer(x, x, x, attn_mask=lucid.zeros(5, 3))
    with pytest.raises(ValueError, match=r"key_padding_mask must have shape \(3, 5\)"):
        layer(x, x, x, key_padding_mask=lucid.zeros(5, 3))
    with pytest.raises(TypeError, match="attn_mask must hold bools or floats"):
        layer(x, x, x, attn_mask=lucid.zeros(5, 5).long())
    with pytest.raises(ValueError, match="a query of 6 features"):
        layer(x[..., :4], x, x)
    with pytest.raises(ValueError, match="key and value of one length"):
        layer(x, x, x[:3])
    with pytest.raises(ValueError, match=r"all \(L, N, E\) or all \(L, E\)"):
        layer(x, x[0], x)


def test_dropout():
    lucid.manual_seed(0)
    v = lucid.eye(64)
    zeros = lucid.zeros(64, 64)
    weights = F.scaled_dot_product_attention(zeros, zeros, v, dropout_p=0.5) * 64
    assert set(np.unique(weights.numpy())) == {0.0, 2.0}
    assert 0.4 < (weights == 0).float().mean().item() < 0.6
    assert not F.scaled_dot_product_attention(zeros, zeros, v, dropout_p=1.0).any()
    layer = nn.MultiheadAttention(4, 2, dropout=0.5)
    x = lucid.randn(3, 2, 4)
    assert not layer(x, x, x)[0].equal(layer(x, x, x)[0])
    layer.eval()
    assert layer(x, x, x)[0].equal(layer(x, x, x)[0])


@pytest.mark.parametrize("causal", [False, True])
def test_the_kernel_for_the_gpu_computes_the_same(monkeypatch, causal):
    q, k, v = lucid.randn(3, 2, 4, 5, 8).unbind()
    expected = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    called = []
    own = attention.mx.fast.scaled_dot_product_attention
    kernel = lambda *a, **s: called.append(1) or own(*a, **s)  # noqa: E731
    for module in (attention, _shards):
        monkeypatch.setattr(module, "on_cpu", lambda: False)
    monkeypatch.setattr(attention.mx.fast, "scaled_dot_product_attention", kernel)
    y = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    assert called == [1]
    np.testing.assert_allclose(y.numpy(), expected.numpy(), atol=1e-6)
    # what it computes otherwise than torch, or not at all, is left to the definition
    F.scaled_dot_product_attention(q, k[:, :, :3], v[:, :, :3], is_causal=True)
    F.scaled_dot_product_attention(q, k, v, lucid.zeros(5, 5))
    F.scaled_dot_product_attention(q, k, v, dropout_p=0.5)
    assert called == [1]


@pytest.mark.parametrize("interleaved", [True, False])
def test_rotary_turns_complex_numbers(interleaved):
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 8))
    y = nn.RotaryEmbedding(8, base=100.0, interleaved=interleaved)(
        lucid.tensor(x, dtype="float64"), offset=3
    )  # fmt: skip

    def pairs(a):
        return a[..., ::2] + 1j * a[..., 1::2] if interleaved else a[..., :4] + 1j * a[..., 4:]

    angles = np.outer(np.arange(3, 8), 100.0 ** (-np.arange(4) / 4))
    np.testing.assert_allclose(pairs(y.numpy()), pairs(x) * np.exp(1j * angles), atol=1e-12)


def test_rotary_scores_depend_on_distances():
    rotary = nn.RotaryEmbedding(8)
    q, k = lucid.randn(1, 8), lucid.randn(1, 8)
    near = (rotary(q, offset=7) * rotary(k, offset=4)).sum()
    far = (rotary(q, offset=1007) * rotary(k, offset=1004)).sum()
    np.testing.assert_allclose(near.item(), far.item(), rtol=1e-4)


def test_rotary_refuses():
    with pytest.raises(ValueError, match="dim must be even, got 3"):
        nn.RotaryEmbedding(3)
    with pytest.raises(ValueError, match="base must be positive"):
        nn.RotaryEmbedding(4, base=0)
    with pytest.raises(ValueError, match=r"x of shape \(..., L, 4\), got \(3, 6\)"):
        nn.RotaryEmbedding(4)(lucid.zeros(3, 6))
    with pytest.raises(ValueError, match=r"of an even D, .* got \(3, 5\)"):
        F.apply_rotary(lucid.zeros(3, 5), lucid.zeros(3, 2), lucid.zeros(3, 2))
    assert nn.RotaryEmbedding(4)(lucid.ones(2, 4).bfloat16()).dtype == lucid.bfloat16
