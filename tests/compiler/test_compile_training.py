"""A compiled training step does what the eager one does."""

from __future__ import annotations

import mlx.core as mx
import numpy as np
import pytest

import lucid
from lucid import nn
from lucid.compiler.trace import PIECE, TINY, _pieces
from lucid.optim import lr_scheduler

OPTIMIZERS = {
    "SGD": lambda p: lucid.optim.SGD(p, lr=0.05),
    "momentum": lambda p: lucid.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True),
    "Adam": lambda p: lucid.optim.Adam(p, lr=0.01, amsgrad=True),
    "AdamW": lambda p: lucid.optim.AdamW(p, lr=0.01),
    "RMSprop": lambda p: lucid.optim.RMSprop(p, lr=0.01, momentum=0.5, centered=True),
    "NAdam": lambda p: lucid.optim.NAdam(p, lr=0.01),
    "RAdam": lambda p: lucid.optim.RAdam(p, lr=0.01),
    "Adagrad": lambda p: lucid.optim.Adagrad(p, lr=0.05),
    "Adamax": lambda p: lucid.optim.Adamax(p, lr=0.01),
    "Lion": lambda p: lucid.optim.Lion(p, lr=0.01),
}


def model() -> nn.Module:
    lucid.manual_seed(0)
    return nn.Sequential(
        nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.3), nn.BatchNorm1d(8), nn.Linear(8, 3)
    )


def batches(count: int = 4) -> list[lucid.Tensor]:
    rng = np.random.default_rng(0)
    return [lucid.Tensor(rng.normal(size=(5, 6)).astype(np.float32)) for _ in range(count)]


def state_of(net: nn.Module) -> dict[str, np.ndarray]:
    found = {k: v.numpy() for k, v in net.state_dict().items()}
    grads = {f"{k}.grad": p.grad.numpy() for k, p in net.named_parameters() if p.grad is not None}
    return {**found, **grads}


def assert_same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> None:
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_allclose(a[name], b[name], rtol=2e-5, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_with_each_optimizer(name):
    def run(wrap):
        net = model()
        optimizer = OPTIMIZERS[name](net.parameters())

        def step(x):
            optimizer.zero_grad()
            loss = net(x).square().mean()
            loss.backward()
            optimizer.step()
            return loss

        step = wrap(step)
        losses = [step(x).item() for x in batches()]
        return {**state_of(net), "losses": np.array(losses)}, optimizer.state_dict()

    (eager, state), (compiled, state_compiled) = run(lambda f: f), run(lucid.compile)
    assert_same(eager, compiled)
    for i, slots in state["state"].items():
        for key, value in slots.items():
            other = state_compiled["state"][i][key]
            if isinstance(value, lucid.Tensor):
                np.testing.assert_allclose(value.numpy(), other.numpy(), rtol=2e-5, atol=1e-6)
            else:
                assert value == other


def test_schedules_clipping_and_averages_go_on():
    def run(wrap):
        net = model()
        optimizer = lucid.optim.Adam(net.parameters(), lr=0.01)
        schedule = lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=8)
        average = lucid.optim.ExponentialMovingAverage(net, decay=0.9)

        def step(x):
            optimizer.zero_grad()
            net(x).square().mean().backward()
            norm = nn.utils.clip_grad_norm_(net.parameters(), 0.05)
            optimizer.step()
            schedule.step()
            average.update()
            return {"norm": norm, "parts": (norm * 2, "a"), "n": 3}

        step = wrap(step)
        results = [step(x) for x in batches(6)]
        assert [r["parts"][1] for r in results] == ["a"] * 6
        found = {f"average {k}": v.numpy() for k, v in average.state_dict()["state"].items()}
        found["norms"] = np.array([[r["norm"].item(), r["parts"][0].item()] for r in results])
        return {**state_of(net), **found}, schedule.state_dict(), average.count, step

    (eager, rates, count, _), (compiled, rates_compiled, count_compiled, _) = (
        run(lambda f: f),
        run(lucid.compile),
    )
    assert_same(eager, compiled)
    assert rates == rates_compiled
    assert count == count_compiled


@pytest.mark.parametrize("set_to_none", [True, False])
def test_gradients_accumulate(set_to_none):
    def run(wrap):
        net = model().eval()
        optimizer = lucid.optim.SGD(net.parameters(), lr=0.1)
        backward = wrap(lambda x: net(x).square().mean().backward())

        for x in batches(3):
            for part in (x, x + 1, x * 2):
                backward(part)
            optimizer.step()
            optimizer.zero_grad(set_to_none)
        backward(x)
        return state_of(net)

    assert_same(run(lambda f: f), run(lucid.compile))


@pytest.mark.filterwarnings("ignore:.* was traced 8 times")
def test_everything_may_change_between_calls():
    def run(wrap):
        net = model()
        optimizer = lucid.optim.Adam(net.parameters(), lr=0.01)

        @wrap
        def step(x, scale=1.0):
            optimizer.zero_grad()
            loss = net(x).square().mean() * scale
            loss.backward()
            optimizer.step()
            return loss

        xs, losses = batches(12), []
        start, saved = net.state_dict(), optimizer.state_dict()
        for i, x in enumerate(xs):
            if i == 1:
                net.eval()
            if i == 2:
                net.train()
                net[2].p = 0.6
            if i == 3:
                net.load_state_dict(start)
            if i == 4:
                net[0].weight.requires_grad_(False)
            if i == 5:
                net[0].weight.requires_grad_(True)
                optimizer.param_groups[0]["lr"] = 0.1
            if i == 6:
                net[1] = nn.Tanh()
            if i == 7:
                net[0].weight.data = net[0].weight.data * 0.5
            if i == 8:
                optimizer.add_param_group({"params": [lucid.zeros(2, requires_grad=True)]})
                optimizer.param_groups[0]["weight_decay"] = 0.1
            if i == 9:
                net[0].register_forward_hook(lambda module, args, y: y * 2)
            if i == 10:
                x = x[:3]
            if i == 11:
                net.double()
                x = x.double()
            if i == 5:
                saved = optimizer.state_dict()
            if i == 7:
                optimizer.load_state_dict(saved)
            losses.append(step(x, scale=2.0 if i > 8 else 1.0).item())
            losses.append(step(x, scale=2.0 if i > 8 else 1.0).item())
        return {**state_of(net), "losses": np.array(losses)}

    assert_same(run(lambda f: f), run(lucid.compile))


def test_results_are_computed_in_pieces_the_last_first_and_none_is_left_out() -> None:
    sizes = [1, PIECE, 3, 5, TINY, 7, 0, 1]  # bytes
    found = _pieces([mx.zeros(n, mx.uint8) for n in sizes])
    assert [i for piece in found for i in reversed(range(len(sizes))[piece])] == [*range(8)][::-1]
    if lucid.default_device() == "cpu":
        assert [sizes[piece] for piece in found] == [[TINY, 7, 0, 1], [PIECE, 3, 5], [1]]
    assert _pieces([]) == _pieces([mx.zeros(PIECE)]) == [slice(None)]  # so are tiny networks


@pytest.mark.skipif(lucid.default_device() != "cpu", reason="what the CPU's memory holds")
def test_what_backward_makes_anew_is_not_kept_since_the_forward_pass():
    layers = nn.Sequential(*[nn.Conv1d(32, 32, 3, padding=1) for _ in range(8)])
    optimizer = lucid.optim.SGD(layers.parameters(), lr=0.1)

    def step(x):
        optimizer.zero_grad()
        layers(x).square().mean().backward()
        optimizer.step()

    compiled = lucid.compile(step)
    x = lucid.ones(1, 32, 8000)
    compiled(x), compiled(x)
    mx.synchronize()
    held = mx.get_active_memory()
    mx.reset_peak_memory()
    compiled(x)
    mx.eval([p.array for p in layers.parameters()])
    # 21 signals: one of each layer, and what three layers make of theirs; 40 where it is kept
    assert mx.get_peak_memory() - held <= 25 * x.array.nbytes
