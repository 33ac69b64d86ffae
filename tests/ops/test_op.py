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


@pytest.mark.parametrize("recorded", [False, True])
def test_quick_calls_and_general_calls_agree(recorded):
    """`f(x, y)` has a way of its own through `@op`; what is given by keyword goes the other."""
    x = lucid.tensor([1.0, -2.0], requires_grad=recorded)
    y = lucid.nn.Parameter(lucid.tensor([3.0, 4.0]), requires_grad=recorded)
    for quick, general in [
        (lucid.mul(x, y), lucid.mul(x, other=y)),
        (lucid.mul(y, 2.5), lucid.mul(y, other=2.5)),
        (lucid.exp(x), lucid.exp(input=x)),
        (lucid.neg(y), lucid.neg(input=y)),
    ]:
        assert type(quick) is type(general) is lucid.Tensor
        assert quick.requires_grad == general.requires_grad == recorded
        assert quick.tolist() == general.tolist()
        if recorded:
            found = [
                lucid.autograd.grad(z.sum(), (x, y), allow_unused=True) for z in (quick, general)
            ]
            slopes = [[g if g is None else g.tolist() for g in pair] for pair in found]
            assert slopes[0] == slopes[1]


def test_what_the_quick_calls_leave_to_the_general_one():
    half, x = lucid.ones(2, dtype=lucid.float16), lucid.ones(2)
    assert lucid.add(half, x).dtype == lucid.float32
    assert lucid.add(x, 1).tolist() == [2.0, 2.0]
    with lucid.autocast("cpu", dtype=lucid.bfloat16):
        assert lucid.mv(lucid.ones(2, 2).to("cpu"), x.to("cpu")).dtype == lucid.bfloat16
        assert lucid.exp(half.to("cpu")).dtype == lucid.float32
    with pytest.raises(ValueError, match=r"^add: .* \(inputs: float32\[2\], float32\[3\]\)$"):
        lucid.add(x, lucid.ones(3))
    with pytest.raises(TypeError, match="exp expects a Tensor, got float"):
        lucid.exp(1.0)
    with pytest.raises(MemoryError, match="add: shape"):
        lucid.zeros(1 << 20, 1) + lucid.zeros(1, 1 << 20)
