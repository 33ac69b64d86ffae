"""`x.data`: values outside the graph, through which x is changed, as weight initialisers do."""

import copy

import pytest

import lucid
from lucid import nn

CHANGES = {
    "method": lambda d: d.mul_(3),
    "operator": lambda d: d.__iadd__(2),
    "item": lambda d: d.__setitem__(0, 7),
    "copy": lambda d: d.copy_(lucid.tensor([5.0, 6.0])),
    "random": lambda d: d.normal_(0, 0.02),
    "zero": lambda d: d.zero_(),
    "init": lambda d: nn.init.uniform_(d),
    "two": lambda d: d.mul_(3).add_(1),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changes_reach_the_owner(name):
    p = nn.Parameter(lucid.tensor([1.0, 2.0]))
    view = p.data
    CHANGES[name](view)
    assert p.tolist() == view.tolist() != [1.0, 2.0]
    assert p.is_leaf
    assert p.requires_grad
    assert not view.requires_grad


def test_augmented_assignment():
    p = nn.Parameter(lucid.ones(2))
    p.data /= 2
    p.data -= 1
    assert p.tolist() == [-0.5, -0.5]


def test_a_backup_stays():
    """Running means swap weights this way."""
    p = nn.Parameter(lucid.ones(2))
    backup = p.data
    p.data = lucid.zeros(2)
    assert backup.tolist() == [1.0, 1.0]
    backup.mul_(4)  # of values that the parameter has no more
    assert p.tolist() == [0.0, 0.0]
    p.data = backup
    assert p.tolist() == [4.0, 4.0]


def test_copies_have_no_owner():
    p = nn.Parameter(lucid.ones(2))
    for view in (copy.deepcopy(p.data), p.data.clone(), p.data.detach(), p.detach()):
        view.zero_()
    assert p.tolist() == [1.0, 1.0]


def test_what_was_recorded_keeps_its_values():
    p = nn.Parameter(lucid.tensor([3.0]))
    y = p * p
    p.data.zero_()
    y.sum().backward()
    assert p.grad.tolist() == [6.0]
