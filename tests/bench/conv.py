"""Convolution on the CPU beside PyTorch: forward, gradient of the input, gradient of the weight.

Run as `python tests/bench/conv.py [part of a row's name]`. Milliseconds, best of a few; the ratio
is ours / PyTorch's, so below 1 is faster. PyTorch's gradients come from one backward call each.
"""

# ruff: noqa: E731
import sys
import time

import lucid  # noqa: F401  before mlx: it loads the BLAS

# isort: split
import mlx.core as mx
import numpy as np
import torch

from lucid.kernels.convolution import conv1d, conv1d_weight_grad, conv_transpose1d

# name, op, C_in, C_out, K, stride, padding, dilation, groups, output padding, N, L
ROWS = """
Conv-TasNet encoder,        conv,    1,  64, 16, 8,  8,   1,   1, 0,  8,  8000
Conv-TasNet encoder 512,    conv,    1, 512, 16, 8,  8,   1,   1, 0,  8, 32000
Conv-TasNet decoder,        convT,  64,   1, 16, 8,  8,   1,   1, 0,  8,   999
Conv-TasNet decoder 512,    convT, 512,   1, 16, 8,  8,   1,   1, 0,  8,  4001
Conv-TasNet 1x1 small,      conv,   32,  64,  1, 1,  0,   1,   1, 0,  8,   999
Conv-TasNet 1x1,            conv,  128, 512,  1, 1,  0,   1,   1, 0,  8,  4001
Conv-TasNet dw d1 small,    conv,   64,  64,  3, 1,  1,   1,  64, 0,  8,   999
Conv-TasNet dw d8 small,    conv,   64,  64,  3, 1,  8,   8,  64, 0,  8,   999
Conv-TasNet dw d1,          conv,  512, 512,  3, 1,  1,   1, 512, 0,  8,  4001
Conv-TasNet dw d32,         conv,  512, 512,  3, 1, 32,  32, 512, 0,  8,  4001
MatchboxNet dw K11 s2,      conv,   64,  64, 11, 2,  5,   1,  64, 0, 64,   100
MatchboxNet dw K13,         conv,   64,  64, 13, 1,  6,   1,  64, 0, 64,   100
MatchboxNet dw K29 d2,      conv,   64,  64, 29, 1, 28,   2,  64, 0, 64,   100
MatchboxNet 1x1,            conv,   64,  64,  1, 1,  0,   1,   1, 0, 64,   100
SNAC dw K7 d9,              conv,   64,  64,  7, 1, 27,   9,  64, 0, 16, 24576
Vocos dw K7,                conv,  512, 512,  7, 1,  3,   1, 512, 0, 16,    65
QuartzNet stem K33 s2,      conv,   64,  64, 33, 2, 16,   1,  64, 0, 32,  1670
QuartzNet dw K33,           conv,  256, 256, 33, 1, 16,   1, 256, 0, 32,   835
QuartzNet dw K75,           conv,  512, 512, 75, 1, 37,   1, 512, 0, 16,   835
QuartzNet dw K87 d2,        conv,  512, 512, 87, 1, 86,   2, 512, 0, 16,   835
Conformer dw K31,           conv,  512, 512, 31, 1, 15,   1, 512, 0, 16,   400
Mamba dw K4,                conv, 1536,1536,  4, 1,  3,   1,1536, 0,  4,  2048
BigVGAN dwT K12 s2,         convT,  24,  24, 12, 2,  0,   1,  24, 0,  2, 65546
BigVGAN dw K12 s2,          conv,   24,  24, 12, 2,  0,   1,  24, 0,  2,131083
BigVGAN dwT K12 s2 384,     convT, 384, 384, 12, 2,  0,   1, 384, 0,  4,  4106
Kokoro dwT K3 s2,           convT,1090,1090,  3, 2,  1,   1,1090, 1,  4,   200
Mimi dwT K4 s2,             convT, 512, 512,  4, 2,  0,   1, 512, 0,  8,   125
HiFi-GAN up K16 s8,         convT, 256, 128, 16, 8,  4,   1,   1, 0, 16,   256
HiFi-GAN up K4 s2,          convT, 128,  64,  4, 2,  1,   1,   1, 0, 16,  2048
HiFi-GAN up K4 s2 16->8,    convT,  16,   8,  4, 2,  1,   1,   1, 0, 16,  4096
HiFi-GAN K11 d5 256,        conv,  256, 256, 11, 1, 25,   5,   1, 0, 16,   256
HiFi-GAN K11 d5 32,         conv,   32,  32, 11, 1, 25,   5,   1, 0, 16,  8192
HiFi-GAN K7 d3 8,           conv,    8,   8,  7, 1,  9,   3,   1, 0, 16,  8192
HiFi-GAN MSD K41 s4 g16,    conv,  256, 512, 41, 4, 20,   1,  16, 0,  8,  2048
EnCodec down K10 s5,        conv,  128, 256, 10, 5,  0,   1,   1, 0,  8,  3005
EnCodec first K7,           conv,    1,  32,  7, 1,  0,   1,   1, 0, 16, 24006
DAC residual K7 d9 96,      conv,   96,  96,  7, 1, 27,   9,   1, 0,  2, 16896
denoiser K8 s4,             conv,  384, 768,  8, 4,  0,   1,   1, 0,  8,  1000
denoiser T K8 s4,           convT, 768, 384,  8, 4,  0,   1,   1, 0,  8,   249
denoiser T K8 s4 48->1,     convT,  48,   1,  8, 4,  0,   1,   1, 0,  8, 64084
NAM K3 d512 16,             conv,   16,  16,  3, 1,  0, 512,   1, 0, 16,  9216
"""


def measure(function, seconds=0.3, least=3):
    """Best time of a call in ms, after one call to warm up."""
    function()
    best, stop = float("inf"), time.perf_counter() + seconds
    while least > 0 or time.perf_counter() < stop:
        start = time.perf_counter()
        function()
        best, least = min(best, time.perf_counter() - start), least - 1
    return best * 1e3


def row(op, C_in, C_out, K, s, p, d, groups, out_pad, N, L):
    """(ours, PyTorch's) for the forward and the two gradients."""
    place = {"stride": s, "dilation": d, "groups": groups}
    x = torch.randn(N, C_in, L)
    if op == "conv":
        w = torch.randn(C_out, C_in // groups, K)
        theirs = lambda x, w: torch.nn.functional.conv1d(x, w, padding=p, **place)
        X, W = mx.array(x.numpy()), mx.array(w.numpy())
        forward = lambda: conv1d(X, W, padding=(p, p), **place)
        grad_x = lambda: conv_transpose1d(G, W, length=L, padding=p, **place)
        grad_w = lambda: conv1d_weight_grad(X, G, kernel_size=K, padding=p, **place)
    else:
        w = torch.randn(C_in, C_out // groups, K)
        theirs = lambda x, w: torch.nn.functional.conv_transpose1d(
            x, w, padding=p, output_padding=out_pad, **place
        )
        X, W = mx.array(x.numpy()), mx.array(w.numpy())
        length = (L - 1) * s - 2 * p + d * (K - 1) + out_pad + 1
        right = (L - 1) * s + d * (K - 1) + 1 - p - length
        forward = lambda: conv_transpose1d(X, W, length=length, padding=p, **place)
        grad_x = lambda: conv1d(G, W, padding=(p, right), **place)
        grad_w = lambda: conv1d_weight_grad(G, X, kernel_size=K, padding=p, **place)
    y = theirs(x, w)
    g = torch.randn_like(y)
    G = mx.array(g.numpy())
    xg, wg = x.clone().requires_grad_(), w.clone().requires_grad_()
    yx, yw = theirs(xg, w), theirs(x, wg)
    back = lambda y, v: torch.autograd.grad(y, v, g, retain_graph=True)[0]
    pairs = [
        (forward, lambda: theirs(x, w)),
        (grad_x, lambda: back(yx, xg)),
        (grad_w, lambda: back(yw, wg)),
    ]
    for ours, reference in pairs:  # contiguous: an output must not leave a copy to whoever reads it
        a, b = np.array(ours()), reference().numpy()
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4 * np.abs(b).max())
        yield measure(lambda f=ours: mx.eval(mx.contiguous(f()))), measure(reference)


if __name__ == "__main__":
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    print(f"{'':26}{'forward':>22}{'gradient of x':>22}{'gradient of w':>22}")
    for line in ROWS.strip().splitlines():
        name, op, *sizes = (cell.strip() for cell in line.split(","))
        if wanted in name:
            cells = [f"{a:8.2f} /{b:7.2f}{a / b:5.2f}" for a, b in row(op, *map(int, sizes))]
            print(f"{name:26}{'  '.join(cells)}", flush=True)
