"""Groups, errors, saved state, memory, and what the step leaves behind."""

import math
from concurrent.futures import ThreadPoolExecutor

import mlx.core as mx
import numpy as np
import psutil
import pytest

import lucid
from lucid import _shards, optim

KINDS = [
    lambda p: optim.SGD(p, lr=0.1),
    lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    lambda p: optim.Adam(p, lr=0.1, amsgrad=True),
    lambda p: optim.AdamW(p, lr=0.1),
    # options that change the compiled function, side by side
    lambda p: optim.SGD(
        [{"params": p[0], "momentum": 0.5}, {"params": p[1], "weight_decay": 0.1}], lr=0.1
    ),
    lambda p: optim.AdamW(
        [{"params": p[0], "maximize": True}, {"params": p[1], "weight_decay": 0.0}], lr=0.1
    ),
]


def parameters(dtype=lucid.float32):
    rng = np.random.default_rng(0)
    return [
        lucid.tensor(rng.standard_normal(s), dtype=dtype, requires_grad=True)
        for s in [(3, 2), (4,)]
    ]


def train(params, optimizer, steps):
    for _ in range(steps):
        optimizer.zero_grad()
        loss = sum(((p - 1.0) ** 2 * (i + 1)).sum() for i, p in enumerate(params))
        loss.backward()
        optimizer.step()


def bits(tensors):
    return [t.numpy().tobytes() for t in tensors]


REDUCING = [  # or with another formula on the way
    lambda p: optim.NovoGrad(p, lr=0.1),
    lambda p: optim.Adafactor(p, lr=0.1),
    lambda p: optim.RAdam(p, lr=0.1),
    lambda p: optim.Muon(p[:1], lr=0.1),
]


@pytest.mark.parametrize("kind", [*KINDS, *REDUCING])
def test_compiled_and_plain_agree(kind):
    found = []
    for switch in (mx.disable_compile, mx.enable_compile):
        switch()
        params = parameters()
        train(params, kind(params), 20)
        found.append([p.numpy() for p in params])
    for plain, compiled in zip(*found, strict=True):
        np.testing.assert_allclose(compiled, plain, rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_resumes_bit_for_bit(kind):
    params = parameters()
    optimizer = kind(params)
    train(params, optimizer, 5)
    saved = optimizer.state_dict()
    copies = [p.detach().requires_grad_() for p in params]
    train(params, optimizer, 7)

    resumed = kind(copies)
    resumed.load_state_dict(saved)
    train(copies, resumed, 7)
    assert bits(copies) == bits(params)
    assert saved["state"][0]["step"] == 5  # a snapshot: the later steps did not touch it


@pytest.mark.parametrize("dtype", [lucid.float16, lucid.bfloat16])
@pytest.mark.parametrize("kind", KINDS)
def test_half_precision_is_rounded_once_per_step(kind, dtype):
    params = parameters(dtype)
    optimizer = kind(params)
    wide = [p.detach().float().requires_grad_() for p in params]
    exact = kind(wide)
    rng = np.random.default_rng(1)
    for _ in range(5):
        for p, w in zip(params, wide, strict=True):
            w.data = p.detach().float()
            # 1e-4 squared is nothing in float16
            p.grad = lucid.tensor(rng.standard_normal(p.shape) * 1e-4, dtype=dtype)
            w.grad = p.grad.float()
        optimizer.step()
        exact.step()
        for p, w in zip(params, wide, strict=True):
            assert p.dtype == dtype
            np.testing.assert_array_equal(p.numpy(), w.detach().to(dtype).numpy())
    assert all(
        t.dtype == lucid.float32
        for state in optimizer.state.values()
        for name, t in state.items()
        if name != "step"
    )


def test_a_step_evaluates_everything():
    params = parameters()
    optimizer = optim.Adam(params, amsgrad=True)
    for p in params:
        p.grad = lucid.ones_like(p).eval()
    optimizer.step()
    mx.synchronize()
    left = [*params, *(t for s in optimizer.state.values() for t in list(s.values())[1:])]
    # what is not evaluated yet can only be evaluated in the thread that made it
    with ThreadPoolExecutor(1) as pool:
        assert all(pool.map(lambda t: np.isfinite(np.array(t.array)).all(), left))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS[1:4:2])
def test_memory_does_not_grow(kind):
    def settled():
        mx.synchronize()
        return mx.get_active_memory(), psutil.Process().memory_info().rss

    params = parameters()
    optimizer = kind(params)
    train(params, optimizer, 20)
    active, resident = settled()
    train(params, optimizer, 1980)
    active_later, resident_later = settled()
    assert abs(active_later - active) < 64  # a scalar such as the loss may be on its way
    # the interpreter's own heap may take another arena or two
    assert resident_later - resident < 4 << 20


def test_momentum_may_begin_later():
    params = parameters()
    optimizer = optim.SGD(params, lr=0.1)
    train(params, optimizer, 1)
    optimizer.param_groups[0]["momentum"] = 0.9
    train(params, optimizer, 2)
    assert set(optimizer.state[params[0]]) == {"step", "momentum_buffer"}


def test_constraint_is_applied_after_the_update():
    params = parameters()
    params[0].constraint = lambda w: w.clamp(0.0, 0.5)
    optimizer = optim.SGD(params, lr=0.3)
    train(params, optimizer, 3)
    assert params[0].numpy().min() >= 0
    assert params[0].numpy().max() == 0.5
    assert params[1].numpy().max() > 0.5
    assert params[0].is_leaf

    params[0].constraint = lambda w: w.sum()
    before = bits(params)
    with pytest.raises(ValueError, match=r"constraint must return .* shape \(3, 2\), got \(\)"):
        optimizer.step()
    assert bits(params) == before


def test_closure_and_zero_grad():
    params = parameters()
    optimizer = optim.SGD(params, lr=0.1)

    def closure():
        loss = (params[0] ** 2).sum()
        loss.backward()
        return loss

    with lucid.no_grad():
        loss = optimizer.step(closure)
    assert loss.item() > (params[0] ** 2).sum().item()
    optimizer.zero_grad(set_to_none=False)
    assert params[0].grad.numpy().tolist() == np.zeros((3, 2)).tolist()
    assert params[1].grad is None
    optimizer.zero_grad()
    assert params[0].grad is None


def test_nan_goes_through_as_in_torch():
    (p,) = params = [lucid.ones(2, requires_grad=True)]
    p.grad = lucid.tensor([math.nan, 1.0])
    optim.SGD(params, lr=1.0).step()
    assert np.isnan(p.numpy()).tolist() == [True, False]


def test_a_gradient_of_another_shape_changes_nothing():
    params = parameters()
    optimizer = optim.Adam(params)
    train(params, optimizer, 1)
    params[1].grad = lucid.ones(1)
    before = bits(params)
    with pytest.raises(ValueError, match=r"parameter 1 of group 0 .* \(4,\), .* shape \(1,\)"):
        optimizer.step()
    assert bits(params) == before
    assert optimizer.state_dict()["state"][0]["step"] == 1


def test_groups():
    a, b, c = lucid.ones(1, requires_grad=True), lucid.ones(2), lucid.ones(3)
    optimizer = optim.SGD([{"params": a, "lr": 1}, {"params": [b], "momentum": 0.5}], lr=0.1)
    optimizer.add_param_group({"params": (c,)})
    assert [g["lr"] for g in optimizer.param_groups] == [1, 0.1, 0.1]
    assert [g["momentum"] for g in optimizer.param_groups] == [0.0, 0.5, 0.0]
    assert "Parameter Group 2: 1 tensors\n    dampening: 0.0\n    lr: 0.1" in repr(optimizer)
    with pytest.raises(ValueError, match=r"parameter 0 of shape \(2,\) was given to SGD before"):
        optimizer.add_param_group({"params": [b]})
    with pytest.raises(TypeError, match='a dict with the key "params", got'):
        optimizer.add_param_group([b])
    assert len(optimizer.param_groups) == 3


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda p: optim.SGD([]), ValueError, "SGD got no parameters"),
        (lambda p: optim.SGD(p[0]), TypeError, "expects a list of Tensors .* got Tensor"),
        (lambda p: optim.SGD(3), TypeError, r"got int; pass model.parameters\(\)"),
        (lambda p: optim.SGD([1.0]), TypeError, "got float at position 0"),
        (lambda p: optim.SGD([p[0] * 2]), ValueError, "only leaves can be optimized"),
        (lambda p: optim.SGD([lucid.arange(3)]), TypeError, "real floating point Tensors, got"),
        (lambda p: optim.SGD([p[0], p[0]]), ValueError, r"\(3, 2\) was given to SGD before"),
        (lambda p: optim.SGD(p, lr=-1), ValueError, "SGD expects lr to be at least 0, got -1"),
        (lambda p: optim.SGD(p, lr=math.nan), ValueError, "lr to be at least 0, got nan"),
        (lambda p: optim.SGD(p, lr="1e-3"), TypeError, "a number for lr, got str: '1e-3'"),
        (lambda p: optim.SGD(p, nesterov=True), ValueError, "nesterov needs .* momentum=0.0"),
        (lambda p: optim.Adam(p, betas=(0.9, 1)), ValueError, r"betas\[1\] .* below 1, got 1"),
        (lambda p: optim.Adam(p, betas=0.9), ValueError, "betas to be two numbers, got 0.9"),
        (lambda p: optim.AdamW(p, eps=-1e-8), ValueError, "AdamW expects eps .* got -1e-08"),
        (
            lambda p: optim.Adam([{"params": p, "weight_decay": -2}]),
            ValueError,
            "Adam expects weight_decay to be at least 0, got -2",
        ),
    ],
)
def test_bad_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make(parameters())


def test_a_state_that_does_not_fit_changes_nothing():
    params = parameters()
    optimizer = optim.Adam(params, lr=0.1)
    train(params, optimizer, 2)
    good = optimizer.state_dict()

    def broken(**changes):
        return {**good, **changes}

    other = optim.Adam([lucid.ones(3, 2, requires_grad=True), lucid.ones(5, requires_grad=True)])
    train(other.param_groups[0]["params"], other, 1)
    for state, message in [
        ({}, 'keys "state" and "param_groups", got'),
        (broken(state=[]), '"state" is a dict'),
        (broken(param_groups=[]), r"groups of \[\] parameters, this Adam has \[2\]"),
        (broken(param_groups=[{}]), 'a dict with the key "params"'),
        (broken(param_groups=[{"params": [0, 1]}]), "lacks betas, eps, lr, weight_decay"),
        (broken(state={7: {}}), r"unknown parameters: \{7\}"),
        (broken(state={0: {"step": 1}}), "state of parameter 0 lacks exp_avg, exp_avg_sq"),
        (other.state_dict(), r"exp_avg of parameter 1 has shape \(5,\), the parameter has \(4,\)"),
    ]:
        with pytest.raises(ValueError, match=message):
            optimizer.load_state_dict(state)
    assert optimizer.param_groups[0]["lr"] == 0.1
    after = optimizer.state_dict()
    assert bits(s["exp_avg"] for s in after["state"].values()) == bits(
        s["exp_avg"] for s in good["state"].values()
    )


@pytest.mark.parametrize("cores", [1, 2, 3, 8])
def test_parameters_in_runs_are_updated_the_same(cores, monkeypatch):
    monkeypatch.setattr(_shards, "_cores", cores)
    monkeypatch.setattr(_shards, "LEAST", 1)
    shapes = [(40,), (2, 3), (), (0,), (7,), (0,)]
    parameters = [lucid.ones(shape, requires_grad=True) for shape in shapes]
    optimizer = lucid.optim.Adam(parameters, lr=0.25)
    for _ in range(2):
        optimizer.zero_grad()
        sum((p * (i + 1)).sum() for i, p in enumerate(parameters)).backward()
        optimizer.step()
    for p, shape in zip(parameters, shapes, strict=True):
        np.testing.assert_allclose(p.numpy(), np.full(shape, 0.5), rtol=1e-6)
