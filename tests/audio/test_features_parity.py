"""STFT and mel features: numbers and gradients of torch, numbers of librosa."""

import numpy as np
import pytest

import lucid
from lucid.audio import (
    hamming_window,
    hann_window,
    istft,
    log_mel,
    mel_filterbank,
    mel_spectrogram,
    mfcc,
    stft,
)

pytestmark = pytest.mark.parity
torch = pytest.importorskip("torch")

CASES = [
    {"n_fft": 256, "hop_length": 64},
    {"n_fft": 256, "hop_length": 100, "win_length": 200},
    {"n_fft": 255, "hop_length": 64, "win_length": 200},
    {"n_fft": 256, "center": False},
    {"n_fft": 256, "normalized": True, "onesided": False},
    {"n_fft": 255, "onesided": False, "pad_mode": "constant"},
    {"n_fft": 400, "hop_length": 160, "pad_mode": "replicate"},
]


def close(ours, theirs, rtol=1e-5):
    """To `rtol` of the largest value: float32 sums of n_fft terms."""
    theirs = theirs.detach().numpy()
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=0, atol=rtol * np.abs(theirs).max())


@pytest.mark.parametrize("case", CASES)
def test_stft_and_its_gradient(case):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 2000)).astype(np.float32)
    w = rng.uniform(0.1, 1, case.get("win_length", case["n_fft"])).astype(np.float32)
    ours, theirs = lucid.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    our_w, their_w = lucid.tensor(w, requires_grad=True), torch.tensor(w, requires_grad=True)
    a = stft(ours, window=our_w, **case)
    b = torch.stft(theirs, window=their_w, return_complex=True, **case)
    close(a, b)
    c = rng.standard_normal(tuple(b.shape)).astype(np.float32)
    (lucid.ops.real(a) * c + lucid.ops.abs_power(a, 1.0) * c**2).sum().backward()
    (b.real * torch.tensor(c) + b.abs() * torch.tensor(c) ** 2).sum().backward()
    close(ours.grad, theirs.grad)
    close(our_w.grad, their_w.grad)


@pytest.mark.parametrize("case", [c for c in CASES if c.get("center", True)])
@pytest.mark.parametrize("length", [None, 1500, 1999])
def test_istft_and_its_gradient(case, length):
    rng = np.random.default_rng(1)
    case = {key: value for key, value in case.items() if key != "pad_mode"}
    w = np.hanning(case.get("win_length", case["n_fft"]) + 2)[1:-1].astype(np.float32)
    z = torch.stft(torch.randn(2, 2000), window=torch.tensor(w), return_complex=True, **case)
    z = z * torch.tensor(rng.uniform(0, 1, tuple(z.shape)), dtype=torch.float32)
    # an arbitrary spectrum, but conjugate where both sides are given: we read one side only
    if case.get("onesided") is False:
        z = torch.fft.fft(torch.fft.ifft(z, dim=-2).real, dim=-2)
    ours = lucid.tensor(z.numpy(), requires_grad=True)
    theirs = z.clone().requires_grad_()
    a = istft(ours, window=w, length=length, **case)
    b = torch.istft(theirs, window=torch.tensor(w), length=length, **case)
    close(a, b)
    if case.get("onesided", True):  # torch spreads the gradient over both sides
        c = rng.standard_normal(tuple(b.shape)).astype(np.float32)
        (a * c).sum().backward()
        (b * torch.tensor(c)).sum().backward()
        close(ours.grad, theirs.grad)


def test_windows_are_torchs():
    for n in (1, 2, 9, 400):
        for periodic in (True, False):
            close(hann_window(n, periodic), torch.hann_window(n, periodic))
            close(hamming_window(n, periodic), torch.hamming_window(n, periodic))


def test_second_order():
    x = np.random.default_rng(2).standard_normal(600).astype(np.float32)
    ours, theirs = lucid.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    a = lucid.ops.abs_power(stft(ours, 64, window=hann_window(64)))
    b = torch.stft(theirs, 64, window=torch.hann_window(64), return_complex=True)
    b = b.real**2 + b.imag**2
    (ga,) = lucid.autograd.grad((a * a).mean(), [ours], create_graph=True)
    (gb,) = torch.autograd.grad((b * b).mean(), [theirs], create_graph=True)
    (ga * ga).sum().backward()
    (gb * gb).sum().backward()
    close(ours.grad, theirs.grad)


BANKS = [(16000, 400, 80, 0.0, None), (22050, 1024, 80, 0.0, 8000.0), (8000, 256, 24, 60.0, 3800.0)]


@pytest.mark.parametrize("bank", BANKS)
@pytest.mark.parametrize("scale", ["slaney", "htk"])
@pytest.mark.parametrize("norm", ["slaney", None])
@pytest.mark.filterwarnings("ignore:.*filters")  # 80 Slaney mels in 201 bins: some are empty
def test_filterbanks_are_librosas(bank, scale, norm):
    librosa = pytest.importorskip("librosa")
    rate, n_fft, n_mels, low, high = bank
    expected = librosa.filters.mel(
        sr=rate, n_fft=n_fft, n_mels=n_mels, fmin=low, fmax=high, htk=scale == "htk", norm=norm
    )
    got = mel_filterbank(rate, n_fft, n_mels, low, high, scale, norm).numpy()
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-6 * expected.max())


@pytest.mark.parametrize("scale", ["slaney", "htk"])
@pytest.mark.parametrize("power", [1.0, 2.0])
def test_log_mel_and_mfcc_are_librosas(scale, power):
    librosa = pytest.importorskip("librosa")
    x = np.random.default_rng(3).standard_normal((2, 8000)).astype(np.float32)
    x *= np.linspace(1e-3, 1, 8000, dtype=np.float32)
    settings = {"n_fft": 512, "hop_length": 128, "n_mels": 40}
    theirs = {"sr": 8000, "pad_mode": "reflect", "htk": scale == "htk", **settings}
    mel = librosa.feature.melspectrogram(y=x, power=power, **theirs)
    ours = {"sample_rate": 8000, "scale": scale, **settings}
    t = lucid.tensor(x)
    got = mel_spectrogram(t, power=power, **ours).numpy()
    np.testing.assert_allclose(got, mel, rtol=0, atol=1e-5 * mel.max())
    got = log_mel(t, power=power, floor=1e-5, **ours).numpy()
    np.testing.assert_allclose(got, np.log(np.maximum(mel, 1e-5)), rtol=1e-5, atol=1e-4)
    if power == 2.0:
        expected = np.stack([librosa.feature.mfcc(y=row, n_mfcc=13, **theirs) for row in x])
        got = mfcc(t, n_mfcc=13, **ours).numpy()
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-3)  # decibels up to 500
