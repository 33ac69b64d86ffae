"""What the `@op` decorator adds to a function on arrays."""

import pytest

import lucid


def test_arrays_by_keyword():
    x, y = lucid.tensor([1.0, 5.0]), lucid.tensor([3.0, 2.0])
    assert lucid.add(x, other=y).tolist() == [4.0, 7.0]
    assert lucid.sub(other=y, input=x, alpha=2).tolist() == [-5.0, 1.0]
    assert lucid.where(x > y, input=x, other=y).tolist() == [3.0, 5.0]
    assert lucid.lerp(x, end=y, weight=0.5).tolist() == [2.0, 3.5]
    assert lucid.exp(input=lucid.zeros(1)).tolist() == [1.0]
    with pytest.raises(TypeError, match=r"add\(\) misses its argument 'other': it takes 2 tensors"):
        lucid.add(x)


def test_in_place_methods_are_named_after_their_operation():
    x = lucid.ones(2)
    assert x.clamp_(max=0.5) is x
    assert x.tolist() == [0.5, 0.5]
    assert lucid.Tensor.clamp_.__name__ == "clamp_"


def test_a_condition_takes_no_part_in_the_promotion():
    c = lucid.tensor([True, False])
    half = lucid.ones(2, dtype=lucid.float16)
    assert lucid.where(c, half, 2.0).dtype == lucid.float16
    assert lucid.where(c, 1, 0).dtype == lucid.int64
    assert half.where(c, 0).tolist() == [1.0, 0.0]
    with pytest.raises(TypeError, match="where expects a Tensor of bools as its condition, got"):
        lucid.where(half, half, half)
    x = lucid.ones(2, 3, dtype=lucid.float64, requires_grad=True)
    assert lucid.autograd.gradgradcheck(lambda x: lucid.where(c[:, None], x, 0.0), (x,))
