"""Every optimizer that torch has, on torch's own argument sets and error inputs."""

import inspect

import mlx.core as mx
import numpy as np
import pytest

import lucid
from lucid import optim

torch = pytest.importorskip("torch")
common = pytest.importorskip("torch.testing._internal.common_optimizers")
pytestmark = pytest.mark.parity

NOT_OFFERED = {"SparseAdam"}  # there are no sparse tensors
ENTRIES = {
    e.optim_cls.__name__: e for e in common.optim_db if e.optim_cls.__name__ not in NOT_OFFERED
}
STEPS = 20
SHAPES = [(4, 3, 5), (7,), (6, 2), (), (0, 3)]
TOLERANCE = {"float32": 2e-6, "float64": 1e-12}
# What the error inputs of torch say that is no error here, and why.
ACCEPTED = {
    "lr as Tensor doesn't work with foreach & not capturable": "a Tensor is read once",
    "betas must be either both floats or both Tensors": "a Tensor is read once",
    r"betas\[0\] as a Tensor is not supported for capturable=False and foreach=True": "the same",
    "does not support complex parameters": "refused when made, not in the step: TypeError",
}


@pytest.fixture(autouse=True)
def uncompiled():
    """Every option is another kernel for the C++ compiler, at a second each."""
    mx.disable_compile()
    yield
    mx.enable_compile()


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    """torch keeps some counts in its default dtype."""
    torch.set_default_dtype(getattr(torch, request.param))
    yield request.param
    torch.set_default_dtype(torch.float32)


def cases():
    for name, entry in ENTRIES.items():
        seen = []
        for given in entry.optim_inputs_func(device="cpu"):
            seen.append(given.desc)
            yield pytest.param(name, given.kwargs, id=f"{name}-{given.desc}")
        assert seen


def ours_of(value):
    return value.item() if isinstance(value, torch.Tensor) else value


def pair(name, dtype, seed=0):
    rng = np.random.default_rng(seed)
    shapes = SHAPES
    if name == "Muon":
        shapes = [s for s in SHAPES if len(s) == 2]
    if name == "Adafactor":  # torch divides by the number of elements
        shapes = [s for s in SHAPES if 0 not in s]
    values = [np.asarray(rng.standard_normal(s), dtype) for s in shapes]
    theirs = [torch.tensor(v, requires_grad=True) for v in values]
    ours = [lucid.tensor(v, requires_grad=True, dtype=dtype, device="cpu") for v in values]
    return theirs, ours


def feed(rng, theirs, ours):
    for t, o in zip(theirs, ours, strict=True):
        g = np.asarray(rng.standard_normal(t.shape) * 10.0 ** rng.integers(-3, 2), "float64")
        t.grad = torch.tensor(g, dtype=t.dtype)
        o.grad = lucid.tensor(g, dtype=o.dtype, device="cpu")


def tolerance_of(name, dtype, lr):
    if name == "Muon":  # torch rounds the orthogonalisation to bfloat16; test_formulas.py is tight
        return 0.02 * lr * STEPS
    # rounding decides about LBFGS' line search
    return 1e-6 if name == "LBFGS" else TOLERANCE[dtype]


def check(theirs, ours, tolerance):
    for t, o in zip(theirs, ours, strict=True):
        np.testing.assert_allclose(o.numpy(), t.detach().numpy(), rtol=tolerance, atol=tolerance)


def made(name, kwargs, theirs, ours):
    kwargs = dict(kwargs)
    a = getattr(torch.optim, name)(theirs, **kwargs)
    b = getattr(optim, name)(ours, **{k: ours_of(v) for k, v in kwargs.items()})
    return a, b


def closures(params, library):
    """A sum of Rosenbrock functions of neighbours: what LBFGS needs is a function."""

    def closure():
        for p in params:
            p.grad = None
        x = library.cat([p.reshape(-1) for p in params])
        loss = (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum()
        loss.backward()
        return loss

    return closure


def advance(a, b, theirs, ours, rng, steps):
    for _ in range(steps):
        if isinstance(b, optim.LBFGS):
            theirs_loss = a.step(closures(theirs, torch))
            ours_loss = b.step(closures(ours, lucid))
            assert ours_loss.item() == pytest.approx(theirs_loss.item(), rel=1e-4)
        else:
            feed(rng, theirs, ours)
            a.step()
            b.step()


@pytest.mark.parametrize(("name", "kwargs"), list(cases()))
def test_twenty_steps(name, kwargs, dtype):
    theirs, ours = pair(name, dtype)
    a, b = made(name, kwargs, theirs, ours)
    if name == "LBFGS" and dtype == "float32":
        return  # rounding decides about the line search; float64 is compared
    advance(a, b, theirs, ours, np.random.default_rng(1), 3 if name == "LBFGS" else STEPS)
    check(theirs, ours, tolerance_of(name, dtype, b.param_groups[0]["lr"]))


def numpy_state(value):
    """A state dict of lucid, as torch would have it."""
    if isinstance(value, dict):
        return {k: numpy_state(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(numpy_state(v) for v in value)
    return torch.tensor(value.numpy()) if isinstance(value, lucid.Tensor) else value


@pytest.mark.parametrize("direction", ["torch to lucid", "lucid to torch"])
@pytest.mark.parametrize("name", ENTRIES)
def test_state_dicts_load_both_ways(name, direction):
    torch.set_default_dtype(torch.float64)
    try:
        theirs, ours = pair(name, "float64")
        a, b = made(name, {"lr": 0.05}, theirs, ours)
        rng = np.random.default_rng(2)
        count = 1 if name == "LBFGS" else 4
        advance(a, b, theirs, ours, rng, count)
        mine, saved = b.state_dict(), a.state_dict()
        for i, expected in saved["state"].items():
            kept = {k for k, v in expected.items() if v is not None} - {"al"}  # LBFGS' scratch
            assert kept <= set(mine["state"][i]), i
        assert set(mine["param_groups"][0]) <= set(saved["param_groups"][0])
        if direction == "torch to lucid":
            b = getattr(optim, name)(ours, lr=0.7)
            b.load_state_dict(saved)
        else:
            a = getattr(torch.optim, name)(theirs, lr=0.7)
            a.load_state_dict(numpy_state(mine))
        assert a.param_groups[0]["lr"] == b.param_groups[0]["lr"] == 0.05
        advance(a, b, theirs, ours, rng, count)
        check(theirs, ours, tolerance_of(name, "float64", 0.05))
    finally:
        torch.set_default_dtype(torch.float32)


def errors():
    for name, entry in ENTRIES.items():
        for given in entry.optim_error_inputs_func(device="cpu", dtype=torch.float32):
            yield pytest.param(name, given, id=f"{name}-{given.optimizer_error_input.desc}")


def translated(value, memo):
    """torch's tensors as lucid's, the same one for the same."""
    if isinstance(value, torch.Tensor):
        if id(value) not in memo:
            kind = lucid.nn.Parameter if isinstance(value, torch.nn.Parameter) else lucid.tensor
            memo[id(value)] = kind(value.detach().numpy())
        return memo[id(value)]
    if isinstance(value, list | tuple):
        return type(value)(translated(v, memo) for v in value)
    if isinstance(value, dict):
        return {k: translated(v, memo) for k, v in value.items()}
    return value


@pytest.mark.parametrize(("name", "given"), list(errors()))
def test_error_inputs(name, given):
    case = given.optimizer_error_input
    params = case.params
    if params is None:
        params = [torch.randn(2, 3, requires_grad=True)]
    params, kwargs = translated(params, {}), translated(case.kwargs, {})
    if case.desc in ACCEPTED and "complex" not in case.desc:
        getattr(optim, name)(params, **kwargs)
        return
    with pytest.raises((ValueError, TypeError)):
        getattr(optim, name)(params, **kwargs)


@pytest.mark.parametrize("name", ENTRIES)
def test_signatures_and_defaults_are_torchs(name):
    theirs = inspect.signature(getattr(torch.optim, name).__init__).parameters
    ours = inspect.signature(getattr(optim, name).__init__).parameters
    kernels = {"foreach", "fused", "capturable", "differentiable"}
    for key, parameter in theirs.items():
        if key in kernels:
            assert "kernels" in ours
        elif key != "self":
            assert ours[key].default == parameter.default, key
    positional = [k for k, p in theirs.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    before = [k for k in positional if k not in {*kernels, "maximize"}]
    assert [k for k, p in ours.items() if p.kind is p.POSITIONAL_OR_KEYWORD] == before
