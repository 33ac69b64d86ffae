"""Every schedule against PyTorch: the sequence of rates over 100 steps, two groups."""

import math

import pytest

import lucid
from lucid import optim

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

STEPS = 100
CASES = [
    ("LambdaLR", {"lr_lambda": lambda t: 0.95**t}),
    ("LambdaLR", {"lr_lambda": [lambda t: 1 / (1 + t), lambda t: 1.0]}),
    ("StepLR", {"step_size": 7, "gamma": 0.8}),
    ("StepLR", {"step_size": 1}),
    ("MultiStepLR", {"milestones": [30, 5, 5, 80], "gamma": 0.5}),
    ("MultiStepLR", {"milestones": [0]}),
    ("ExponentialLR", {"gamma": 0.97}),
    ("LinearLR", {"start_factor": 0.1, "total_iters": 20}),
    ("LinearLR", {"start_factor": 1.0, "end_factor": 0.0, "total_iters": 40}),
    ("MultiplicativeLR", {"lr_lambda": lambda t: 1 - 0.5 / (1 + t)}),
    ("MultiplicativeLR", {"lr_lambda": [lambda t: 0.9, lambda t: 1.02]}),
    ("ConstantLR", {}),
    ("ConstantLR", {"factor": 0.7, "total_iters": 30}),
    ("ConstantLR", {"factor": 1.0, "total_iters": 0}),
    ("PolynomialLR", {}),
    ("PolynomialLR", {"total_iters": 60, "power": 2.5}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.3, "step_size_up": 9}),
    (
        "CyclicLR",
        {
            "base_lr": [0.01, 0.1],
            "max_lr": [0.3, 0.2],
            "step_size_up": 9,
            "step_size_down": 4,
            "mode": "triangular2",
        },
    ),
    (
        "CyclicLR",
        {
            "base_lr": 0.01,
            "max_lr": 0.3,
            "step_size_up": 9,
            "mode": "exp_range",
            "gamma": 0.97,
            "base_momentum": 0.5,
            "max_momentum": 0.7,
        },
    ),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.3, "step_size_up": 9, "scale_fn": lambda x: 1 / x}),
    (
        "CyclicLR",
        {
            "base_lr": 0.01,
            "max_lr": 0.3,
            "step_size_up": 9,
            "cycle_momentum": False,
            "scale_fn": lambda x: 0.99**x,
            "scale_mode": "iterations",
        },
    ),
    ("CosineAnnealingWarmRestarts", {"T_0": 11}),
    ("CosineAnnealingWarmRestarts", {"T_0": 5, "T_mult": 2, "eta_min": 0.01}),
    ("CosineAnnealingWarmRestarts", {"T_0": 1, "T_mult": 3}),
    ("CosineAnnealingLR", {"T_max": 100}),
    ("CosineAnnealingLR", {"T_max": 9, "eta_min": 0.01}),
    ("CosineAnnealingLR", {"T_max": 1, "eta_min": 0.01}),
    ("OneCycleLR", {"max_lr": 0.3, "total_steps": STEPS}),
    ("OneCycleLR", {"max_lr": [0.3, 0.1], "epochs": 10, "steps_per_epoch": 10, "pct_start": 0.0}),
    ("OneCycleLR", {"max_lr": 0.3, "total_steps": STEPS, "anneal_strategy": "linear"}),
    ("OneCycleLR", {"max_lr": 0.3, "total_steps": STEPS, "three_phase": True, "pct_start": 0.4}),
    ("OneCycleLR", {"max_lr": 0.3, "total_steps": STEPS, "three_phase": True, "pct_start": 0.6}),
    ("OneCycleLR", {"max_lr": 0.3, "total_steps": STEPS, "pct_start": 1.0}),
    ("OneCycleLR", {"max_lr": 0.3, "total_steps": STEPS, "cycle_momentum": False}),
    (
        "OneCycleLR",
        {
            "max_lr": 0.3,
            "total_steps": STEPS,
            "base_momentum": [0.1, 0.8],
            "max_momentum": 0.9,
            "div_factor": 5.0,
            "final_div_factor": 7.0,
        },
    ),
]


def optimizers(name="SGD", **settings):
    theirs = [torch.zeros(2, requires_grad=True) for _ in range(2)]
    ours = [lucid.zeros(2, requires_grad=True) for _ in range(2)]

    def groups(p):
        return [{"params": [p[0]], "lr": 0.2}, {"params": [p[1]]}]

    return (
        getattr(torch.optim, name)(groups(theirs), lr=0.05, **settings),
        getattr(optim, name)(groups(ours), lr=0.05, **settings),
    )


def module(library):
    return library.optim.lr_scheduler


def run(a, b, theirs, ours, steps=STEPS - 1, metrics=None):
    """Step both, and compare what the optimizers use, including the momentum."""
    for step in range(steps):
        for theirs_group, ours_group in zip(a.param_groups, b.param_groups, strict=True):
            for key in {"lr", "momentum", "betas"} & set(ours_group):
                expected = pytest.approx(theirs_group[key], rel=1e-13, abs=1e-16)
                assert ours_group[key] == expected, (step, key)
        assert ours.get_last_lr() == [g["lr"] for g in b.param_groups]
        a.step()
        b.step()
        arguments = () if metrics is None else (metrics[step],)
        theirs.step(*arguments)
        ours.step(*arguments)


@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
@pytest.mark.parametrize(("name", "settings"), CASES)
def test_rates(name, settings, optimizer):
    a, b = optimizers(optimizer)
    run(
        a,
        b,
        getattr(module(torch), name)(a, **settings),
        getattr(module(lucid), name)(b, **settings),
    )


def resume(a, b, name, settings):
    """Ten epochs, then both made anew with last_epoch."""
    for lib, o in ((torch, a), (lucid, b)):
        scheduler = getattr(module(lib), name)(o, **settings)
        for _ in range(10):
            o.step()
            scheduler.step()
    return [
        getattr(module(lib), name)(o, **settings, last_epoch=10)
        for lib, o in ((torch, a), (lucid, b))
    ]


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_last_epoch(name, settings):
    if name == "CosineAnnealingWarmRestarts":  # torch forgets all restarts but one
        return
    a, b = optimizers("Adam")
    theirs, ours = resume(a, b, name, settings)
    assert ours.last_epoch == theirs.last_epoch == 11
    run(a, b, theirs, ours, steps=30)


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_states_of_torch_load(name, settings):
    if name == "OneCycleLR":  # torch saves its phases under names of their own
        return
    a, b = optimizers()
    theirs = getattr(module(torch), name)(a, **settings)
    for _ in range(7):
        a.step()
        theirs.step()
    ours = getattr(module(lucid), name)(b, **settings)
    b.load_state_dict(a.state_dict())
    ours.load_state_dict(theirs.state_dict())
    assert ours.get_last_lr() == theirs.get_last_lr()
    run(a, b, theirs, ours, steps=30)


@pytest.mark.filterwarnings("ignore:The epoch parameter")
@pytest.mark.parametrize(("name", "settings"), CASES)
def test_an_epoch_of_choice(name, settings):
    kind = getattr(module(torch), name)
    if name != "LambdaLR" and not hasattr(kind, "_get_closed_form_lr"):
        return  # torch goes on from the rate of the epoch before
    a, b = optimizers()
    theirs, ours = kind(a, **settings), getattr(module(lucid), name)(b, **settings)
    for epoch in (3, 4, 1, 30, 0, 12):
        for optimizer, scheduler in ((a, theirs), (b, ours)):
            optimizer.step()
            scheduler.step(epoch)
        assert ours.get_last_lr() == pytest.approx(theirs.get_last_lr(), rel=1e-9, abs=1e-15)
        assert ours.last_epoch == epoch
    ours.step()
    assert ours.last_epoch == 13


def test_fractions_of_epochs():
    a, b = optimizers()
    for settings in ({"T_0": 3}, {"T_0": 2, "T_mult": 2}):
        pair = [module(lib).CosineAnnealingWarmRestarts(o, **settings)
                for lib, o in ((torch, a), (lucid, b))]  # fmt: skip
        for i in range(60):
            b.step()
            for scheduler in pair:
                scheduler.step(i / 4)
            assert pair[1].get_last_lr() == pytest.approx(pair[0].get_last_lr(), rel=1e-12)
            assert pair[1].last_epoch == pair[0].last_epoch


def test_chained():
    a, b = optimizers()

    def build(lib, o):
        m = module(lib)
        parts = [m.ConstantLR(o, 0.1, total_iters=12), m.ExponentialLR(o, 0.95), m.StepLR(o, 30)]
        return m.ChainedScheduler(parts)

    theirs, ours = build(torch, a), build(lucid, b)
    run(a, b, theirs, ours, steps=40)
    ours.load_state_dict(theirs.state_dict())
    run(a, b, theirs, ours, steps=40)


@pytest.mark.parametrize(
    "settings",
    [
        {"patience": 3},
        {"patience": 0, "factor": 0.5, "cooldown": 4, "min_lr": [0.01, 0.0]},
        {"mode": "max", "patience": 2, "threshold": 0.1, "threshold_mode": "abs"},
        {"mode": "max", "patience": 2, "threshold": 0.1, "factor": 0.9},
        {"patience": 2, "threshold": 0.05, "threshold_mode": "abs", "eps": 1e-3},
    ],
)
def test_plateau(settings):
    a, b = optimizers()
    metrics = [math.nan if t == 40 else 3 * 0.97**t + 0.3 * math.sin(t) for t in range(STEPS)]
    theirs = module(torch).ReduceLROnPlateau(a, **settings)
    run(a, b, theirs, module(lucid).ReduceLROnPlateau(b, **settings), metrics=metrics)


def test_two_schedules_on_one_optimizer():
    a, b = optimizers()
    pairs = [
        (module(lib).ExponentialLR(o, 0.99), module(lib).CosineAnnealingLR(o, 30))
        for lib, o in ((torch, a), (lucid, b))
    ]
    for _ in range(STEPS):
        a.step()
        b.step()
        for first, second in pairs:
            first.step()
            second.step()
        assert [g["lr"] for g in b.param_groups] == pytest.approx(
            [g["lr"] for g in a.param_groups], rel=1e-13
        )


SEQUENCES = {
    "cosine": lambda m, o: [m.CosineAnnealingLR(o, 40), m.ExponentialLR(o, 0.95)],
    "restarts": lambda m, o: [m.CosineAnnealingWarmRestarts(o, 7, 2), m.PolynomialLR(o, 20, 2.0)],
    "constant": lambda m, o: [m.ConstantLR(o, 0.5, 20), m.MultiStepLR(o, [3, 9])],
    "lambda": lambda m, o: [m.LambdaLR(o, lambda t: 0.9**t), m.StepLR(o, 5)],
}


@pytest.mark.parametrize("name", SEQUENCES)
def test_sequential(name):
    a, b = optimizers()

    def build(lib, o):
        m = module(lib)
        parts = [m.LinearLR(o, 0.1, total_iters=10), *SEQUENCES[name](m, o)]
        return m.SequentialLR(o, parts, milestones=[10, 60])

    run(a, b, build(torch, a), build(lucid, b))
