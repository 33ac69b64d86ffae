"""A shader proves itself before its results are used."""

import threading
import warnings

import mlx.core as mx
import numpy as np
import pytest

import lucid
from lucid.kernels import convolution, metal, trust
from lucid.kernels.convolution import conv1d
from lucid.kernels.examples import Problem
from lucid.kernels.forms import CONV1D, Shape


def test_a_shader_is_checked_once_for_each_variant_and_then_used(gpu, example):
    x, w = example.arrays()
    for _ in range(3):
        np.testing.assert_array_equal(conv1d(x, w), example.exact(x, w))
    assert len(gpu.launches) == 3 + 1
    np.testing.assert_array_equal(conv1d(x, w[..., :2]), example.exact(x, w[..., :2]))
    conv1d(x[..., :40], w)  # another length and batch are no other variant
    conv1d(x[:1], w)
    conv1d(x, w, stride=2)
    conv1d(x, w, mx.zeros(4))
    conv1d(x.astype(mx.float16), w.astype(mx.float16))
    expected = [(3, 1, False), (2, 1, False), (3, 2, False), (3, 1, True), (3, 1, False)]
    assert [(t["K"], t["S"], t["BIAS"]) for t in gpu.checks] == expected


@pytest.mark.parametrize("dtype", metal.DTYPES, ids=str)
@pytest.mark.parametrize(
    ("C", "L", "K", "groups", "settings"),
    [
        (4, 50, 3, 1, {}),
        (200, 3000, 5, 200, {"stride": 2, "padding": (900, 900)}),
        (136, 700, 3, 1, {"dilation": 40, "padding": (-9, 5)}),
        (1, 4, 3, 1, {"padding": (2, 2)}),
        (2, 1, 1, 1, {}),
    ],
)
def test_a_right_shader_passes(gpu, ledger, dtype, C, L, K, groups, settings, example):
    conv1d(*example.arrays(C, L, K, groups, dtype=dtype), groups=groups, **settings)
    assert len(gpu.checks) == 1
    assert ledger.passed
    assert not ledger.failed


def test_the_example_is_small(gpu, example):
    conv1d(*example.arrays(C=300, L=5000, K=3, groups=300), groups=300)
    conv1d(*example.arrays(C=300, L=5000, K=2))
    (_, few), (_, narrow) = (launch for launch in gpu.launches if launch[1][0] == 2)
    assert few[1] == 8
    assert narrow[1] == 64 + 300 % 16
    assert max(few[2], narrow[2]) < 4200


def test_a_tiny_problem_proves_itself_on_more_than_itself(gpu, example):
    conv1d(*example.arrays(L=4))
    assert gpu.launches[1][1][2] > 400


def test_an_example_obeys_the_rules(gpu, twin, example, monkeypatch):
    short = CONV1D._replace(shaders=((lambda s: s.length < 100, twin),))
    monkeypatch.setattr(convolution, "CONV1D", short)
    conv1d(*example.arrays())
    assert max(shape[2] for _, shape in gpu.launches) == 50


def test_examples_are_tiny_or_smaller_than_the_problem():
    shape = Shape(Cg=4096, Og=4096, K=3, length=2, stride=1, dilation=1, groups=1)
    problem = Problem(shape, N=1, L=4, left=0)
    assert max(example.volume for example in problem.smaller()) <= problem.volume


def test_a_larger_threadgroup_than_the_one_that_passed_is_checked_too(gpu, ledger, example):
    x, w = example.arrays(L=2000)
    conv1d(x, w)
    assert set(ledger.passed.values()) == {64}
    conv1d(x[..., :50], w)  # smaller: nothing new
    assert len(gpu.checks) == 1
    with trust.using(trust.Ledger(ledger.path.with_name("other.json"))) as other:
        conv1d(x[..., :50], w)
        assert set(other.passed.values()) == {32}
        conv1d(x, w)
        assert set(other.passed.values()) == {64}


TRACES = {
    "grad": lambda f, x: mx.grad(lambda x: f(x).sum())(x),
    "second": lambda f, x: mx.grad(lambda x: mx.grad(lambda x: (f(x) ** 2).sum())(x).sum())(x),
    "compile": lambda f, x: mx.compile(f)(x),
    "compiled grad": lambda f, x: mx.compile(mx.grad(lambda x: f(x).sum()))(x),
    "checkpoint": lambda f, x: mx.grad(lambda x: mx.checkpoint(f)(x).sum())(x),
    "vmap": lambda f, x: mx.vmap(lambda scale: scale * f(x))(mx.arange(3)),
    "no_grad": lambda f, x: lucid.no_grad()(f)(x),
}


@pytest.mark.parametrize("trace", TRACES.values(), ids=TRACES)
@pytest.mark.parametrize("wrong", [0.0, 1.0])
def test_it_works_while_mlx_traces(gpu, ledger, trace, wrong, example):
    x, w = example.arrays()
    with trust.using(trust.Ledger(assume=True)):
        expected = trace(lambda x: conv1d(x, w), x)
    gpu.launches.clear()
    gpu.fault = lambda y: y + wrong
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        got = trace(lambda x: conv1d(x, w), x)
    assert len(caught) == (wrong > 0)
    assert len(gpu.checks) == 1
    np.testing.assert_array_equal(got, expected)


def test_it_leaves_the_random_numbers_alone(gpu, example):
    mx.random.seed(0)
    expected = mx.random.uniform(shape=(3,)).tolist()
    mx.random.seed(0)
    conv1d(*example.arrays())
    assert len(gpu.checks) == 1
    assert mx.random.uniform(shape=(3,)).tolist() == expected


@pytest.mark.parametrize("wrong", [0.0, 1.0])
def test_threads_that_come_together_check_once(gpu, example, wrong):
    x, w = example.arrays()
    mx.eval(x, w)
    gpu.fault = lambda y: y + wrong
    barrier, results = threading.Barrier(4), []

    def work():
        barrier.wait()
        results.append(np.array(conv1d(x, w)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(caught) == (wrong > 0)
    assert len(gpu.checks) == 1
    for y in results:
        np.testing.assert_array_equal(y, example.exact(x, w))


def test_an_example_that_the_launcher_refuses_is_passed_over(gpu, twin, example, monkeypatch):
    kernel = twin.kernel

    def short_rows_only(inputs, **launch):
        if inputs[0].shape[2] > 100:
            raise ValueError("no shader for long rows")
        return kernel(inputs, **launch)

    monkeypatch.setattr(twin, "kernel", short_rows_only)
    x, w = example.arrays()
    np.testing.assert_array_equal(conv1d(x, w), example.exact(x, w))
    assert [shape for _, shape in gpu.launches] == [(3, 4, 50), (2, 4, 47)]
