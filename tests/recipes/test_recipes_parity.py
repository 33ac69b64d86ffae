"""The same weights, batches and recipe in PyTorch give the same loss for 200 steps.

In float64, that is. In float32 training is chaotic: after 50 to 100 steps PyTorch's own float32
losses are 1 % away from its float64 ones, and so are ours. There the first 30 steps are compared.
"""

import itertools

import numpy as np
import pytest

torch_models = pytest.importorskip("torch_models")

import lucid  # noqa: E402
from lucid.recipes import denoise, keywords  # noqa: E402
from lucid.recipes.training import take_steps  # noqa: E402

torch = torch_models.torch
pytestmark = [pytest.mark.parity, pytest.mark.slow]
STEPS = 200


def ours(job, steps):
    """The losses of the loop itself."""
    found = []
    for epoch in itertools.count():
        job.loader.set_epoch(epoch)
        for loss in take_steps(job, min(len(job.loader), steps - len(found))):
            found.append(loss)
        if len(found) == steps:
            return np.array(found)


def theirs(job, net, optimizer_of, schedule_of, loss_of):
    """The same in PyTorch, float64, from the same weights."""
    state = {
        name: value.detach().double().requires_grad_(value.requires_grad)
        for name, value in torch_models.torch_state(net).items()
    }
    trained = [value for value in state.values() if value.requires_grad]
    optimizer = optimizer_of(trained)
    schedule = schedule_of(optimizer)
    found = []
    for epoch in itertools.count():
        job.loader.set_epoch(epoch)
        for batch in job.loader:
            optimizer.zero_grad()
            loss = loss_of(state, *batch)
            loss.backward()
            if job.clip is not None:
                torch.nn.utils.clip_grad_norm_(trained, job.clip)
            optimizer.step()
            schedule.step()
            found.append(loss.item())
            if len(found) == STEPS:
                return np.array(found)


def compare(make, expected):
    double = make()
    double.model.to(lucid.float64)
    found = ours(double, STEPS)
    assert expected[-20:].mean() < expected[:20].mean() - 0.5  # it learns
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_allclose(ours(make(), 30), expected[:30], rtol=1e-3)


def in_dtype_of(job):
    """Hand the inputs to the network, and its targets, in the dtype of its weights."""
    net = job.model.net if isinstance(job, keywords.Keywords) else job.model
    forward, loss = net.forward, job.loss

    def cast(x):
        return x.to(next(net.parameters()).dtype) if x.is_floating_point() else x

    net.forward = lambda x: forward(cast(x))
    job.loss = lambda batch: loss((batch[0], cast(batch[1])))
    return job


@pytest.mark.parametrize("kind", ["mel", "raw"])
def test_keywords(kind):
    config = keywords.Config(input=kind, epochs=20, batch_size=32, channels=8)
    data = keywords.prepare(config)

    def make():
        return in_dtype_of(keywords.Keywords(config, data))

    job = make()
    assert job.steps == STEPS

    def loss(state, x, numbers):
        if kind == "mel":
            x = job.model.features(x)
        forward = torch_models.matchboxnet if kind == "mel" else torch_models.dsnet
        scores = forward(state, torch.tensor(x.numpy()).double())
        targets = torch.tensor(numbers.numpy())
        return torch.nn.functional.cross_entropy(scores, targets, label_smoothing=0.1)

    expected = theirs(
        job,
        job.model.net,
        lambda p: torch.optim.AdamW(p, lr=3e-3, weight_decay=1e-2),
        lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 3e-3, total_steps=STEPS),
        loss,
    )
    compare(make, expected)


def test_denoise():
    config = denoise.Config(
        steps=STEPS,
        batch_size=4,
        seconds=0.3,
        epoch_steps=100,
        test_mixes=1,
        features=24,
        bottleneck=12,
        hidden=16,
        layers=3,
        stacks=2,
    )
    data = denoise.prepare(config)

    def make():
        return in_dtype_of(denoise.Denoise(config, data))

    def loss(state, noisy, clean):
        y = torch_models.conv_tasnet(state, torch.tensor(noisy.numpy()).double(), layers=3)
        target = torch.tensor(clean.numpy()).double()
        return -torch_models.si_snr(y[:, 0], target[:, 0]).mean()

    job = make()
    expected = theirs(
        job,
        job.model,
        lambda p: torch.optim.Adam(p, lr=1e-3),
        lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, STEPS),
        loss,
    )
    compare(make, expected)
