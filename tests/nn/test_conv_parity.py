"""The convolution layers against PyTorch in float32, and against float64 on the CPU."""

import random

import numpy as np
import pytest

import lucid
from lucid import nn

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.parity,
    pytest.mark.filterwarnings(
        "ignore:Using padding=.same.:UserWarning"
    ),  # of PyTorch, about itself
]


def settings(seed, transposed):
    """A random layer: its settings, with an input that it fits."""
    rng = random.Random(seed)
    groups = rng.choice([1, 1, 2, 3])
    C_in, C_out = groups * rng.choice([1, 2, 4]), groups * rng.choice([1, 2, 3])
    if rng.random() < 0.3:  # depthwise, with a multiplier
        groups = C_in = rng.choice([1, 3, 4])
        C_out = C_in * rng.choice([1, 2])
    K, s, d = rng.randint(1, 7), rng.randint(1, 6), rng.randint(1, 4)
    p, L, N = rng.randint(0, 9), rng.randint(1, 24), rng.randint(1, 3)
    if not transposed:
        L = max(L, d * (K - 1) + 1 - 2 * p)
    options = {"stride": s, "padding": p, "dilation": d, "groups": groups,
               "bias": rng.random() < 0.5}  # fmt: skip
    if transposed:
        options["output_padding"] = rng.randint(0, max(s, d) - 1)
        while (L - 1) * s - 2 * p + d * (K - 1) + options["output_padding"] + 1 < 1:
            L += 1
    elif rng.random() < 0.3:
        options["padding_mode"] = rng.choice(["reflect", "replicate", "circular"])
        options["padding"] = min(p, L - 1)
        L = max(L, d * (K - 1) + 1 - 2 * options["padding"])
        if rng.random() < 0.4:
            options["padding"], options["stride"] = "same", 1
            L = max(L, d * (K - 1) + 1)
    return (C_in, C_out, K), options, (N, C_in, L)


def compare(theirs, ours, shape, seed, tolerance, dtype):
    ours.load_state_dict(theirs.state_dict())
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    a = torch.tensor(x, dtype=getattr(torch, dtype), requires_grad=True)
    b = lucid.tensor(x, requires_grad=True, dtype=dtype)
    y, z = theirs(a), ours(b)
    assert z.shape == tuple(y.shape)
    g = rng.standard_normal(y.shape)
    y.backward(torch.tensor(g, dtype=a.dtype))
    z.backward(lucid.tensor(g, dtype=dtype))
    pairs = {"y": (y, z), "x.grad": (a.grad, b.grad)}
    pairs |= {
        f"{name}.grad": (dict(theirs.named_parameters())[name].grad, p.grad)
        for name, p in ours.named_parameters()
    }
    for name, (wanted, got) in pairs.items():
        wanted = wanted.detach().numpy()
        scale = max(1.0, np.abs(wanted).max())
        error = np.abs(got.numpy() - wanted).max() / scale
        assert error <= tolerance, f"{name}: {error:.1e} for {ours} on {shape}"
        assert got.dtype == getattr(lucid, dtype)


DTYPES = [("float32", 1e-5), ("float64", 1e-10)]


@pytest.mark.parametrize(("dtype", "tolerance"), DTYPES)
@pytest.mark.parametrize("seed", range(200))
def test_conv1d(seed, dtype, tolerance):
    sizes, options, shape = settings(seed, transposed=False)
    theirs = torch.nn.Conv1d(*sizes, **options, dtype=getattr(torch, dtype))
    compare(theirs, nn.Conv1d(*sizes, **options, dtype=dtype), shape, seed, tolerance, dtype)


@pytest.mark.parametrize(("dtype", "tolerance"), DTYPES)
@pytest.mark.parametrize("seed", range(200))
def test_conv_transpose1d(seed, dtype, tolerance):
    sizes, options, shape = settings(seed, transposed=True)
    theirs = torch.nn.ConvTranspose1d(*sizes, **options, dtype=getattr(torch, dtype))
    ours = nn.ConvTranspose1d(*sizes, **options, dtype=dtype)
    compare(theirs, ours, shape, seed, tolerance, dtype)


class Separable(torch.nn.Module):
    def __init__(self, C_in, C_out, K, stride, padding, dilation, bias, dtype):
        super().__init__()
        self.depthwise = torch.nn.Conv1d(
            C_in, C_in, K, stride, padding, dilation, C_in, bias, dtype=dtype
        )
        self.pointwise = torch.nn.Conv1d(C_in, C_out, 1, bias=bias, dtype=dtype)

    def forward(self, x):
        return self.pointwise(self.depthwise(x))


@pytest.mark.parametrize(("dtype", "tolerance"), DTYPES)
@pytest.mark.parametrize("seed", range(100))
def test_depth_separable_conv1d(seed, dtype, tolerance):
    (C_in, C_out, K), options, shape = settings(seed, transposed=False)
    for unused in ("groups", "padding_mode"):
        options.pop(unused, None)
    theirs = Separable(C_in, C_out, K, **options, dtype=getattr(torch, dtype))
    ours = nn.DepthSeparableConv1d(C_in, C_out, K, **options, dtype=dtype)
    compare(theirs, ours, shape, seed, tolerance, dtype)
