"""2-D convolution against torch, in float64 and at random settings; and its refusals."""

import numpy as np
import pytest

import lucid
from lucid import nn

F = nn.functional
X, W = lucid.ones(2, 4, 6, 5), lucid.ones(6, 2, 3, 3)


def settings(rng, transposed):
    pair = lambda *choices: tuple(int(n) for n in rng.choice(choices, 2))  # noqa: E731
    groups = int(rng.integers(1, 4))
    a, b = (groups * int(n) for n in rng.integers(1, 4, 2))
    kernel, size = pair(1, 2, 3, 5), (int(rng.integers(9, 14)), int(rng.integers(8, 12)))
    given = {"stride": pair(1, 2, 3), "dilation": pair(1, 2), "padding": pair(0, 1, 4)}
    if transposed:
        most = zip(given["stride"], given["dilation"], strict=True)
        given["output_padding"] = tuple(int(rng.integers(max(m))) for m in most)
        given["padding"] = tuple(min(p, k) for p, k in zip(given["padding"], kernel, strict=True))
    shapes = (2, a, *size), (a, b // groups, *kernel) if transposed else (b, a // groups, *kernel)
    return (*shapes, (b,)), {**given, "groups": groups}


@pytest.mark.parity
@pytest.mark.parametrize("name", ["conv2d", "conv_transpose2d"])
@pytest.mark.parametrize("seed", range(20))
def test_random_settings(name, seed):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(seed)
    shapes, given = settings(rng, name == "conv_transpose2d")
    arrays = [rng.normal(size=s) for s in shapes]
    ours = [lucid.tensor(a, dtype="float64", requires_grad=True) for a in arrays]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    y, z = getattr(F, name)(*ours, **given), getattr(torch.nn.functional, name)(*theirs, **given)
    g = rng.normal(size=z.shape)
    y.backward(lucid.tensor(g, dtype="float64"))
    z.backward(torch.tensor(g))
    np.testing.assert_allclose(y.numpy(), z.detach().numpy(), atol=1e-11)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), atol=1e-10)


@pytest.mark.parity
def test_output_size():
    torch = pytest.importorskip("torch")
    ours, theirs = (m.ConvTranspose2d(4, 2, 3, stride=(3, 2)) for m in (nn, torch.nn))
    ours.load_state_dict(theirs.state_dict())
    x = np.random.default_rng(0).normal(size=(2, 4, 5, 6)).astype(np.float32)
    y = ours(lucid.tensor(x), output_size=(17, 14))
    z = theirs(torch.tensor(x), output_size=(17, 14))
    np.testing.assert_allclose(y.numpy(), z.detach().numpy(), rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match=r"an output of \(15, 13\) to \(17, 14\), got output_size"):
        ours(lucid.tensor(x), output_size=(18, 14))


def test_names_and_shapes():
    conv = nn.Conv2d(4, 6, (5, 1), stride=(3, 1), padding=(2, 0), groups=2)
    assert repr(conv) == (
        "Conv2d(4, 6, kernel_size=(5, 1), stride=(3, 1), padding=(2, 0), groups=2)"
    )
    assert conv.weight.shape == (6, 2, 5, 1)
    assert np.abs(conv.weight.numpy()).max() <= 1 / np.sqrt(10)
    assert repr(nn.ConvTranspose2d(2, 3, 4)) == (
        "ConvTranspose2d(2, 3, kernel_size=(4, 4), stride=(1, 1))"
    )


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.conv2d(X, W), ValueError, r"shape \(N, 2, H, W\) or \(2, H, W\), got \(2, 4"),
        (lambda: F.conv2d(X, W, groups=4), ValueError, "6 output channels do not divide into 4"),
        (lambda: F.conv2d(X, W, dilation=(1, 3), groups=2), ValueError, "reaches over .* = 7"),
        (lambda: F.conv2d(X, W, stride=(1, 2, 3)), ValueError, r"stride must be an int or 2 ints"),
        (lambda: F.conv2d(X, W, padding="causal"), ValueError, 'ints, "valid" or "same"'),
        (lambda: F.conv2d(X, W, padding="same", stride=2), ValueError, "stride 2 cannot"),
        (lambda: F.conv2d(X, W.double(), groups=2), TypeError, "x of dtype mlx.core.float64"),
        (lambda: F.conv2d(X, W, lucid.ones(5), groups=2), ValueError, r"bias of shape \(6,\)"),
        (lambda: F.conv2d(X, W[0]), ValueError, "weight of 4 dimensions"),
        (lambda: F.conv2d(np.ones((2, 4, 6, 5)), W), TypeError, "expects a Tensor, got ndarray"),
        (lambda: F.conv2d(X[:, :, :0], W, groups=2), ValueError, "at least one row and column"),
        (
            lambda: F.conv_transpose2d(X, lucid.ones(4, 1, 1, 1), padding=(0, 3)),
            ValueError,
            "an output of 6 by -1",
        ),
        (
            lambda: F.conv_transpose2d(X, lucid.ones(4, 1, 3, 3), output_padding=1),
            ValueError,
            "output_padding must be smaller than stride or dilation",
        ),
        (lambda: nn.Conv2d(4, 6, 3, groups=3), ValueError, "in_channels must be divisible"),
        (lambda: nn.Conv2d(4, 6, 3, padding_mode="mirror"), ValueError, "must be one of zeros"),
        (lambda: nn.Conv2d(4, 6, (3, 0)), ValueError, "kernel_size must be at least 1, got 0"),
        (
            lambda: nn.ConvTranspose2d(4, 6, 3, padding_mode="reflect"),
            ValueError,
            'can only be "zeros"',
        ),
    ],
)
def test_refusal(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_an_empty_batch():
    x = lucid.zeros(0, 4, 6, 5, requires_grad=True)
    y = F.conv2d(x, W, groups=2)
    assert y.shape == (0, 6, 4, 3)
    y.backward()
    assert F.conv_transpose2d(x, lucid.ones(4, 2, 3, 3), stride=2).shape == (0, 2, 13, 11)
