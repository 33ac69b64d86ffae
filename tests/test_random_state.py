"""The state of the random stream can be taken and given back."""

import numpy as np
import pytest

import lucid


@pytest.mark.parametrize("seed", [0, 5, 2**64 - 1])
def test_state_round_trip(seed):
    lucid.manual_seed(seed)
    lucid.randn(3)
    state = lucid.random.get_state()
    expected = lucid.randn(100).numpy()
    lucid.manual_seed(1)
    lucid.random.set_state(state)
    np.testing.assert_array_equal(lucid.random.get_state(), state)
    np.testing.assert_array_equal(lucid.randn(100).numpy(), expected)


def test_not_a_state():
    with pytest.raises(ValueError, match=r"array of 2 uint32, got int64 of shape \(3,\)"):
        lucid.random.set_state([1, 2, 3])
