"""`Function`: operations with a derivative of one's own."""

import gc
import weakref

import pytest

import lucid
from lucid.autograd.function import once_differentiable


class Scale(lucid.autograd.Function):
    @staticmethod
    def forward(ctx, x, factor):
        ctx.factor = factor
        ctx.save_for_backward(x)
        return x * factor

    @staticmethod
    def backward(ctx, gradient):
        return gradient * ctx.factor, None


class Both(lucid.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return x * y, x + y

    @staticmethod
    def backward(ctx, product, total):
        x, y = ctx.saved_tensors
        return product * y + total, product * x + total


def test_gradients_and_settings():
    x = lucid.tensor([1.0, 2.0], requires_grad=True)
    y = Scale.apply(x, 3.0)
    assert y.tolist() == [3.0, 6.0]
    assert not y.is_leaf
    y.sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_several_outputs_of_which_one_is_used():
    x = lucid.tensor(2.0, requires_grad=True)
    y = lucid.tensor(5.0, requires_grad=True)
    product, total = Both.apply(x, y)
    product.backward()
    assert (x.grad.item(), y.grad.item()) == (5.0, 2.0)
    assert total.item() == 7.0


def test_second_order():
    x = lucid.tensor(2.0, requires_grad=True)
    y = lucid.tensor(5.0, requires_grad=True)
    (dx,) = lucid.autograd.grad(Both.apply(x, y)[0] * x, x, create_graph=True)
    assert dx.item() == 20.0
    assert [g.item() for g in lucid.autograd.grad(dx, [x, y])] == [10.0, 4.0]


def test_forward_may_return_its_input():
    class Same(lucid.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, gradient):
            return -gradient

    x = lucid.tensor(2.0, requires_grad=True)
    y = Same.apply(x)
    assert y is not x
    y.backward()
    assert x.grad.item() == -1.0


def test_nothing_is_recorded_without_need():
    assert not Scale.apply(lucid.ones(2), 3.0).requires_grad
    with lucid.no_grad():
        assert not Scale.apply(lucid.ones(2, requires_grad=True), 3.0).requires_grad


def test_needs_input_grad():
    seen = []

    class Ask(Scale):
        @staticmethod
        def backward(ctx, gradient):
            seen.append(ctx.needs_input_grad)
            return gradient, None

    Ask.apply(lucid.ones(2, requires_grad=True), 2.0).sum().backward()
    assert seen == [(True, False)]


@pytest.mark.parametrize(
    ("result", "error", "message"),
    [
        ((1, 2, 3), RuntimeError, "returned 3 gradients for 1 arguments"),
        (1.0, TypeError, "must return Tensors or None, got float"),
        (lucid.ones(3), RuntimeError, r"gradient of shape \(3,\) for input 0 of shape \(2,\)"),
    ],
)
def test_a_wrong_backward(result, error, message):
    class Wrong(lucid.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, gradient):
            return result

    with pytest.raises(error, match=message):
        Wrong.apply(lucid.ones(2, requires_grad=True)).sum().backward()


def test_a_wrong_forward():
    class Wrong(lucid.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return 3.0

    with pytest.raises(TypeError, match=r"Wrong.forward must return a Tensor .* got float"):
        Wrong.apply(lucid.ones(2))
    with pytest.raises(NotImplementedError, match="needs a static method forward"):
        lucid.autograd.Function.apply(lucid.ones(2))


def test_a_second_backward():
    y = Scale.apply(lucid.ones(2, requires_grad=True), 3.0)
    y.backward()
    with pytest.raises(RuntimeError, match="through 'Scale' a second time"):
        y.backward()


class Exp(lucid.autograd.Function):
    """Saves its output."""

    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, gradient):
        (y,) = ctx.saved_tensors
        return gradient * y


def test_a_saved_output_stays_connected():
    x = lucid.tensor(1.0, dtype=lucid.float64, requires_grad=True)
    y = Exp.apply(x)
    for _ in range(3):
        (y,) = lucid.autograd.grad(y, x, create_graph=True)
        assert y.item() == pytest.approx(2.718281828459045)


def test_saved_tensors_keep_their_values():
    x = lucid.tensor(2.0, requires_grad=True)
    before = x * 1
    product, _ = Both.apply(before, before)
    before += 100
    with lucid.no_grad():
        x += 100
    product.backward()
    assert x.grad.item() == 4.0


def test_nothing_keeps_a_function_alive():
    x = lucid.ones(2, requires_grad=True)
    gc.collect()
    gc.disable()
    try:
        node = Exp.apply(x)._node
        reference = weakref.ref(node.context)
        del node
        assert reference() is None  # no cycle
    finally:
        gc.enable()


def test_setup_context():
    class Square(lucid.autograd.Function):
        @staticmethod
        def forward(x, power):
            return x**power

        @staticmethod
        def setup_context(ctx, inputs, output):
            x, ctx.power = inputs
            ctx.save_for_backward(x)

        @staticmethod
        def backward(ctx, gradient):
            (x,) = ctx.saved_tensors
            return gradient * ctx.power * x ** (ctx.power - 1), None, None  # one None too many

    x = lucid.tensor(3.0, requires_grad=True)
    (slope,) = lucid.autograd.grad(Square.apply(x, 2), x, create_graph=True)
    assert slope.item() == 6.0
    assert lucid.autograd.grad(slope, x)[0].item() == 2.0


@pytest.mark.parametrize("materialize", [True, False])
def test_gradients_of_unused_outputs(materialize):
    seen = []

    class Pair(lucid.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(materialize)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, first, second):
            seen.append(None if second is None else second.tolist())
            return first * 2

    x = lucid.ones(2, requires_grad=True)
    Pair.apply(x)[0].backward()
    lucid.autograd.grad(Pair.apply(x)[0], x, create_graph=True)
    assert seen == [[0.0, 0.0] if materialize else None] * 2


def test_mark_non_differentiable():
    class Sorted(lucid.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            values, scale = x * 2, x * 0
            ctx.mark_non_differentiable(scale)
            return values, scale

        @staticmethod
        def backward(ctx, gradient, of_scale):
            assert of_scale.tolist() == [0.0, 0.0]
            return gradient * 2

    x = lucid.ones(2, requires_grad=True)
    values, scale = Sorted.apply(x)
    assert values.requires_grad
    assert not scale.requires_grad
    values.backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_once_differentiable():
    class Once(lucid.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @once_differentiable
        def backward(ctx, gradient):
            assert not lucid.is_grad_enabled()
            return 2 * gradient * ctx.saved_tensors[0]

    x = lucid.tensor(3.0, requires_grad=True)
    (slope,) = lucid.autograd.grad(Once.apply(x), x, create_graph=True)
    assert slope.item() == 6.0
    with pytest.raises(RuntimeError, match="marked @once_differentiable"):
        slope.backward()
    Once.apply(x).backward()
    assert x.grad.item() == 6.0


def test_outputs_that_are_no_tensors():
    class Named(lucid.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return "name", x * 2, None

        @staticmethod
        def backward(ctx, name, gradient, nothing):
            assert name is nothing is None
            return gradient * 2

    x = lucid.ones(2, requires_grad=True)
    name, y, nothing = Named.apply(x)
    y.sum().backward()
    assert (name, nothing) == ("name", None)
    assert x.grad.tolist() == [2.0, 2.0]


def test_an_input_changed_in_place():
    class Cubed(lucid.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x.clone(), x)
            ctx.mark_dirty(x)
            return x.pow_(3)

        @staticmethod
        def backward(ctx, gradient):
            before, after = ctx.saved_tensors
            return gradient * 3 * after / before

    x = lucid.tensor([1.0, 2.0], requires_grad=True)
    h = x * 1
    assert Cubed.apply(h) is h
    (h * 2).sum().backward()
    assert h.tolist() == [1.0, 8.0]
    assert x.grad.tolist() == [6.0, 24.0]
    with pytest.raises(RuntimeError, match="Cubed changed a leaf that requires grad in place"):
        Cubed.apply(x)
