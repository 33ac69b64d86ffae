"""gradcheck and gradgradcheck: what is wrong is found, and named."""

import itertools

import mlx.core as mx
import numpy as np
import pytest

import lucid
from lucid.autograd import GradcheckError, gradcheck, gradgradcheck
from lucid.ops.op import op


def leaf(*shape, dtype=lucid.float64):
    values = np.random.default_rng(0).normal(size=shape)
    return lucid.tensor(values, dtype=dtype, requires_grad=True)


@op
def half_wrong(x, y, /):
    """Its rule forgets a factor in one entry of the second input."""
    wrong = mx.array([1.0, 1.001], mx.float64)
    return x * y, lambda g: (g * y, g * x * wrong)


class WrongTwice(lucid.autograd.Function):
    """x**3 with a right first derivative, which is itself differentiated wrongly."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient * 3 * x * x.detach()


@pytest.mark.parametrize("fast_mode", [False, True])
@pytest.mark.parametrize("check", [gradcheck, gradgradcheck])
def test_what_is_right_passes(check, fast_mode):
    assert check(
        lambda x, factor, y: (x * y * factor, (x @ y).sin(), lucid.tensor([1, 2])),
        (leaf(3), 2.0, leaf(3)),
        fast_mode=fast_mode,
        check_grad_dtypes=True,
    )
    assert check(lucid.sign, leaf(3), fast_mode=fast_mode)


@pytest.mark.parametrize("fast_mode", [False, True])
def test_a_wrong_entry_is_named(fast_mode):
    x, y = leaf(2), leaf(2)
    with pytest.raises(GradcheckError) as caught:
        gradcheck(
            lambda x, y: (x + y, half_wrong(x, y)), (x, y), fast_mode=fast_mode, rtol=0, atol=1e-6
        )
    text = str(caught.value)
    assert "the Jacobian of output 1 in input 1 is wrong in 1 of 4 entries" in text
    assert "At output element (1,) and input element (1,) backward gives" in text
    analytic, numeric = (
        float(text.split(f"{who} ")[1].split()[0].rstrip(",."))
        for who in ("backward gives", "differences give")
    )
    assert analytic == pytest.approx(1.001 * x[1].item())
    assert numeric == pytest.approx(x[1].item())
    assert gradcheck(half_wrong, (x, y), rtol=0, atol=1e-6, raise_exception=False) is False


@pytest.mark.parametrize("fast_mode", [False, True])
def test_a_wrong_second_derivative_is_found(fast_mode):
    assert gradcheck(WrongTwice.apply, leaf(3), fast_mode=fast_mode)
    with pytest.raises(GradcheckError, match="Jacobian of output 0 in input 0 is wrong in 3 of 9"):
        gradgradcheck(WrongTwice.apply, leaf(3), fast_mode=fast_mode)


def test_complex_numbers():
    x = lucid.ops.complex(leaf(3, dtype=None), leaf(3, dtype=None)).detach().requires_grad_()
    coarse = {"eps": 1e-2, "atol": 1e-3}
    assert gradcheck(lambda x: x * x, x, **coarse)
    assert gradgradcheck(lambda x: x * x, x, **coarse)

    class Unconjugated(lucid.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, gradient):
            return gradient * 2 * ctx.saved_tensors[0]

    with pytest.raises(GradcheckError, match=r"element \(\d,\) \((real|imaginary) part\)"):
        gradcheck(Unconjugated.apply, x, **coarse)


def test_an_undefined_gradient_counts_as_zeros():
    class Careless(lucid.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, first, second):
            if first is None:
                return second * 3
            return first if second is None else first * 2 + second * 3

    with pytest.raises(GradcheckError, match="input 0 is another one where output 1 has no grad"):
        gradcheck(Careless.apply, leaf(3))


def test_a_backward_that_is_not_the_same_twice():
    count = itertools.count()

    class Drifting(lucid.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, gradient):
            return gradient * (1 + 1e-9 * next(count))

    with pytest.raises(GradcheckError, match=r"differs by 1e-09 between two runs of the same"):
        gradcheck(Drifting.apply, leaf(3))
    assert gradcheck(Drifting.apply, leaf(3), nondet_tol=1e-6)


def test_refusals():
    with pytest.raises(ValueError, match="expects an input that requires grad"):
        gradcheck(lucid.exp, lucid.ones(3))
    with pytest.warns(UserWarning, match="the inputs of gradcheck are .*float32"):
        gradcheck(lucid.sin, leaf(3, dtype=None), eps=1e-2, atol=1e-3)


@pytest.mark.parametrize("function", [lambda z: z * z, lucid.exp, lucid.abs])
def test_complex_inputs_have_steps_of_their_own(function):
    z = lucid.tensor([1 + 2j, -0.5 + 0.3j], requires_grad=True)
    assert lucid.autograd.gradcheck(function, z)
    assert lucid.autograd.gradgradcheck(function, z)


def test_a_wrong_complex_rule_is_found():
    class Squared(lucid.autograd.Function):
        @staticmethod
        def forward(ctx, z):
            ctx.save_for_backward(z)
            return z * z

        @staticmethod
        def backward(ctx, gradient):
            return gradient * 2 * ctx.saved_tensors[0]  # of which the conjugate is missing

    z = lucid.tensor([1 + 2j], requires_grad=True)
    assert not lucid.autograd.gradcheck(Squared.apply, z, raise_exception=False)
