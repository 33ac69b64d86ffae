"""SI-SNR: how far a waveform stands above its error, whatever its scale."""

from __future__ import annotations

from lucid.ops import log, sum
from lucid.tensor import Tensor

_EPS = 1e-8
_DECIBELS = 10 / 2.302585092994046  # 10 log10(x) = 10/ln(10) log(x)


def si_snr(estimate: Tensor, target: Tensor) -> Tensor:
    """Scale-invariant signal-to-noise ratio in decibels, one per waveform.

    Both lose their mean; the part of `estimate` along `target` is the signal, the rest the noise.

    Shapes: (..., L), both -> (...).

    Source: Luo and Mesgarani, "TaSNet" (2018), section 2.2. Raises ValueError where the shapes
    differ.

    >>> import lucid
    >>> target = lucid.tensor([[1.0, -1.0, 1.0, -1.0]])
    >>> noisy = target + lucid.tensor([[0.1, 0.1, -0.1, -0.1]])
    >>> round(si_snr(5 * noisy, target).item(), 4)
    20.0
    """
    if estimate.shape != target.shape:
        raise ValueError(
            f"si_snr: estimate {estimate.shape} and target {target.shape} differ in shape"
        )
    estimate = estimate - estimate.mean(-1, keepdim=True)
    target = target - target.mean(-1, keepdim=True)
    energy = sum(target * target, -1, keepdim=True) + _EPS
    signal = sum(estimate * target, -1, keepdim=True) / energy * target
    noise = estimate - signal
    ratio = (sum(signal * signal, -1) + _EPS) / (sum(noise * noise, -1) + _EPS)
    return log(ratio) * _DECIBELS
