"""Autocast's lists and the scaler's law against PyTorch."""

import math

import numpy as np
import pytest

import lucid
from lucid.nn import functional as F
from lucid.ops.autocast import LOW, POLICIES, WIDE, WIDEST

torch = pytest.importorskip("torch")
lists = pytest.importorskip("torch.testing._internal.autocast_test_lists")
pytestmark = pytest.mark.parity

SAMPLES = lists.AutocastTestLists(torch.device("cpu"))
GROUPS = [
    ("torch_fp16", LOW),
    ("nn_fp16", LOW),
    ("linalg_fp16", LOW),
    ("torch_fp32", WIDE),
    ("nn_fp32", WIDE),
    ("torch_need_autocast_promote", WIDEST),
]
# torch's internal names, arguments that only these take, what has no 1-D use, and an equation
# that does not fit its operands
NOT_OFFERED = {
    "_convolution", "convolution", "conv3d", "conv_tbc", "cudnn_convolution",
    "cudnn_convolution_transpose", "conv_transpose3d", "grid_sampler", "nll_loss2d",
    "einsum", "poisson_nll_loss", "margin_ranking_loss",
    "lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell",
}  # fmt: skip


def cases():
    for group, policy in GROUPS:
        for i, (name, args, *more) in enumerate(getattr(SAMPLES, group)):
            if name not in NOT_OFFERED:
                yield pytest.param(name, args, *(more[:1] or [{}]), policy, id=f"{name}-{i}")


def found(name):
    name = name.removeprefix("linalg_")
    return next(getattr(place, name) for place in (lucid, F, lucid.linalg) if hasattr(place, name))


def ours(value):
    if isinstance(value, torch.Tensor):
        dtype = str(value.dtype).removeprefix("torch.")
        return lucid.tensor(value.detach().float().numpy(), dtype=dtype, device="cpu")
    if isinstance(value, list | tuple):
        return type(value)(ours(v) for v in value)
    if isinstance(value, torch.dtype):
        return getattr(lucid, str(value).removeprefix("torch."))
    return value


@pytest.mark.parametrize(("name", "args", "kwargs", "policy"), list(cases()))
def test_torchs_own_inputs(name, args, kwargs, policy):
    function = found(name)
    args = [ours(a) for a in (args if isinstance(args, tuple) else (args,))]
    kwargs = {k: ours(v) for k, v in kwargs.items()}
    with lucid.autocast("cpu", dtype=lucid.float16):
        y = function(*args, **kwargs)
    y = y[0] if isinstance(y, tuple) else y
    assert y.dtype == (lucid.float16 if policy == LOW else lucid.float32)


# What torch's lists for the CPU and for CUDA agree on
LAYERS = {
    "Conv1d": (lambda nn: nn.Conv1d(4, 3, 3), (2, 4, 9)),
    "ConvTranspose1d": (lambda nn: nn.ConvTranspose1d(4, 3, 3, stride=2), (2, 4, 9)),
    "Conv2d": (lambda nn: nn.Conv2d(4, 3, (3, 1)), (2, 4, 9, 5)),
    "Linear": (lambda nn: nn.Linear(4, 3), (2, 9, 4)),
    "BatchNorm1d": (lambda nn: nn.BatchNorm1d(4), (2, 4, 9)),
    "InstanceNorm1d": (lambda nn: nn.InstanceNorm1d(4), (2, 4, 9)),
    "LSTM": (lambda nn: nn.LSTM(4, 3), (5, 2, 4)),
    "MultiheadAttention": (lambda nn: nn.MultiheadAttention(4, 2), (5, 2, 4)),
    "GELU": (lambda nn: nn.GELU(), (2, 4)),
    "SiLU": (lambda nn: nn.SiLU(), (2, 4)),
    "ELU": (lambda nn: nn.ELU(), (2, 4)),
    "Tanh": (lambda nn: nn.Tanh(), (2, 4)),
    "Sigmoid": (lambda nn: nn.Sigmoid(), (2, 4)),
    "LeakyReLU": (lambda nn: nn.LeakyReLU(), (2, 4)),
    "PReLU": (lambda nn: nn.PReLU(), (2, 4)),
    "AvgPool1d": (lambda nn: nn.AvgPool1d(2), (2, 4, 8)),
    "MaxPool1d": (lambda nn: nn.MaxPool1d(2), (2, 4, 8)),
    "MSELoss": (lambda nn: nn.MSELoss(), (2, 4)),
    "L1Loss": (lambda nn: nn.L1Loss(), (2, 4)),
    "SmoothL1Loss": (lambda nn: nn.SmoothL1Loss(), (2, 4)),
}


@pytest.mark.parametrize("given", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", LAYERS)
def test_layers_give_torchs_dtypes_and_values(name, given):
    make, shape = LAYERS[name]
    a, b = make(torch.nn), make(lucid.nn).to("cpu")
    b.load_state_dict({k: v.numpy() for k, v in a.state_dict().items()})
    rng = np.random.default_rng(0)
    several = 3 if name == "MultiheadAttention" else 2 if "Loss" in name else 1
    values = [rng.standard_normal(shape).astype("float32") for _ in range(several)]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        x = a(*(torch.tensor(v).to(getattr(torch, given)) for v in values))
    with lucid.autocast("cpu", dtype=lucid.bfloat16):
        y = b(*(lucid.tensor(v, device="cpu").to(getattr(lucid, given)) for v in values))
    x, y = (v[0] if isinstance(v, tuple) else v for v in (x, y))
    assert str(y.dtype).split(".")[-1] == str(x.dtype).split(".")[-1]
    # bfloat16 has 8 bits; a recurrence rounds at every step
    np.testing.assert_allclose(
        y.detach().float().numpy(), x.detach().float().numpy(), rtol=2e-2, atol=2e-2
    )


def test_every_listed_function_is_under_autocast():
    """A function of a listed name is an operation, or carries the decorator."""
    missing = []
    for place in (lucid, F, lucid.fft, lucid.linalg):
        for name in vars(place):
            function = getattr(place, name)
            listed = name in POLICIES and callable(function)
            if listed and getattr(function, "policy", None) != POLICIES[name]:
                missing.append(f"{place.__name__}.{name}")
    assert missing == [], "put @autocasts of lucid.ops.autocast above these"


@pytest.mark.parametrize("interval", [1, 3])
def test_the_law_of_the_scale(interval):
    bad = [0, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0]
    options = {"init_scale": 2.0**120, "growth_factor": 3.0, "backoff_factor": 0.25}
    a = torch.amp.GradScaler("cpu", growth_interval=interval, **options)
    b = lucid.amp.GradScaler("cpu", growth_interval=interval, **options)
    p, q = torch.ones(2, requires_grad=True), lucid.ones(2, requires_grad=True, device="cpu")
    x, y = torch.optim.SGD([p], lr=0.1), lucid.optim.SGD([q], lr=0.1)
    for step, fault in enumerate(bad):
        a.scale(torch.zeros(()))
        g = np.array([1.0, math.inf if fault else 2.0], "float32") * np.float32(2.0**100)
        p.grad, q.grad = torch.tensor(g), lucid.tensor(g, device="cpu")
        a.step(x)
        b.step(y)
        a.update()
        b.update()
        assert b.get_scale() == pytest.approx(a.get_scale(), rel=1e-6), step
        np.testing.assert_allclose(q.numpy(), p.detach().numpy(), rtol=1e-6)
        assert b.state_dict() == pytest.approx(a.state_dict(), rel=1e-6)
        if step == 8:  # over and back
            mine, theirs = b.state_dict(), a.state_dict()
            a, b = torch.amp.GradScaler("cpu"), lucid.amp.GradScaler("cpu")
            a.load_state_dict(mine)
            b.load_state_dict(theirs)
            a.scale(torch.zeros(()))
