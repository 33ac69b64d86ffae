"""A compiled forward pass, differentiated outside; compiled modules."""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest

import lucid
from lucid import nn


def close(a, b):
    np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=2e-5, atol=1e-6)


def net() -> nn.Module:
    lucid.manual_seed(1)
    return nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.4), nn.BatchNorm1d(8), nn.Linear(8, 2))


def test_gradients_reach_parameters_and_inputs():
    def run(wrap):
        model = net()
        fast = wrap(model)
        optimizer = lucid.optim.SGD(model.parameters(), lr=0.1)
        for i in range(4):
            x = lucid.Tensor(np.full((3, 4), i + 1.0, np.float32)).requires_grad_()
            optimizer.zero_grad()
            (fast(x * lucid.arange(3.0)[:, None]) ** 2).sum().backward()
            optimizer.step()
        return [*model.state_dict().values(), x.grad, *(p.grad for p in model.parameters())]

    for a, b in zip(run(lambda m: m), run(lucid.compile), strict=True):
        close(a, b)


def test_a_compiled_module_is_the_module():
    model = net()
    fast = lucid.compile(model)
    assert isinstance(fast, nn.Sequential)
    assert list(fast.state_dict()) == list(model.state_dict())
    assert all(a is b for a, b in zip(fast.parameters(), model.parameters(), strict=True))
    x = lucid.ones(3, 4)
    fast(x), fast(x)
    fast.eval()
    assert not model.training
    for _ in range(3):
        close(fast(x), model(x))
    assert lucid.compile(fast) is fast
    assert repr(fast) == repr(model)


def test_copies_and_pickles_of_a_compiled_module_are_compiled_and_their_own():
    fast = lucid.compile(net().eval())
    x = lucid.ones(3, 4)
    for other in (copy.deepcopy(fast), pickle.loads(pickle.dumps(fast))):
        close(other(x), fast(x))
        with lucid.no_grad():
            other[0].weight.mul_(0)
        assert type(other).__name__ == "Sequential"
        assert (other(x) - fast(x)).abs().sum() > 0
        assert (other(x) - fast(x)).abs().sum() > 0


class Pair(NamedTuple):
    first: lucid.Tensor
    second: object


@dataclass
class Result:
    loss: lucid.Tensor
    name: str


def test_results_keep_their_form():
    @lucid.compile
    def function(x):
        y = x + 1
        return Pair(y, [x, {"a": (y, None)}]), Result(y * 2, "b"), 5, x

    for value in (1.0, 2.0, 3.0):
        x = lucid.tensor([value])
        pair, result, number, same = function(x)
        assert isinstance(pair, Pair)
        assert isinstance(result, Result)
        assert (pair.first.item(), result.loss.item()) == (value + 1, 2 * value + 2)
        assert (result.name, number) == ("b", 5)
        assert same is x
        assert pair.second[0] is x
        assert pair.second[1]["a"][0] is pair.first


def test_without_grad_nothing_is_recorded():
    fast = lucid.compile(net())
    for _ in range(3):
        with lucid.no_grad():
            assert not fast(lucid.ones(3, 4)).requires_grad
        assert fast(lucid.ones(3, 4)).requires_grad


def test_a_parameter_that_only_leads_to_an_unused_result_gets_no_gradient():
    def run(wrap):
        lucid.manual_seed(0)
        body, first, second = (nn.Linear(2, 2) for _ in range(3))
        layers = nn.ModuleList([body, first, second])

        def both(x):
            hidden = body(x)
            return first(hidden), second(hidden)

        fast, found = wrap(both), []
        for used in (0, 1, 1, 0):
            layers.zero_grad()
            fast(lucid.ones(1, 2))[used].sum().backward()
            found.append([None if p.grad is None else p.grad.numpy() for p in layers.parameters()])
        return found

    for a, b in zip(run(lambda f: f), run(lucid.compile), strict=True):
        assert [x is None for x in a] == [x is None for x in b]
        assert sum(x is None for x in a) == 2
        for x, y in zip(a, b, strict=True):
            np.testing.assert_allclose(0 if x is None else x, 0 if y is None else y, rtol=1e-6)


def test_random_numbers_drawn_anew_by_backward_are_refused():
    layers = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))

    def forward(x):
        return lucid.utils.checkpoint.checkpoint(layers, x, use_reentrant=False)

    with pytest.raises(lucid.compiler.Unsteady, match="draws random numbers anew, as checkpoint"):
        lucid.compile(forward)(lucid.ones(2, 4))
    layers.eval()
    fast, x = lucid.compile(forward), lucid.ones(2, 4)
    for _ in range(3):
        layers.zero_grad()
        fast(x).sum().backward()
        assert layers[0].bias.grad.tolist() == [2.0] * 4


def test_a_second_derivative_is_refused():
    fast = lucid.compile(nn.Linear(1, 1))
    x = lucid.ones(1, 1, requires_grad=True)
    fast(x)
    with pytest.raises(RuntimeError, match="no second derivative"):
        lucid.autograd.grad(fast(x), x, create_graph=True)


def test_backward_twice_needs_retain_graph():
    fast = lucid.compile(nn.Linear(1, 1))
    fast(lucid.ones(1, 1))
    y = fast(lucid.ones(1, 1))
    y.backward(retain_graph=True)
    y.backward()
    assert fast.bias.grad.item() == 2
    with pytest.raises(RuntimeError, match="a second time"):
        y.backward()


def test_numpy_arguments_are_inputs():
    double = lucid.compile(lambda x: lucid.tensor(x) * 2)
    assert [double(np.array([float(i)])).item() for i in range(4)] == [0.0, 2.0, 4.0, 6.0]


def test_one_tensor_twice_is_not_two():
    difference = lucid.compile(lambda x, y: x - y)
    a, b = lucid.tensor(3.0), lucid.tensor(1.0)
    assert [difference(*p).item() for p in [(a, a), (a, b), (b, a), (a, a)]] == [0, 2, -2, 0]


def test_an_argument_that_is_also_state():
    w = lucid.tensor(2.0, requires_grad=True)

    def function(x):
        (w * x).backward()

    fast = lucid.compile(function)
    for x in (lucid.tensor(3.0), w, lucid.tensor(5.0), w):
        w.grad = None
        fast(x)
        compiled = w.grad
        w.grad = None
        function(x)
        assert compiled.item() == w.grad.item()


def test_buckets_fill_up_with_zeros():
    lengths = []

    @lucid.compile(buckets=(4, 8))
    def total(x):
        lengths.append(x.shape[-1]) if False else None
        return x.sum(), x.shape[-1]

    found = [total(lucid.ones(2, n)) for n in (1, 3, 4, 5, 8, 9)]
    assert [y.item() for y, _ in found] == [2, 6, 8, 10, 16, 18]
    assert [n for _, n in found] == [4, 4, 4, 8, 8, 9]
