"""Numbers that go on from call to call, and code in a compiled function that looks at them."""

from __future__ import annotations

import pytest

import lucid
from lucid.compiler import Unsteady
from lucid.compiler.compiled import Compiled
from lucid.optim import lr_scheduler

LOOKS = {
    "rate": lambda w, optimizer, schedule: optimizer.param_groups[0]["lr"],
    "copy": lambda w, optimizer, schedule: dict(optimizer.param_groups[0])["lr"],
    "items": lambda w, optimizer, schedule: sorted(optimizer.param_groups[0].items())[2],
    "repr": lambda w, optimizer, schedule: repr(optimizer),
    "last": lambda w, optimizer, schedule: schedule.get_last_lr(),
    "epoch": lambda w, optimizer, schedule: schedule.last_epoch,
    "saved": lambda w, optimizer, schedule: schedule.state_dict(),
}


def stepping(look, schedule_is_inside=False):
    w = lucid.tensor(1.0, requires_grad=True)
    optimizer = lucid.optim.SGD([w], lr=0.5)
    schedule = lr_scheduler.ExponentialLR(optimizer, 0.5)

    def step(x):
        optimizer.zero_grad()
        (w * x).backward()
        optimizer.step()
        if schedule_is_inside:
            schedule.step()
        return look(w, optimizer, schedule)

    return step, w, optimizer, schedule


@pytest.mark.parametrize("name", LOOKS)
def test_a_rate_that_is_looked_at_is_that_of_the_call(name):
    found = []
    for wrap in (lambda f: f, lucid.compile):
        step, w, _, schedule = stepping(LOOKS[name])
        step = wrap(step)
        seen = []
        for i in range(6):
            seen.append((step(lucid.tensor(1.0)), w.item()))
            if i % 2:
                schedule.step()
        found.append(seen)
    assert found[0] == found[1]


@pytest.mark.parametrize("name", LOOKS)
def test_a_rate_that_changes_in_each_call_is_not_to_be_looked_at(name):
    step, w, optimizer, _ = stepping(LOOKS[name], schedule_is_inside=True)
    with pytest.raises(Unsteady, match=r"lr was 0\.25 and is 0\.125.*outside|last_epoch was 1 and"):
        lucid.compile(step)(lucid.tensor(1.0))
    assert (w.item(), optimizer.param_groups[0]["lr"]) == (1.0, 0.5)


@pytest.mark.parametrize(
    "look",
    [
        lambda w, optimizer, schedule: optimizer.state[w]["step"],
        lambda w, optimizer, schedule: optimizer.state_dict()["state"],
    ],
)
def test_a_count_of_steps_is_not_to_be_looked_at(look):
    step, *_ = stepping(look)
    with pytest.raises(Unsteady, match=r"SGD\.state\.step was 1 and is 2"):
        lucid.compile(step)(lucid.tensor(1.0))


def test_a_mean_that_is_updated_does_not_tell_its_count():
    layer = lucid.nn.Linear(1, 1)
    ema = lucid.optim.ExponentialMovingAverage(layer)
    with pytest.raises(Unsteady, match=r"count was 1\.0 and is 1\.9"):
        lucid.compile(lambda: ema.update() or ema.count)()
    told = lucid.compile(lambda x: x * ema.count)
    for _ in range(3):
        ema.update()
        assert told(lucid.tensor(1.0)).item() == pytest.approx(ema.count)


def test_a_rate_that_is_set_inside_is_set_in_each_call():
    found = []
    for wrap in (lambda f: f, lucid.compile):
        _, w, optimizer, _ = stepping(None)

        def step(x, rate, w=w, optimizer=optimizer):
            optimizer.param_groups[0]["lr"] = rate
            optimizer.zero_grad()
            (w * x).backward()
            optimizer.step()

        step = wrap(step)
        for rate in (0.5, 0.5, 0.25, 0.5, 0.25, 0.25):
            step(lucid.tensor(1.0), rate)
            found.append((w.item(), optimizer.param_groups[0]["lr"]))
    assert found[:6] == found[6:]


def test_rates_that_nobody_looks_at_need_one_trace():
    step, _, optimizer, schedule = stepping(
        lambda w, optimizer, schedule: [g["params"][0] for g in optimizer.param_groups]
    )
    compiled = Compiled(step)
    for _ in range(4):
        compiled((lucid.tensor(1.0),), {})
        schedule.step()
    optimizer.param_groups[0]["lr"] = 1.0
    compiled((lucid.tensor(1.0),), {})
    assert compiled.traces == 1


@pytest.mark.parametrize("level", ["group", "groups", "state"])
def test_options_and_state_replaced_by_equal_ones(level):
    found = []
    for wrap in (lambda f: f, lucid.compile):
        step, w, optimizer, _ = stepping(lambda *_: None)
        step = wrap(step)
        for i in range(5):
            group = optimizer.param_groups[0]
            if i == 2 and level == "group":
                optimizer.param_groups[0] = dict(group)
            if i == 2 and level == "groups":
                optimizer.param_groups = [dict(group)]
            if i == 2 and level == "state":
                optimizer.state[w] = dict(optimizer.state[w])
            if i == 3:
                optimizer.param_groups[0]["lr"] = 0.125
            step(lucid.tensor(1.0))
            found.append((w.item(), optimizer.state[w]["step"]))
    assert found[:5] == found[5:]


@pytest.mark.parametrize("size", [1, 3])
def test_a_tensor_of_the_state_is_replaced(size):
    found = []
    for wrap in (lambda f: f, lucid.compile):
        w = lucid.ones(size, requires_grad=True)
        optimizer = lucid.optim.SGD([w], lr=0.5, momentum=0.5)

        def step(x, w=w, optimizer=optimizer):
            optimizer.zero_grad()
            (w * x).sum().backward()
            optimizer.step()

        step = wrap(step)
        for i in range(5):
            if i > 2:
                state = optimizer.state[w]
                state["momentum_buffer"] = state["momentum_buffer"].clone()
            step(lucid.tensor(1.0))
            found.append((w.tolist(), optimizer.state[w]["momentum_buffer"].tolist()))
    assert found[:5] == found[5:]


def test_the_scale_of_a_scaler_is_that_of_the_call():
    w = lucid.tensor(1.0, requires_grad=True)
    scaler = lucid.amp.GradScaler(init_scale=8.0)
    compiled = Compiled(lambda x: scaler.scale(w * x).detach())
    for scale in (8.0, 8.0, 2.0, 32.0):
        scaler.update(scale)
        assert compiled((lucid.tensor(1.0),), {}).item() == scale
    assert compiled.traces == 1
    told = lucid.compile(lambda x: x * scaler.get_scale())
    for scale in (8.0, 8.0, 2.0):
        scaler.update(scale)
        assert told(lucid.tensor(1.0)).item() == scale


@pytest.mark.parametrize("method", ["unscale_", "update"])
def test_a_scaler_is_as_before_where_it_is_refused(method):
    w = lucid.tensor(1.0, requires_grad=True)
    optimizer, scaler = lucid.optim.SGD([w], lr=0.1), lucid.amp.GradScaler(init_scale=8.0)

    def step(x):
        scaler.scale(w * x).backward()
        scaler.unscale_(optimizer) if method == "unscale_" else scaler.update(4.0)

    for _ in range(2):
        with pytest.raises(lucid.compiler.DataDependentError, match="call the scaler's step and"):
            lucid.compile(step)(lucid.tensor(2.0))
        assert (scaler.get_scale(), w.grad) == (8.0, None)


def test_zeros_keep_their_sign():
    fast = lucid.compile(lambda x: lucid.stack([x / -0.0, x / 0.0, 1 / (x * -0.0), 1 / (x * 0.0)]))
    inf = float("inf")
    for dtype in (lucid.float32, lucid.float64, lucid.float16):
        for _ in range(2):
            y = fast(lucid.ones(1, dtype=dtype))
            assert (y[:, 0].tolist(), y.dtype) == ([-inf, inf, -inf, inf], dtype)
