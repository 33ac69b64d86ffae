"""functional_call and stack_module_state."""

import numpy as np
import pytest

import lucid
from lucid import nn
from lucid.func import functional_call, grad, stack_module_state, vmap


def model():
    return nn.Sequential(nn.Conv1d(1, 2, 3, padding=1), nn.BatchNorm1d(2), nn.ReLU())


def test_parameters_and_buffers_are_replaced_for_the_call():
    net, other, x = model().eval(), model().eval(), lucid.randn(2, 1, 8)
    with lucid.no_grad():
        other[1].running_mean += 1
    own = {n: p.numpy() for n, p in net.state_dict().items()}
    y = functional_call(net, (dict(other.named_parameters()), dict(other.named_buffers())), x)
    assert y.tolist() == other(x).tolist()
    for name, values in net.state_dict().items():
        np.testing.assert_array_equal(values.numpy(), own[name])
    assert all(isinstance(p, nn.Parameter) for p in net.parameters())


def test_an_exception_restores_the_module():
    net = model()
    weight = net[0].weight
    with pytest.raises(ValueError, match="expects"):
        functional_call(net, {"0.weight": lucid.zeros(2, 1, 3)}, lucid.randn(2, 5, 8))
    assert net[0].weight is weight


def test_keyword_arguments_and_no_arguments():
    class Scale(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(lucid.ones(()))

        def forward(self, x=2.0, *, y=1.0):
            return self.w * x * y

    w = {"w": lucid.tensor(3.0)}
    assert functional_call(Scale(), w).item() == 6.0
    assert functional_call(Scale(), w, 5.0, {"y": 2.0}).item() == 30.0
    assert functional_call(Scale(), w, (5.0,)).item() == 15.0


def test_tied_weights():
    net = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    net[1].weight = net[0].weight
    double = {"0.weight": 2 * lucid.eye(2)}
    x = lucid.ones(1, 2)
    assert functional_call(net, double, x).tolist() == [[4.0, 4.0]]
    untied = functional_call(net, double, x, tie_weights=False)
    np.testing.assert_allclose(untied.tolist(), net[1](2 * x).tolist(), rtol=1e-6)


def test_gradients_in_the_given_parameters():
    net, x = nn.Linear(3, 1), lucid.randn(4, 3)
    weights = {n: p.detach() for n, p in net.named_parameters()}
    found = grad(lambda w: functional_call(net, w, x).square().sum())(weights)
    net(x).square().sum().backward()
    np.testing.assert_allclose(found["weight"].numpy(), net.weight.grad.numpy(), rtol=1e-5)


def test_an_ensemble():
    nets, x = [model().eval() for _ in range(3)], lucid.randn(2, 1, 8)
    parameters, buffers = stack_module_state(nets)
    assert parameters["0.weight"].shape == (3, 2, 1, 3)
    assert parameters["0.weight"].requires_grad
    assert parameters["0.weight"].is_leaf
    together = vmap(lambda p, b: functional_call(nets[0], (p, b), x))(parameters, buffers)
    for i, net in enumerate(nets):
        np.testing.assert_allclose(together[i].tolist(), net(x).tolist(), rtol=1e-5, atol=1e-6)


def test_refusals():
    with pytest.raises(ValueError, match=r"unknown names \['wieght'\], missing names \[\]"):
        functional_call(nn.Linear(2, 1), {"wieght": lucid.ones(1, 2)}, lucid.ones(1, 2))
    with pytest.raises(ValueError, match=r"missing names \['bias'\]"):
        functional_call(
            nn.Linear(2, 1), {"weight": lucid.ones(1, 2)}, lucid.ones(1, 2), strict=True
        )
    with pytest.raises(ValueError, match="at least one module"):
        stack_module_state([])
    with pytest.raises(ValueError, match="with the same names"):
        stack_module_state([nn.Linear(2, 1), nn.ReLU()])
