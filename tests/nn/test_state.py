"""Loading a state that does not fit: what the error says."""

import numpy as np
import pytest

from lucid import nn


def test_without_strict_a_wrong_shape_is_not_answered_with_strict_false():
    with pytest.raises(RuntimeError, match=r"expected shape \(2, 2\), got \(3, 2\)") as caught:
        nn.Linear(2, 2).load_state_dict({"weight": np.ones((3, 2))}, strict=False)
    assert "strict=False" not in str(caught.value)


def test_complex_numbers_do_not_lose_their_imaginary_part():
    linear = nn.Linear(2, 2)
    before = linear.weight.tolist()
    with pytest.raises(RuntimeError, match="weight: expected real numbers, got complex64"):
        linear.load_state_dict({"weight": np.ones((2, 2), np.complex64), "bias": np.ones(2)})
    assert linear.weight.tolist() == before
