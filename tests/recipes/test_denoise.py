"""Mixes, scale, pieces and learning of the denoiser. What surrounds it is in `test_cli`."""

import dataclasses

import numpy as np
import pytest

import lucid
from lucid import audio, nn
from lucid.recipes import denoise
from lucid.recipes.losses import si_snr
from lucid.recipes.training import take_steps

SMALL = denoise.Config(features=8, bottleneck=4, hidden=6, layers=2, stacks=1, seconds=0.5)


def test_mixes_have_the_drawn_ratio():
    rng = np.random.default_rng(0)
    speech = [rng.standard_normal(n).astype(np.float32) for n in (1000, 9000)]
    noise = [rng.standard_normal(n).astype(np.float32) for n in (500, 20000)]
    mixes = denoise.Mixes(speech, noise, 50, SMALL)
    ratios = []
    for i in range(50):
        noisy, clean = mixes[i]
        assert noisy.shape == clean.shape == (1, 4000)
        assert noisy.dtype == clean.dtype == np.float32
        rest = noisy - clean
        ratios.append(10 * np.log10(np.sum(clean**2) / np.sum(rest**2)))
    assert -5.001 < min(ratios) < -3
    assert 8 < max(ratios) < 10.001


def test_mixes_are_the_same_each_time():
    rng = np.random.default_rng(0)
    mixes = denoise.Mixes([np.ones(900)], [rng.standard_normal(9000)], 5, SMALL)
    np.testing.assert_array_equal(mixes[3][0], mixes[3][0])
    assert not np.array_equal(mixes[3][0], mixes[4][0])


def test_pauses_are_no_noise():
    """A bark of half a second in ten minutes of silence is found all the same."""
    bark = np.zeros(8000 * 600, np.float32)
    bark[1_000_000:1_004_000] = 1.0
    mixes = denoise.Mixes([np.ones(4000, np.float32)], [bark], 4, SMALL)
    for i in range(4):
        noisy, clean = mixes[i]
        assert np.abs(noisy - clean).max() > 0.1


class Half(nn.Module):
    """Both outputs are the input, halved."""

    def forward(self, x):
        assert x.shape[-1] <= denoise._PIECE * SMALL.sample_rate
        return lucid.cat([0.5 * x, 0.5 * x], dim=1)


def test_the_output_gets_the_scale_of_the_input():
    noisy = np.random.default_rng(0).standard_normal((2, 800)).astype(np.float32)
    np.testing.assert_allclose(denoise.enhance_samples(Half(), noisy), noisy, rtol=1e-5)
    assert not denoise.enhance_samples(Half(), np.zeros((1, 80), np.float32)).any()


@pytest.mark.parametrize("seconds", [0.001, 1, 8, 8.5, 15.2, 40])
def test_pieces_join_without_a_seam(tmp_path, seconds):
    samples = 0.5 * np.sin(np.arange(round(seconds * 8000)) * 0.1)
    audio.save(tmp_path / "in.wav", samples, 8000, encoding="float32")
    denoise.enhance(Half(), SMALL, tmp_path / "in.wav", tmp_path / "out.wav")
    found, _ = audio.load(tmp_path / "out.wav")
    np.testing.assert_allclose(found[0], samples, atol=2 / 32768)


def test_enhance_refuses(tmp_path):
    audio.save(tmp_path / "empty.wav", np.zeros(0), 8000)
    with pytest.raises(ValueError, match=r"empty.wav: holds no audio"):
        denoise.enhance(Half(), SMALL, tmp_path / "empty.wav", tmp_path / "out.wav")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"min_snr": 5.0, "max_snr": 0.0}, "min_snr 5.0 must not be above max_snr 0.0"),
        ({"clip": 0.0}, "clip must be above 0"),
        ({"seconds": 0.0}, r"seconds must be from 0.1 to 60, got 0.0"),
        ({"kernel_size": 15}, "enc_kernel_size must be even"),
        ({"taps": 2}, "msk_kernel_size must be odd"),
    ],
)
def test_settings_that_make_no_sense(settings, message):
    with pytest.raises(ValueError, match=message):
        denoise.network(denoise.Config(**settings))


@pytest.mark.slow
def test_the_demo_learns():
    """A third of it already takes noise out of voices that the network never heard."""
    config = dataclasses.replace(denoise.DEMO, steps=160, epoch_steps=160, test_mixes=20)
    job = denoise.Denoise(config, denoise.prepare(config))
    for _ in take_steps(job, config.steps):
        pass
    before, after = job.ratios()
    assert (after - before).mean() > 3
    noisy, clean = job.test.dataset[0]
    found = si_snr(lucid.tensor(noisy), lucid.tensor(clean)).item()
    assert found == pytest.approx(before[0], abs=1e-3)
