"""Outputs and gradients equal those of the same network written in PyTorch."""

import numpy as np
import pytest

torch_models = pytest.importorskip("torch_models")

import lucid  # noqa: E402
from lucid.models import ConvTasNet, DSNet, MatchboxNet  # noqa: E402

torch = torch_models.torch
pytestmark = pytest.mark.parity


def close(ours, theirs, name):
    """Equal to 2e-5 of the largest value: sums of thousands of float32 products."""
    theirs = theirs.detach().numpy()
    error = np.abs(ours.numpy() - theirs).max()
    assert error <= 2e-5 * max(np.abs(theirs).max(), 1e-3), f"{name}: {error}"


CASES = {
    "matchboxnet": (
        lambda: MatchboxNet(40, 10, channels=16),
        lambda s, x, training: torch_models.matchboxnet(s, x, training),
        (3, 40, 51),
    ),
    "matchboxnet 2x2": (
        lambda: MatchboxNet(12, 5, 2, 2, 8),
        lambda s, x, training: torch_models.matchboxnet(s, x, training, 2, 2),
        (4, 12, 30),
    ),
    "dsnet": (lambda: DSNet(10, (16, 16, 24)), torch_models.dsnet, (3, 1, 2000)),
    "conv_tasnet": (
        lambda: ConvTasNet(2, 16, 24, 3, 12, 20, 3, 2),
        lambda s, x, training: torch_models.conv_tasnet(s, x, layers=3),
        (2, 1, 1003),
    ),
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_outputs_and_gradients(case, training):
    build, reference, shape = CASES[case]
    lucid.manual_seed(0)
    model = build()
    model.train(training)
    state = torch_models.torch_state(model)
    rng = np.random.default_rng(1)
    x = rng.standard_normal(shape).astype(np.float32)
    ours_x = lucid.tensor(x, requires_grad=True)
    theirs_x = torch.tensor(x, requires_grad=True)

    ours, theirs = model(ours_x), reference(state, theirs_x, training)
    close(ours, theirs, "output")
    seed = rng.standard_normal(theirs.shape).astype(np.float32)
    ours.backward(lucid.tensor(seed))
    theirs.backward(torch.tensor(seed))
    close(ours_x.grad, theirs_x.grad, "gradient of x")
    for name, p in model.named_parameters():
        close(p.grad, state[name].grad, name)
    for name, value in model.state_dict().items():  # running statistics too
        if not name.endswith("num_batches_tracked"):  # that, F.batch_norm does not count
            close(value, state[name], name)
