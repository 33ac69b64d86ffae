"""Loading a state that does not fit: what the error says."""

import mlx.core as mx
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


def test_a_file_that_breaks_off_changes_nothing(tmp_path):
    layer = nn.Linear(50, 50)
    before = layer.weight.numpy()
    path = tmp_path / "state.safetensors"
    mx.save_safetensors(str(path), {k: mx.zeros(v.shape) for k, v in layer.state_dict().items()})
    state = mx.load(str(path))  # lazy: the data are read when they are needed
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(RuntimeError):
        layer.load_state_dict(state)
    np.testing.assert_array_equal(layer.weight.numpy(), before)
