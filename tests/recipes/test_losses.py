"""SI-SNR against its definition in NumPy, float64."""

import numpy as np
import pytest

import lucid
from lucid.recipes.losses import si_snr


def reference(estimate, target):
    estimate = estimate - estimate.mean()
    target = target - target.mean()
    signal = estimate @ target / (target @ target) * target
    noise = estimate - signal
    return 10 * np.log10(signal @ signal / (noise @ noise))


def test_values_and_shapes():
    rng = np.random.default_rng(0)
    target = rng.standard_normal((2, 3, 500))
    estimate = 0.3 * target + 0.1 * rng.standard_normal(target.shape) + 0.7
    found = si_snr(lucid.tensor(estimate), lucid.tensor(target)).numpy()
    expected = [
        [reference(e, t) for e, t in zip(*pair, strict=True)]
        for pair in zip(estimate, target, strict=True)
    ]
    assert found.shape == (2, 3)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_scale_and_offset_do_not_matter():
    rng = np.random.default_rng(0)
    target = rng.standard_normal((1, 100))
    estimate = target + rng.standard_normal((1, 100))
    values = [
        si_snr(lucid.tensor(a * estimate + b), lucid.tensor(c * target)).item()
        for a, b, c in ((1, 0, 1), (7, 0, 1), (0.1, 3, 1), (-1, 0, 4))
    ]
    np.testing.assert_allclose(values, values[0], atol=1e-3)


@pytest.mark.parametrize("silent", ["estimate", "target", "both"])
def test_silence_gives_finite_values_and_gradients(silent):
    estimate = lucid.zeros(1, 8) if silent != "target" else lucid.randn(1, 8)
    target = lucid.zeros(1, 8) if silent != "estimate" else lucid.randn(1, 8)
    estimate.requires_grad_(True)
    value = si_snr(estimate, target).sum()
    value.backward()
    assert np.isfinite(value.item())
    assert np.isfinite(estimate.grad.numpy()).all()


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r"estimate \(1, 8\) and target \(1, 9\) differ in shape"):
        si_snr(lucid.zeros(1, 8), lucid.zeros(1, 9))
