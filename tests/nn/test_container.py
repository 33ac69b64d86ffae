"""Sequential, lists and dicts of modules and parameters."""

import pytest

import lucid
from lucid import nn


def three():
    return nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)


def test_sequential():
    a, b, c = three()
    net = nn.Sequential(a, b, c)
    assert len(net) == 3
    assert list(net) == [a, b, c]
    assert net[0] is a
    assert net[-1] is c
    assert list(net[1:]) == [b, c]
    assert list(net[1:].state_dict()) == ["2.weight", "2.bias"]  # names stay, as in torch
    tail = net[1:].append(a)
    assert list(tail) == [b, c, a]
    net.append(nn.Identity()).insert(0, nn.Identity())
    assert [type(m).__name__ for m in net] == ["Identity", "Linear", "ReLU", "Linear", "Identity"]
    del net[0]
    net[1] = nn.Tanh()
    assert list(net.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    del net[1:]
    assert list(net) == [a]
    with pytest.raises(IndexError, match="index 3 is out of range: Sequential holds 1 modules"):
        net[3]
    with pytest.raises(TypeError, match="takes an int or a slice, got str"):
        net["x"]
    with pytest.raises(TypeError, match=r"takes a nn\.Module or None, got int"):
        nn.Sequential(3)


def test_sequential_of_names():
    a, b, _ = three()
    net = nn.Sequential({"first": a, "act": b})
    assert list(net.state_dict()) == ["first.weight", "first.bias"]
    assert net.first is a
    assert net[1] is b


def test_module_list():
    a, b, c = three()
    layers = nn.ModuleList([a])
    layers += [b]
    layers.append(c)
    assert list(layers[1:]) == [b, c]
    assert list(layers.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    with pytest.raises(NotImplementedError, match="ModuleList must define forward"):
        layers(1)


def test_module_dict():
    a, b, c = three()
    layers = nn.ModuleDict({"a": a, "b": b})
    layers["c"] = c
    assert list(layers) == list(layers.keys()) == ["a", "b", "c"]
    assert "a" in layers
    assert layers["a"] is a
    assert list(layers.values()) == [a, b, c]
    assert dict(layers.items())["b"] is b
    assert layers.pop("b") is b
    del layers["c"]
    assert len(layers) == 1
    with pytest.raises(KeyError, match="already has an attribute 'items'"):
        layers["items"] = a


def test_parameter_containers():
    several = nn.ParameterList([lucid.ones(2), nn.Parameter(lucid.zeros(3))])
    several.append(lucid.ones(1))
    assert [p.shape for p in several] == [(2,), (3,), (1,)]
    assert len(list(several.parameters())) == len(several) == 3
    assert several[-1].requires_grad
    named = nn.ParameterDict({"a": lucid.ones(2)})
    named["b"] = lucid.zeros(1)
    assert list(named.state_dict()) == list(named) == ["a", "b"]
    assert "a" in named
    with pytest.raises(TypeError, match=r"takes a nn\.Parameter or None, got float"):
        named["c"] = 3.0


def test_arithmetic_of_lists():
    a, b, c = three()
    net = nn.Sequential(a, b)
    assert list(net + nn.Sequential(c)) == [a, b, c]
    assert list(net * 2) == list(2 * net) == [a, b, a, b]
    assert len(net) == 2
    net += [c]
    assert net.pop(1) is b
    assert list(net.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    net *= 2
    assert list(net) == [a, c, a, c]
    with pytest.raises(ValueError, match="repetitions must be at least 1, got 0"):
        net * 0
    layers = nn.ModuleList([a]) + nn.ModuleList([b, c])
    assert isinstance(layers, nn.ModuleList)
    assert layers.pop(-1) is c
    assert list(layers) == [a, b]


def test_dicts_of_modules_can_what_dicts_can():
    a, b, c = three()
    layers = nn.ModuleDict([("a", a), ("b", b)])
    layers.update(c=c)
    assert list(reversed(layers)) == ["c", "b", "a"]
    assert layers.get("x") is None
    assert layers == layers
    assert layers != nn.ModuleDict(layers)
    assert len({layers, layers}) == 1
    layers.clear()
    assert len(layers) == 0


def test_dicts_and_lists_of_parameters_can_what_dicts_and_lists_can():
    a, b = nn.Parameter(lucid.ones(1)), nn.Parameter(lucid.zeros(1))
    named = nn.ParameterDict({"a": a})
    assert list(named | {"b": b}) == ["a", "b"]
    assert list({"b": b} | named) == ["b", "a"]
    named |= {"b": b}
    assert named.pop("a") is a
    named.update({"a": a})
    assert named.setdefault("a", b) is a
    assert named.copy() is not named
    assert named.copy()["a"] is a
    assert named.get("x") is None
    del named["a"]
    assert "a" not in dict(named.named_parameters())
    assert list(named.fromkeys(["x", "y"], lucid.ones(1))) == ["x", "y"]
    several = nn.ParameterList([a])
    several += [b]
    several[0] = lucid.ones(3)
    assert [p.shape for p in several] == [(3,), (1,)]
    assert list(several[1:]) == [b]
