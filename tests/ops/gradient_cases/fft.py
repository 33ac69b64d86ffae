"""Fourier transforms. They compute in complex64, so that central differences are coarse."""

import lucid

CASES = {
    "irfft": (lambda x, y: lucid.ops.irfft(lucid.ops.complex(x, y), n=5), (3,), (3,)),
    "rfft": (lambda x: lucid.ops.rfft(x).real + lucid.ops.rfft(x).imag, (5,)),
}
