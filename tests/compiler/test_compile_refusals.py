"""What cannot be compiled is refused in the first call, and nothing is changed by it."""

from __future__ import annotations

import numpy as np
import pytest

import lucid
from lucid import nn

LOOKS = {
    "item": lambda y: y.item(),
    "float": lambda y: float(y),
    "int": lambda y: int(y),
    "bool": lambda y: 1 if y > 0 else 2,
    "numpy": lambda y: y.numpy(),
    "asarray": lambda y: np.asarray(y),
    "tolist": lambda y: y.tolist(),
    "repr": lambda y: repr(y),
    "mask": lambda y: y[y > 0],
    "nonzero": lambda y: lucid.nonzero(y),
}


@pytest.mark.parametrize("name", LOOKS)
def test_looking_at_values_names_the_line(name):
    w = lucid.tensor(2.0, requires_grad=True)
    optimizer = lucid.optim.Adam([w], lr=0.1)

    def step(x):
        loss = (w * x).sum()
        loss.backward()
        optimizer.step()
        LOOKS[name](loss)  # this line calls the one that looks

    line = LOOKS[name].__code__.co_firstlineno
    state = lucid.get_rng_state()
    with pytest.raises(lucid.compiler.DataDependentError) as caught:
        lucid.compile(step)(lucid.tensor(3.0))
    assert f"{__file__}, line {line}" in str(caught.value)
    assert "lucid.where" in str(caught.value)
    assert (w.item(), w.grad) == (2.0, None)
    assert optimizer.state_dict()["state"] == {}
    assert (state == lucid.get_rng_state()).all()


def test_constants_made_inside_may_be_looked_at():
    scaled = lucid.compile(lambda x: x * lucid.tensor([2.0, 3.0]).sum().item())
    assert [scaled(lucid.tensor(float(i))).item() for i in range(3)] == [0, 5, 10]


def test_a_list_that_grows_is_refused():
    losses = []

    def step(x):
        losses.append(x * 2)

    with pytest.raises(RuntimeError, match=r"changes Python values.*losses"):
        lucid.compile(step)(lucid.tensor(3.0))


def test_a_count_is_refused():
    class Net(nn.Module):
        calls = 0

        def forward(self, x):
            self.calls += 1
            return x

    with pytest.raises(RuntimeError, match=r"changes Python values.*calls was 1 and is 2"):
        lucid.compile(Net())(lucid.tensor(3.0))


def test_a_tensor_kept_elsewhere_is_refused():
    class Keeper:
        __slots__ = ("kept",)

    keeper = Keeper()

    def step(x):
        keeper.kept = x * 2

    with pytest.raises(RuntimeError, match=r"changes Python values.*keeper\.kept changed"):
        lucid.compile(step)(lucid.ones(3))
    kept = [].append  # of a list that nothing names

    def step(x):
        kept(x * 2)

    with pytest.raises(RuntimeError, match=r"shape \(3,\) made inside .*step is kept"):
        lucid.compile(step)(lucid.ones(3))


def test_a_graph_that_outlives_the_call_is_refused():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(lucid.ones(3))
            self.hidden = lucid.zeros(3)

        def forward(self, x):
            self.hidden = self.hidden + self.w * x
            return self.hidden.sum()

    with pytest.raises(RuntimeError, match=r"keeps its graph; write \.detach\(\)"):
        lucid.compile(Net())(lucid.ones(3))


def test_backward_into_a_graph_outside_is_refused():
    w = lucid.tensor(2.0, requires_grad=True)

    def step(y):
        (y * 3).backward()

    with pytest.raises(RuntimeError, match="computed outside; call backward outside"):
        lucid.compile(step)(w * 2)


def test_what_cannot_be_called_is_refused():
    with pytest.raises(TypeError, match="expects a function or a Module, got int"):
        lucid.compile(3)
    with pytest.raises(TypeError, match="got type Linear; make one first"):
        lucid.compile(nn.Linear)


@pytest.mark.parametrize("call", [0, 1, 3])
def test_after_an_error_all_is_as_before(call):
    lucid.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))
    optimizer = lucid.optim.Adam(net.parameters(), lr=0.1)
    schedule = lucid.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    average = lucid.optim.ExponentialMovingAverage(net)

    @lucid.compile
    def step(x, y):
        optimizer.zero_grad()
        net(x).square().mean().backward()
        optimizer.step()
        schedule.step()
        average.update()
        return x + y

    def everything():
        tensors = {**net.state_dict(), **average.state_dict()["state"]}
        tensors |= {f"{k}.grad": p.grad for k, p in net.named_parameters() if p.grad is not None}
        slots = optimizer.state_dict()["state"]
        return (
            {k: v.tolist() for k, v in tensors.items()},
            {i: {k: getattr(v, "array", v) for k, v in s.items()} for i, s in slots.items()},
            schedule.state_dict(), schedule.get_last_lr(), average.count,
            lucid.get_rng_state().tolist(),
        )  # fmt: skip

    x = lucid.Tensor(np.random.default_rng(0).normal(size=(4, 2)).astype(np.float32))
    for _ in range(call):
        step(x, lucid.ones(2))
    before = everything()
    with pytest.raises(ValueError, match="add"):
        step(x, lucid.ones(5))  # cannot be added
    assert repr(everything()) == repr(before)
    step(x, lucid.ones(2))
    assert repr(everything()) != repr(before)
