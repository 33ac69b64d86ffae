"""Every optimizer against PyTorch, 50 steps on the same random gradients."""

import itertools

import mlx.core as mx
import numpy as np
import pytest

import lucid
from lucid import optim

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

SHAPES = [(4, 3, 5), (7,), (), (0, 3)]
TOLERANCE = {"float32": 2e-6, "float64": 1e-13}


@pytest.fixture(autouse=True)
def uncompiled():
    """Every option is another kernel for the C++ compiler, at a second each."""
    mx.disable_compile()
    yield
    mx.enable_compile()


def options(**choices):
    for values in itertools.product(*choices.values()):
        yield dict(zip(choices, values, strict=True))


SGD = [
    o
    for o in options(
        momentum=[0.0, 0.9],
        dampening=[0.0, 0.3],
        weight_decay=[0.0, 0.05],
        nesterov=[False, True],
        maximize=[False, True],
    )
    if not (o["nesterov"] and (o["momentum"] == 0 or o["dampening"] != 0))
]
ADAM = list(
    options(
        betas=[(0.9, 0.999), (0.6, 0.95)],
        eps=[1e-8, 1e-3],
        weight_decay=[0.0, 0.05],
        amsgrad=[False, True],
        maximize=[False, True],
    )
)
CASES = [
    *(("SGD", o) for o in SGD),
    *(("Adam", o) for o in ADAM),
    *(("AdamW", o) for o in ADAM),
]


def pair(dtype, seed=0):
    """The same parameters in torch and in lucid."""
    rng = np.random.default_rng(seed)
    values = [np.asarray(rng.standard_normal(s), dtype) for s in SHAPES]
    theirs = [torch.tensor(v, requires_grad=True) for v in values]
    ours = [
        lucid.tensor(v, requires_grad=True, dtype=getattr(lucid, dtype), device="cpu")
        for v in values
    ]
    return theirs, ours


def feed(rng, theirs, ours, absent=()):
    for i, (t, o) in enumerate(zip(theirs, ours, strict=True)):
        if i in absent:
            t.grad = o.grad = None
            continue
        g = np.asarray(rng.standard_normal(t.shape) * 10.0 ** rng.integers(-3, 2), dtype="float64")
        t.grad = torch.tensor(g, dtype=t.dtype)
        o.grad = lucid.tensor(g, dtype=o.dtype, device="cpu")


def check(theirs, ours, tolerance):
    for t, o in zip(theirs, ours, strict=True):
        assert o.numpy().dtype == t.detach().numpy().dtype
        np.testing.assert_allclose(o.numpy(), t.detach().numpy(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "settings"), CASES, ids=lambda v: str(v).replace(" ", ""))
def test_fifty_steps(name, settings, dtype):
    theirs, ours = pair(dtype)
    a = getattr(torch.optim, name)(theirs, lr=0.02, **settings)
    b = getattr(optim, name)(ours, lr=0.02, **settings)
    rng = np.random.default_rng(1)
    for _ in range(50):
        feed(rng, theirs, ours)
        a.step()
        b.step()
    check(theirs, ours, TOLERANCE[dtype])


OTHERS = ["RAdam", "NAdam", "RMSprop", "Adagrad", "Adamax", "Adadelta", "ASGD", "Rprop"]


@pytest.fixture
def double():
    """torch keeps some counts in its default dtype."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", *OTHERS])
def test_groups_missing_gradients_and_changed_rates(name, double):
    theirs, ours = pair("float64")
    momentum = {"momentum": 0.9, "dampening": 0.5} if name == "SGD" else {}
    if name == "ASGD":
        momentum = {"t0": 5, "lambd": 0.1}

    def groups(p):
        return [
            {"params": p[:1], "lr": 0.1, "weight_decay": 0.1},
            {"params": p[1:], "maximize": True},
        ]

    a = getattr(torch.optim, name)(groups(theirs), lr=0.02, **momentum)
    b = getattr(optim, name)(groups(ours), lr=0.02, **momentum)
    rng = np.random.default_rng(2)
    for step in range(50):
        feed(rng, theirs, ours, absent=[1] if step < 5 else [step % 4])
        a.param_groups[1]["lr"] = b.param_groups[1]["lr"] = 0.02 / (1 + step)
        a.step()
        b.step()
    check(theirs, ours, 1e-12)
    for t, o in zip(theirs, ours, strict=True):
        for key, expected in a.state[t].items():
            found = b.state[o][key]
            found = found.numpy() if isinstance(found, lucid.Tensor) else found
            np.testing.assert_allclose(found, expected.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_a_state_of_torch_loads(name):
    settings = {"momentum": 0.9} if name == "SGD" else {"amsgrad": True}
    theirs, ours = pair("float64")
    a = getattr(torch.optim, name)(theirs, lr=0.1, **settings)
    b = getattr(optim, name)(ours, lr=0.3, **settings)
    rng = np.random.default_rng(3)
    for _ in range(3):
        feed(rng, theirs, ours)
        a.step()
    for t, o in zip(theirs, ours, strict=True):
        o.data = lucid.tensor(t.detach().numpy(), dtype=lucid.float64, device="cpu")
    b.load_state_dict(a.state_dict())
    for _ in range(3):
        feed(rng, theirs, ours)
        a.step()
        b.step()
    check(theirs, ours, 1e-13)
