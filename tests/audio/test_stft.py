"""The short-time Fourier transform against NumPy, its inverse, and what it refuses."""

import numpy as np
import pytest

import lucid
from lucid.audio import hamming_window, hann_window, istft, stft


def definition(x, n_fft, hop, window, center, mode):
    """Frame by frame in float64."""
    if center:
        x = np.pad(x, n_fft // 2, mode={"replicate": "edge"}.get(mode, mode))
    starts = range(0, len(x) - n_fft + 1, hop)
    return np.stack([np.fft.rfft(x[s : s + n_fft] * window) for s in starts], -1)


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("mode", ["reflect", "constant", "replicate"])
@pytest.mark.parametrize(("n_fft", "hop", "win"), [(64, 16, 64), (63, 20, 40), (50, 60, 50)])
def test_equals_the_definition(center, mode, n_fft, hop, win):
    x = np.random.default_rng(0).standard_normal((2, 300))
    window = np.hanning(win + 1)[:-1]
    left = (n_fft - win) // 2
    full = np.pad(window, (left, n_fft - win - left))
    got = stft(lucid.tensor(x), n_fft, hop, win, window, center, mode)
    expected = np.stack([definition(row, n_fft, hop, full, center, mode) for row in x])
    assert got.shape == expected.shape
    np.testing.assert_allclose(got.numpy(), expected, atol=1e-5)
    scaled = stft(lucid.tensor(x), n_fft, hop, win, window, center, mode, normalized=True)
    np.testing.assert_allclose(scaled.numpy(), expected / n_fft**0.5, atol=2e-6)


def test_windows():
    np.testing.assert_allclose(hann_window(10).numpy(), np.hanning(11)[:-1], atol=1e-7)
    np.testing.assert_allclose(hann_window(10, periodic=False).numpy(), np.hanning(10), atol=1e-7)
    np.testing.assert_allclose(hamming_window(9, False).numpy(), np.hamming(9), atol=1e-7)
    assert hann_window(1).tolist() == [1]
    assert hann_window(0).shape == (0,)
    with pytest.raises(ValueError, match="0 samples or more, got -1"):
        hann_window(-1)


SETTINGS = [
    {"n_fft": 64, "hop_length": 16},
    {"n_fft": 64, "hop_length": 32, "win_length": 50},
    {"n_fft": 65, "hop_length": 13},
    {"n_fft": 64, "normalized": True},
    {"n_fft": 64, "onesided": False},
    {"n_fft": 65, "onesided": False},
]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("shape", [(500,), (2, 3, 499)])
def test_istft_undoes_stft(settings, shape):
    x = lucid.randn(*shape)
    window = hann_window(settings.get("win_length", settings["n_fft"]))
    z = stft(x, window=window, **settings)
    back = istft(z, window=window, length=shape[-1], **settings)
    np.testing.assert_allclose(back.numpy(), x.numpy(), atol=2e-6)


def test_istft_length():
    x = lucid.randn(480)
    z = stft(x, 64, 16)
    assert istft(z, 64, 16).shape == (480,)
    short, long = istft(z, 64, 16, length=100), istft(z, 64, 16, length=600)
    np.testing.assert_allclose(short.numpy(), x.numpy()[:100], atol=2e-6)
    np.testing.assert_allclose(long.numpy()[:480], x.numpy(), atol=2e-6)
    assert long.shape == (600,)
    assert not long.numpy()[512:].any()
    uncentred = istft(stft(x, 64, 16, center=False), 64, 16, center=False)
    np.testing.assert_allclose(uncentred.numpy(), x.numpy(), atol=2e-6)


def test_every_sample_gets_its_gradient():
    """istft(stft(x)) is x, so the gradient of a weighted sum is the weights."""
    x = lucid.randn(2, 480, requires_grad=True)
    w = np.random.default_rng(0).standard_normal((2, 480))
    window = hann_window(64)
    (istft(stft(x, 64, window=window), 64, window=window, length=480) * w).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), w, atol=5e-6)


def test_a_window_can_learn():
    window = lucid.ones(8, requires_grad=True)
    lucid.ops.real(stft(lucid.ones(32), 8, 8, window=window, center=False))[0].sum().backward()
    assert window.grad.tolist() == [4.0] * 8


def test_real_pairs():
    x = lucid.randn(200)
    z, pair = stft(x, 32).numpy(), stft(x, 32, return_complex=False).numpy()
    np.testing.assert_array_equal(np.stack([z.real, z.imag], -1), pair)


@pytest.mark.parametrize(
    ("length", "settings", "message"),
    [
        (100, {"n_fft": 0}, "got n_fft=0"),
        (100, {"n_fft": 64, "hop_length": 0}, "got n_fft=64, hop_length=0"),
        (100, {"n_fft": 64, "win_length": 65}, "win_length=65"),
        (100, {"n_fft": 64, "window": np.ones(60)}, r"shape \(64,\), win_length, got \(60,\)"),
        (32, {"n_fft": 64}, "reflecting n_fft // 2 = 32 samples needs a signal longer than that"),
        (60, {"n_fft": 64, "center": False}, "60 samples has no frame of n_fft=64; pad it"),
        (100, {"n_fft": 64, "pad_mode": "wrap"}, "pad_mode must be.*got 'wrap'"),
    ],
)
def test_stft_refuses(length, settings, message):
    with pytest.raises(ValueError, match=message):
        stft(lucid.ones(length), **settings)


def test_istft_refuses():
    z = stft(lucid.ones(400), 64, 16)
    with pytest.raises(ValueError, match=r"shape \(..., 26, T\) with T > 0, got \(33, 26\)"):
        istft(z, 50)
    with pytest.raises(ValueError, match="squared windows of 26 frames sum to 0 somewhere"):
        istft(z, 64, 16, window=hann_window(64), center=False)
    with pytest.raises(ValueError, match="use a smaller hop_length"):
        istft(stft(lucid.ones(400), 16, 20), 16, 20)
    with pytest.raises(ValueError, match="length of at least 1, got 0"):
        istft(z, 64, 16, length=0)


def test_wrong_types_are_named():
    x = lucid.zeros(800)
    with pytest.raises(TypeError, match="expects a Tensor with a last axis of time, got ndarray"):
        stft(x.numpy(), 200)
    with pytest.raises(TypeError, match=r"got a Tensor of shape \(\)"):
        stft(x.sum(), 200)
    with pytest.raises(
        TypeError, match=r"n_fft, hop_length and win_length are ints, got 200, 50\.5"
    ):
        stft(x, 200, 50.5)
