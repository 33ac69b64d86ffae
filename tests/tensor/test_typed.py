"""torch's old constructors: sizes or data, in the dtype of the name."""

import numpy as np
import pytest

import lucid
from lucid import nn


def test_two_ints_or_more_are_sizes():
    assert nn.Parameter(lucid.Tensor(1, 4, 1)).shape == (1, 4, 1)
    assert lucid.Tensor(2, np.int64(3), 1, 1, 2).shape == (2, 3, 1, 1, 2)
    assert lucid.Tensor(2, 3).dtype == lucid.float32
    assert lucid.Tensor().shape == (0,)
    assert lucid.Tensor(5).item() == 5  # one number is data
    assert lucid.Tensor([1.0], True).requires_grad
    with pytest.raises(TypeError, match="data or sizes, got 5 arguments"):
        lucid.Tensor([1.0], False, None, "cpu", 3)


def test_names_with_a_dtype():
    assert lucid.FloatTensor(2).tolist() == [0.0, 0.0]
    assert lucid.FloatTensor([1, 2]).dtype == lucid.float32
    assert lucid.LongTensor([1, 2]).tolist() == [1, 2]
    assert lucid.LongTensor().dtype == lucid.int64
    assert isinstance(lucid.ones(1, dtype=lucid.int64), lucid.LongTensor)
    assert not isinstance(lucid.ones(1), lucid.LongTensor)
    assert not isinstance(1.0, lucid.FloatTensor)


def test_what_is_left_of_other_namespaces():
    @lucid.jit.ignore
    def f(x):
        return x + 1

    @lucid.jit.ignore(drop=True)
    def g(x):
        return lucid.jit.script(f)(x)

    with lucid.cuda.amp.autocast(enabled=False):
        assert g(lucid.ones(1)).item() == 2
    assert lucid.cuda.amp.GradScaler().is_enabled()
    assert not lucid.jit.is_scripting()
