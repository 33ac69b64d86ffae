"""The two discriminators of vocoders, as a user ports them: outputs, gradients, gradient penalty.

Period discriminator: Kong et al., "HiFi-GAN" (2020). Spectrogram discriminator: Défossez et al.,
"EnCodec" (2022). Both here with fewer channels.
"""

import numpy as np
import pytest

import lucid

pytestmark = pytest.mark.parity
torch = pytest.importorskip("torch")


def period(lib):
    """Its layers take (N, C, L // 3, 3)."""
    nn = lib.nn
    weight_norm = nn.utils.weight_norm if lib is lucid else torch.nn.utils.weight_norm
    sizes = [(1, 4), (4, 8), (8, 8)]
    layers = []
    for a, b in sizes:
        layers += [weight_norm(nn.Conv2d(a, b, (5, 1), (3, 1), padding=(2, 0))), nn.LeakyReLU(0.1)]
    return nn.Sequential(*layers, weight_norm(nn.Conv2d(8, 1, (3, 1), 1, padding=(1, 0))))


def spectral(lib):
    nn = lib.nn
    layers = [nn.Conv2d(2, 4, (3, 9), padding=(1, 4)), nn.LeakyReLU(0.2)]
    for d in (1, 2):
        layers += [
            nn.Conv2d(4, 4, (3, 9), (1, 2), dilation=(d, 1), padding=(d, 4)),
            nn.GroupNorm(1, 4),
            nn.LeakyReLU(0.2),
        ]
    return nn.Sequential(*layers, nn.Conv2d(4, 1, (3, 3), padding=1))


def trained(lib, make, state, x):
    """Gradients of all parameters for a hinge loss with a gradient penalty; the loss first."""
    net = make(lib).double()
    net.load_state_dict(state)
    x = lib.tensor(x, dtype=lib.float64, requires_grad=True)
    score = net(x)
    loss = lib.relu(1 - score).mean()
    (slope,) = lib.autograd.grad(score.sum(), [x], create_graph=True)
    loss = loss + ((slope.flatten(1).norm(dim=1) - 1) ** 2).mean()
    loss.backward()
    grads = {name: p.grad.numpy() for name, p in net.named_parameters()}
    return loss.item(), grads


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated:FutureWarning")
@pytest.mark.parametrize(("make", "shape"), [(period, (2, 1, 40, 3)), (spectral, (2, 2, 9, 33))])
def test_equals_torch(make, shape):
    torch.manual_seed(0)
    state = make(torch).double().state_dict()
    x = np.random.default_rng(0).normal(size=shape)
    ours, theirs = (trained(lib, make, state, x) for lib in (lucid, torch))
    assert ours[0] == pytest.approx(theirs[0], rel=1e-12)
    assert ours[1].keys() == theirs[1].keys()
    for name, g in theirs[1].items():
        np.testing.assert_allclose(ours[1][name], g, atol=1e-12, err_msg=name)
