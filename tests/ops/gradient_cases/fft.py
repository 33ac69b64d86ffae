"""Fourier transforms. They compute in complex64, so that central differences are coarse."""

import lucid
from lucid import fft


def parts(z):
    """Both parts of complex numbers, one weighted."""
    return z.real + 2 * z.imag


def of_complex(function):
    return lambda x, y: parts(function(lucid.complex(x, y)))


CASES = {
    "fft": (of_complex(lambda z: fft.fft(z, 4, dim=0)), (3, 2), (3, 2)),
    "fft real": (lambda x: parts(fft.fft(x, norm="ortho")), (5,)),
    "fft2": (of_complex(lambda z: fft.fft2(z, norm="forward")), (2, 3), (2, 3)),
    "hfft": (lambda x, y: fft.hfft(lucid.complex(x, y), 5), (3,), (3,)),
    "ifftn": (of_complex(lambda z: fft.ifftn(z, dim=(0, 1))), (2, 3), (2, 3)),
    "ihfft": (lambda x: parts(fft.ihfft(x)), (5,)),
    "irfft": (lambda x, y: fft.irfft(lucid.complex(x, y), n=5), (3,), (3,)),
    "irfft even": (lambda x, y: fft.irfft(lucid.complex(x, y)), (3,), (3,)),
    "irfft2": (lambda x, y: fft.irfft2(lucid.complex(x, y), dim=(1, 0)), (3, 2), (3, 2)),
    "istft": (
        lambda x, y, w: lucid.istft(lucid.complex(x, y), 4, 2, window=w, center=False),
        (3, 4),
        (3, 4),
        (4,),
    ),
    "rfft": (lambda x: parts(fft.rfft(x)), (5,)),
    "rfft2": (lambda x: parts(fft.rfft2(x, norm="ortho")), (2, 4)),
    "stft": (lambda x, w: parts(lucid.stft(x, 4, 2, window=w)), (9,), (4,)),
}
