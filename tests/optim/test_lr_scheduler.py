"""Resuming, errors, groups added later. The rates themselves: test_lr_scheduler_parity.py."""

import math

import pytest

import lucid
from lucid import optim
from lucid.optim import lr_scheduler as schedules

MAKERS = {
    "lambda": lambda o: schedules.LambdaLR(o, lambda t: 1 / (1 + t)),
    "step": lambda o: schedules.StepLR(o, 3, gamma=0.7),
    "multistep": lambda o: schedules.MultiStepLR(o, [4, 11]),
    "exponential": lambda o: schedules.ExponentialLR(o, 0.9),
    "linear": lambda o: schedules.LinearLR(o, total_iters=10),
    "cosine": lambda o: schedules.CosineAnnealingLR(o, 8, eta_min=1e-3),
    "one cycle": lambda o: schedules.OneCycleLR(o, 1.0, total_steps=20),
    "plateau": lambda o: schedules.ReduceLROnPlateau(o, patience=1, cooldown=1),
    "sequential": lambda o: schedules.SequentialLR(
        o, [schedules.LinearLR(o, total_iters=5), schedules.CosineAnnealingLR(o, 9)], [5]
    ),
}


def sgd(lr=0.1):
    return optim.SGD([lucid.zeros(1, requires_grad=True)], lr=lr, momentum=0.5)


def advance(scheduler, first, last):
    rates = []
    for t in range(first, last):
        if isinstance(scheduler, schedules.ReduceLROnPlateau):
            scheduler.step(math.cos(t))
        else:
            scheduler.step()
        rates.append((scheduler.get_last_lr(), scheduler.optimizer.param_groups[0]["momentum"]))
    return rates


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("middle", [1, 7])
def test_resumes_exactly(name, middle, tmp_path):
    optimizer = sgd()
    scheduler = MAKERS[name](optimizer)
    advance(scheduler, 0, middle)
    state = (optimizer.state_dict(), scheduler.state_dict())
    expected = advance(scheduler, middle, 19)

    optimizer = sgd()
    resumed = MAKERS[name](optimizer)
    optimizer.load_state_dict(state[0])
    resumed.load_state_dict(state[1])
    assert advance(resumed, middle, 19) == expected


def test_last_epoch_goes_on_from_the_initial_rate():
    optimizer = sgd()
    scheduler = schedules.CosineAnnealingLR(optimizer, 10)
    rates = advance(scheduler, 0, 6)
    resumed = schedules.CosineAnnealingLR(optimizer, 10, last_epoch=3)
    assert resumed.get_last_lr() == pytest.approx(rates[3][0])
    with pytest.raises(ValueError, match='needs the key "initial_lr" in every parameter group'):
        schedules.StepLR(sgd(), 3, last_epoch=3)


@pytest.mark.parametrize("name", ["lambda", "step", "cosine"])
def test_a_group_added_later_takes_part(name):
    optimizer = sgd()
    scheduler = MAKERS[name](optimizer)
    optimizer.add_param_group({"params": [lucid.zeros(2)], "lr": 0.5})
    if name == "lambda":
        scheduler.lr_lambdas.append(lambda t: 0.5)
    scheduler.step()
    assert len(scheduler.get_last_lr()) == 2
    assert scheduler.base_lrs == [0.1, 0.5]


def test_one_cycle_ends():
    optimizer = sgd()
    scheduler = schedules.OneCycleLR(
        optimizer, 1.0, total_steps=4, anneal_strategy="linear", final_div_factor=10.0
    )
    rates = [r for (r,), _ in advance(scheduler, 0, 4)]
    # torch's straight line goes on below min_lr (and below zero) in the step after the last
    assert rates[-2:] == pytest.approx([0.004, 0.004])
    with pytest.raises(ValueError, match="made for 4 steps and cannot take step 5"):
        scheduler.step()


def test_one_cycle_of_one_step():
    scheduler = schedules.OneCycleLR(sgd(), 1.0, total_steps=1, pct_start=1.0)
    assert scheduler.get_last_lr() == [1.0]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda o: schedules.StepLR(3, 1), TypeError, "StepLR expects an Optimizer, got int"),
        (lambda o: schedules.StepLR(o, 0), ValueError, "step_size to be at least 1, got 0"),
        (lambda o: schedules.StepLR(o, 2.5), TypeError, "an int for step_size, got 2.5"),
        (lambda o: schedules.ExponentialLR(o, -1), ValueError, "gamma to be at least 0, got -1"),
        (lambda o: schedules.CosineAnnealingLR(o, 0), ValueError, "T_max to be at least 1"),
        (lambda o: schedules.LinearLR(o, start_factor=0), ValueError, "got start_factor=0"),
        (lambda o: schedules.LambdaLR(o, [abs, abs]), ValueError, "one value or 1, .* got 2"),
        (lambda o: schedules.OneCycleLR(o, 1.0), ValueError, "total_steps, or both epochs"),
        (lambda o: schedules.OneCycleLR(o, 1.0, 9, pct_start=2), ValueError, "0 to 1, got 2"),
        (
            lambda o: schedules.OneCycleLR(o, 1.0, 9, anneal_strategy="log"),
            ValueError,
            "got 'log'",
        ),
        (lambda o: schedules.ReduceLROnPlateau(o, "low"), ValueError, "mode .* got 'low'"),
        (lambda o: schedules.ReduceLROnPlateau(o, factor=1.0), ValueError, "factor .* below 1"),
        (
            lambda o: schedules.SequentialLR(o, [schedules.StepLR(o, 1)], [3]),
            ValueError,
            "1 milestones and 1 schedules",
        ),
        (
            lambda o: schedules.SequentialLR(o, [schedules.StepLR(sgd(), 1)], []),
            ValueError,
            "schedule 0 of SequentialLR belongs to another optimizer",
        ),
        (
            lambda o: schedules.SequentialLR(o, [schedules.ReduceLROnPlateau(o)], []),
            TypeError,
            "needs no metric, got ReduceLROnPlateau",
        ),
    ],
)
def test_bad_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make(sgd())


def test_a_state_of_another_schedule_is_refused():
    state = schedules.StepLR(sgd(), 3).state_dict()
    scheduler = schedules.CosineAnnealingLR(sgd(), 3)
    with pytest.raises(ValueError, match="the state of a CosineAnnealingLR has the keys"):
        scheduler.load_state_dict(state)
    assert scheduler.last_epoch == 0
