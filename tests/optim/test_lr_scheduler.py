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
    "multiplicative": lambda o: schedules.MultiplicativeLR(o, lambda t: 1 - 0.5 / (1 + t)),
    "constant": lambda o: schedules.ConstantLR(o, 0.5, total_iters=9),
    "polynomial": lambda o: schedules.PolynomialLR(o, 15, power=2.0),
    "cyclic": lambda o: schedules.CyclicLR(o, 0.1, 1.0, 3, 5, mode="triangular2"),
    "restarts": lambda o: schedules.CosineAnnealingWarmRestarts(o, 3, 2, eta_min=0.01),
    "noam": lambda o: schedules.NoamLR(o, 16, warmup_steps=5),
    "warm-up, hold, decay": lambda o: schedules.WarmupHoldDecay(o, 17, 4, 3, power=2.0),
    "chained": lambda o: schedules.ChainedScheduler(
        [schedules.ConstantLR(o, total_iters=4), schedules.ExponentialLR(o, 0.9)]
    ),
    "plateau": lambda o: schedules.ReduceLROnPlateau(o, patience=1, cooldown=1),
    "sequential": lambda o: schedules.SequentialLR(
        o, [schedules.LinearLR(o, total_iters=5), schedules.CosineAnnealingLR(o, 9)], [5]
    ),
}

# arguments that are kept under their own names
SETTINGS = {
    "milestones", "gamma", "start_factor", "end_factor", "total_iters", "power", "T_max", "T_0",
    "T_mult", "eta_min", "d_model", "warmup_steps",
}  # fmt: skip


def sgd(lr=0.1):
    return optim.SGD([lucid.zeros(1, requires_grad=True)], lr=lr, momentum=0.5)


def advance(scheduler, first, last):
    rates = []
    for t in range(first, last):
        scheduler.optimizer.step()
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


@pytest.mark.parametrize(
    "name",
    ["lambda", "multistep", "exponential", "linear", "cosine", "polynomial", "restarts", "noam"],
)
def test_last_epoch_goes_on(name):
    optimizer = sgd()
    scheduler = MAKERS[name](optimizer)
    advance(scheduler, 0, 8)
    state = optimizer.state_dict()
    rates = advance(scheduler, 8, 16)
    optimizer.load_state_dict(state)
    kind, settings = type(scheduler), vars(scheduler)
    chosen = {k: v for k, v in settings.items() if k in SETTINGS}
    if "lr_lambdas" in settings:
        chosen["lr_lambda"] = settings["lr_lambdas"]
    resumed = kind(optimizer, **chosen, last_epoch=7)
    assert [r for r, _ in advance(resumed, 8, 16)] == [
        pytest.approx(r, rel=1e-12) for r, _ in rates
    ]


def test_last_epoch_needs_the_initial_rate():
    with pytest.raises(ValueError, match='needs the key "initial_lr" in every parameter group'):
        schedules.StepLR(sgd(), 3, last_epoch=3)


@pytest.mark.parametrize("name", ["lambda", "step", "cosine"])
def test_a_group_added_later_takes_part(name):
    optimizer = sgd()
    scheduler = MAKERS[name](optimizer)
    optimizer.add_param_group({"params": [lucid.zeros(2)], "lr": 0.5})
    if name == "lambda":
        scheduler.lr_lambdas.append(lambda t: 0.5)
    optimizer.step()
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
        (lambda o: schedules.ConstantLR(o, 0), ValueError, "factor to be above 0 .*1, got 0"),
        (lambda o: schedules.PolynomialLR(o, 0), ValueError, "total_iters to be at least 1"),
        (lambda o: schedules.MultiplicativeLR(o, 0.5), TypeError, "as functions, got float"),
        (lambda o: schedules.CyclicLR(o, 0.1, 1, mode="up"), ValueError, "mode .* got 'up'"),
        (
            lambda o: schedules.CyclicLR(o, 0.1, 1, scale_mode="up"),
            ValueError,
            "scale_mode .* got 'up'",
        ),
        (
            lambda o: schedules.CyclicLR(optim.Adagrad(o.param_groups[0]["params"]), 0.1, 1),
            ValueError,
            "Adagrad has no momentum to cycle",
        ),
        (lambda o: schedules.CosineAnnealingWarmRestarts(o, 0), ValueError, "T_0 .* got 0"),
        (lambda o: schedules.NoamLR(o, 0), ValueError, "d_model to be at least 1, got 0"),
        (lambda o: schedules.WarmupHoldDecay(o, 9, 5, 4), ValueError, "steps = 9, got 9"),
        (lambda o: schedules.ChainedScheduler([]), ValueError, "at least one schedule, got none"),
        (
            lambda o: schedules.ChainedScheduler([schedules.ReduceLROnPlateau(o)]),
            TypeError,
            "ChainedScheduler expects schedules whose step",
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


def test_a_step_before_the_optimizers_is_warned_of():
    optimizer = sgd()
    scheduler = schedules.StepLR(optimizer, 3)
    with pytest.warns(UserWarning, match="StepLR.step.. came before the first optimizer.step"):
        scheduler.step()
    scheduler.step()  # once


class Ported(schedules._LRScheduler):
    """A schedule as people write them for torch."""

    def __init__(self, optimizer, warmup_steps=3, last_epoch=-1):
        self.warmup_steps = warmup_steps
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        if not self._get_lr_called_within_step:
            raise AssertionError
        factor = min(1.0, (self.last_epoch + 1) / self.warmup_steps)
        return [base * factor for base in self.base_lrs]


def test_a_schedule_brought_along_from_torch():
    scheduler = Ported(sgd(lr=3.0))
    assert [scheduler.get_last_lr(), *(r for r, _ in advance(scheduler, 0, 3))] == [
        [1.0], [2.0], [3.0], [3.0]
    ]  # fmt: skip
    assert scheduler.state_dict()["warmup_steps"] == 3


def test_the_peak_of_noam():
    optimizer = sgd(lr=0.01 * (64 * 10) ** 0.5)
    scheduler = schedules.NoamLR(optimizer, d_model=64, warmup_steps=10)
    rates = [scheduler.get_last_lr()[0], *(r[0][0] for r in advance(scheduler, 0, 40))]
    assert max(rates) == pytest.approx(0.01)
    assert rates.index(max(rates)) == 9
    assert rates[0] == pytest.approx(0.001)
    assert rates[39] == pytest.approx(0.005)


def nemo(base, step, max_steps, warmup, hold, power, low):
    """WarmupHoldPolicy with _poly_decay, of NeMo's nemo/core/optim/lr_scheduler.py."""
    held = hold + warmup
    if step <= warmup and warmup > 0:
        return base * (step + 1) / (warmup + 1)
    if warmup <= step < held:
        return base
    if step > max_steps:
        return low
    p = min(step - held, max_steps - held) / (max_steps - held)
    return (base - low) * math.pow(1.0 - p, power) + low


@pytest.mark.parametrize("warmup", [0, 1, 7])
@pytest.mark.parametrize("hold", [0, 4])
@pytest.mark.parametrize("power", [1.0, 2.0])
@pytest.mark.parametrize("low", [0.0, 0.01])
def test_warm_up_hold_decay_is_nemos(warmup, hold, power, low):
    scheduler = schedules.WarmupHoldDecay(sgd(), 20, warmup, hold, power, low)
    rates = [scheduler.get_last_lr()[0], *(r[0][0] for r in advance(scheduler, 0, 24))]
    expected = [nemo(0.1, t, 20, warmup, hold, power, low) for t in range(25)]
    assert rates == pytest.approx(expected, rel=1e-12)


def test_a_state_of_another_schedule_is_refused():
    state = schedules.StepLR(sgd(), 3).state_dict()
    scheduler = schedules.CosineAnnealingLR(sgd(), 3)
    with pytest.raises(ValueError, match="the state of a CosineAnnealingLR has the keys"):
        scheduler.load_state_dict(state)
    assert scheduler.last_epoch == 0
