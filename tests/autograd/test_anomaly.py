"""Anomaly mode: the line whose gradient is NaN is named."""

import re

import pytest

import lucid
from lucid import autograd, nn


def loss_of(x):
    y = (x * 0).sqrt()  # the culprit
    return (y * 0).sum()


def test_the_line_is_named():
    x = lucid.ones(3, requires_grad=True)
    line = loss_of.__code__.co_firstlineno + 1
    with autograd.detect_anomaly():
        loss = loss_of(x)
        with pytest.raises(RuntimeError) as caught:
            loss.backward()
    text = str(caught.value)
    assert "the backward of 'sqrt' gave NaN as gradient of its input 0 of shape (3,)" in text
    assert re.search(rf'File ".*test_anomaly.py", line {line}, in loss_of\n', text)
    assert "y = (x * 0).sqrt()  # the culprit" in text


def test_off_it_costs_and_finds_nothing():
    x = lucid.ones(3, requires_grad=True)
    loss = loss_of(x)
    assert not hasattr(loss._node, "origin")
    loss.backward(retain_graph=True)
    assert x.grad.isnan().all()
    with (
        autograd.detect_anomaly(),
        pytest.raises(RuntimeError, match="the forward pass has to run in anomaly mode too"),
    ):
        loss.backward()


def test_a_layer_is_named_by_the_line_that_calls_it():
    class Bad(autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, gradient):
            return gradient * float("nan")

    x = lucid.ones(2, 3, requires_grad=True)
    with autograd.set_detect_anomaly(True):
        y = nn.Linear(3, 3)(x)
        assert "y = nn.Linear(3, 3)(x)" in y.grad_fn.origin
        z = Bad.apply(y)
        with pytest.raises(RuntimeError, match=r"(?s)of 'Bad' gave NaN.*z = Bad.apply\(y\)"):
            z.backward()


def test_with_create_graph():
    x = lucid.tensor(0.0, requires_grad=True)
    with autograd.detect_anomaly():
        (slope,) = autograd.grad(x.abs() ** 1.5, x, create_graph=True)  # 1.5 |x|^0.5 sign(x)
        with pytest.raises(RuntimeError, match=r"(?s)backward' gave NaN.*\(slope,\) = autograd"):
            slope.backward()


def test_switching():
    assert not autograd.is_anomaly_enabled()
    autograd.set_detect_anomaly(True, check_nan=False)
    try:
        assert autograd.is_anomaly_enabled()
        assert not autograd.is_anomaly_check_nan_enabled()
        loss_of(lucid.ones(3, requires_grad=True)).backward()
        with autograd.detect_anomaly():
            assert autograd.is_anomaly_check_nan_enabled()
        assert not autograd.is_anomaly_check_nan_enabled()
    finally:
        autograd.set_detect_anomaly(False)
    assert not autograd.is_anomaly_enabled()


def culprit(x):
    return x**1.5  # whose second derivative at 0 is infinite


def line_of(function, offset=1):
    return f"line {function.__code__.co_firstlineno + offset}, in {function.__name__}"


def test_the_line_of_a_second_derivative():
    x = lucid.zeros(2, requires_grad=True)
    with autograd.detect_anomaly():
        (slope,) = autograd.grad(culprit(x).sum(), x, create_graph=True)
        with pytest.raises(RuntimeError, match=line_of(culprit)):
            autograd.grad((0 * slope).sum(), x)


@pytest.mark.parametrize(
    "derivative",
    [
        lucid.func.jacrev(loss_of),
        lucid.func.vmap(lucid.func.grad(loss_of)),
        lucid.func.hessian(loss_of),
    ],
)
def test_the_line_inside_transforms(derivative):
    with autograd.detect_anomaly(), pytest.raises(RuntimeError, match=line_of(loss_of)):
        derivative(lucid.ones(2, 3))


def test_one_object_twice():
    mode = autograd.detect_anomaly()
    with mode, mode:
        pass
    assert not autograd.is_anomaly_enabled()
