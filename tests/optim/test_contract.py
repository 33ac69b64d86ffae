"""What every optimizer does: resuming, hooks, names, copies, torch's keywords, accumulation."""

import copy
import pickle

import mlx.core as mx
import numpy as np
import pytest

import lucid
from lucid import nn, optim
from lucid.autograd import laziness

KINDS = sorted(
    name
    for name, kind in vars(optim).items()
    if isinstance(kind, type) and issubclass(kind, optim.Optimizer) and kind is not optim.Optimizer
)
FORMULAS = [name for name in KINDS if name != "LBFGS"]


@pytest.fixture(autouse=True)
def uncompiled():
    """Every option is another kernel for the C++ compiler, at a second each."""
    mx.disable_compile()
    yield
    mx.enable_compile()


def parameters(dtype=lucid.float32):
    rng = np.random.default_rng(0)
    return [
        lucid.tensor(rng.standard_normal(s), dtype=dtype, requires_grad=True)
        for s in [(3, 2), (4, 5)]
    ]


def make(name, params, **options):
    return getattr(optim, name)(params, lr=0.1, **options)


def train(params, optimizer, steps):
    def closure():
        optimizer.zero_grad()
        loss = sum(((p - 1.0) ** 2 * (i + 1)).sum() for i, p in enumerate(params))
        loss.backward()
        return loss

    return [optimizer.step(closure).item() for _ in range(steps)]


def bits(tensors):
    return [t.numpy().tobytes() for t in tensors]


def test_all_are_here():
    assert len(KINDS) == 16


@pytest.mark.parametrize("name", KINDS)
def test_the_loss_falls(name):
    params = parameters()
    losses = train(params, make(name, params), 2 if name == "LBFGS" else 10)
    assert losses[-1] < losses[0]
    assert all(p.is_leaf for p in params)


@pytest.mark.parametrize("name", KINDS)
def test_resumes_bit_for_bit(name, tmp_path):
    params = parameters()
    optimizer = make(name, params)
    if name == "LBFGS":
        optimizer.param_groups[0]["max_iter"] = 2
    train(params, optimizer, 3)
    lucid.save(optimizer.state_dict(), tmp_path / "state.safetensors")
    copies = [p.detach().requires_grad_() for p in params]
    train(params, optimizer, 4)
    resumed = make(name, copies)
    resumed.load_state_dict(lucid.load(tmp_path / "state.safetensors"))
    train(copies, resumed, 4)
    assert bits(copies) == bits(params)


@pytest.mark.parametrize("how", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])
@pytest.mark.parametrize("name", ["AdamW", "LBFGS"])
def test_copies_go_on_alike(name, how):
    params = parameters()
    optimizer = make(name, params)
    if name == "LBFGS":
        optimizer.param_groups[0]["max_iter"] = 2
    train(params, optimizer, 2)
    twin = how(optimizer)
    theirs = twin.param_groups[0]["params"]
    assert theirs[0] is not params[0]
    train(params, optimizer, 3)
    train(theirs, twin, 3)
    assert bits(theirs) == bits(params)


@pytest.mark.parametrize("dtype", [lucid.float16, lucid.bfloat16])
@pytest.mark.parametrize("name", FORMULAS)
def test_half_precision_keeps_its_state_in_float32(name, dtype):
    params = parameters(dtype)
    optimizer = make(name, params)
    wide = [p.detach().float().requires_grad_() for p in params]
    exact = make(name, wide)
    for _ in range(3):
        for p, w in zip(params, wide, strict=True):
            w.data = p.detach().float()
            p.grad = (p.detach() * 1e-4).detach()
            w.grad = p.grad.float()
        optimizer.step()
        exact.step()
        for p, w in zip(params, wide, strict=True):
            if name == "Adafactor":  # its eps is that of the dtype it computes in
                break
            np.testing.assert_array_equal(p.numpy(), w.detach().to(dtype).numpy())
    tensors = [
        t for s in optimizer.state.values() for t in s.values() if isinstance(t, lucid.Tensor)
    ]
    assert {t.dtype for t in tensors} <= {lucid.float32}


@pytest.mark.parametrize("name", [n for n in FORMULAS if n != "Muon"])
def test_torchs_choices_of_kernels(name):
    params = parameters()
    make(name, params, foreach=True, capturable=False)
    make(name, params, foreach=None, fused=None, differentiable=False)
    with pytest.raises(ValueError, match=r"cannot record its step .differentiable=True"):
        make(name, params, differentiable=True)
    with pytest.raises(TypeError, match="unexpected keyword argument 'momentun'"):
        make(name, params, momentun=0.9)


def test_hooks_around_the_step():
    params = parameters()
    optimizer = make("SGD", params)
    calls = []

    def closure():
        calls.append("closure")
        return lucid.zeros(())

    before = optimizer.register_step_pre_hook(lambda o, args, kwargs: calls.append((o, args)))
    after = optimizer.register_step_post_hook(lambda o, args, kwargs: calls.append(kwargs))
    optimizer.step(closure=closure)
    assert calls == [(optimizer, ()), "closure", {"closure": closure}]
    before.remove()
    after.remove()
    optimizer.register_step_pre_hook(lambda o, args, kwargs: ((), {}))
    calls.clear()
    assert optimizer.step(closure) is None
    assert calls == []
    optimizer.register_step_pre_hook(lambda o, args, kwargs: 3)
    with pytest.raises(RuntimeError, match="None or a pair of new args and kwargs, got 3"):
        optimizer.step()


def test_hooks_around_the_state():
    params = parameters()
    optimizer = make("Adam", params)
    train(params, optimizer, 1)
    calls = []
    optimizer.register_state_dict_pre_hook(lambda o: calls.append("pre"))
    optimizer.register_state_dict_post_hook(lambda o, state: {**state, "more": 1})
    optimizer.register_state_dict_post_hook(lambda o, state: calls.append("first"), prepend=True)
    state = optimizer.state_dict()
    assert calls == ["pre", "first"]
    assert state.pop("more") == 1
    other = make("Adam", params)

    def adapt(o, state):
        state["param_groups"][0]["lr"] = 7.0
        return state

    other.register_load_state_dict_pre_hook(adapt)
    other.register_load_state_dict_post_hook(lambda o: calls.append(o.param_groups[0]["lr"]))
    other.load_state_dict(state)
    assert calls[-1] == 7.0


def test_named_parameters():
    model = nn.Linear(2, 3)
    optimizer = make("Adam", model.named_parameters())
    assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]
    assert optimizer.param_groups[0]["params"] == list(model.parameters())
    state = optimizer.state_dict()
    assert state["param_groups"][0]["param_names"] == ["weight", "bias"]
    plain = make("Adam", model.parameters())
    plain.load_state_dict(state)
    with pytest.raises(ValueError, match="all of its groups or in none, got a group without names"):
        optimizer.add_param_group({"params": parameters()})
    with pytest.raises(ValueError, match="names for 1 of 2 parameters"):
        make("Adam", [("a", parameters()[0]), parameters()[1]])


def test_options_as_tensors():
    optimizer = optim.Adam(parameters(), lr=lucid.tensor(0.5), betas=(lucid.tensor(0.5), 0.75))
    assert optimizer.param_groups[0]["lr"] == 0.5
    assert optimizer.param_groups[0]["betas"] == (0.5, 0.75)
    with pytest.raises(ValueError, match=r"lr to be a number or .* of shape \(2,\)"):
        optim.Adam(parameters(), lr=lucid.ones(2))


class Ported(optim.Optimizer):
    """An optimizer as people write them for torch."""

    def __init__(self, params, lr=0.1, momentum=0.9, betas=(0.98, 0.92, 0.99)):
        super().__init__(params, {"lr": lr, "momentum": momentum, "betas": betas})

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("nesterov", False)

    @lucid.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with lucid.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if len(state) == 0:
                    state["step"], state["buffer"] = 0, lucid.zeros_like(p)
                state["step"] += 1
                state["buffer"].mul_(group["momentum"]).add_(p.grad)
                p.add_(state["buffer"], alpha=-group["lr"])
        return loss


def test_an_optimizer_brought_along_from_torch():
    params, others = parameters(), parameters()
    ported = Ported(params)
    train(params, ported, 4)
    train(others, optim.SGD(others, lr=0.1, momentum=0.9), 4)
    for p, q in zip(params, others, strict=True):
        np.testing.assert_allclose(p.numpy(), q.numpy(), rtol=1e-6)
    saved = ported.state_dict()
    before = bits([saved["state"][0]["buffer"]])
    train(params, ported, 1)
    assert bits([saved["state"][0]["buffer"]]) == before  # a snapshot, though it steps in place
    again = Ported(params)
    again.load_state_dict(ported.state_dict())
    assert again.state[params[0]]["step"] == 5
    assert again.param_groups[0]["nesterov"] is False
    assert copy.deepcopy(again).param_groups[0]["lr"] == 0.1
    np.testing.assert_array_equal(
        again.state[params[1]]["buffer"].numpy(), ported.state[params[1]]["buffer"].numpy()
    )
    scheduler = optim.lr_scheduler.ExponentialLR(again, 0.5)
    train(params, again, 1)
    scheduler.step()
    assert again.param_groups[0]["lr"] == 0.05


def test_accumulated_gradients_are_those_of_the_large_batch():
    lucid.manual_seed(0)
    model = nn.Sequential(nn.Conv1d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(24, 2))
    x, y = lucid.randn(12, 1, 8), lucid.randint(0, 2, (12,))
    nn.functional.cross_entropy(model(x), y).backward()
    expected = [p.grad.numpy() for p in model.parameters()]
    model.zero_grad()
    for part, target in zip(x.chunk(3), y.chunk(3), strict=True):
        (nn.functional.cross_entropy(model(part), target) / 3).backward()
    for p, g in zip(model.parameters(), expected, strict=True):
        np.testing.assert_allclose(p.grad.numpy(), g, rtol=1e-5, atol=1e-7)


def test_accumulation_keeps_nothing():
    model = nn.Linear(64, 64)
    x = lucid.randn(16, 64)

    def settled(steps):
        for _ in range(steps):
            model(x).square().mean().backward()
        mx.synchronize()
        return mx.get_active_memory()

    laziness.flush()  # what other tests left pending and hold would be computed meanwhile
    first = settled(20)
    assert abs(settled(200) - first) < 256


def test_lbfgs_refuses():
    params = parameters()
    with pytest.raises(ValueError, match="one group of parameters"):
        optim.LBFGS([{"params": params[:1]}, {"params": params[1:]}])
    with pytest.raises(ValueError, match=r'None or "strong_wolfe", got'):
        optim.LBFGS(params, line_search_fn="armijo")
    with pytest.raises(ValueError, match="needs a closure"):
        optim.LBFGS(params).step()
    with pytest.raises(ValueError, match="max_iter to be at least 1, got 0"):
        optim.LBFGS(params, max_iter=0)
