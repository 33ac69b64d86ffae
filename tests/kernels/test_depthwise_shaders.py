"""The depthwise shaders, run by the emulator."""

from types import SimpleNamespace

import mlx.core as mx
import numpy as np
import pytest

from lucid.kernels import depthwise_shaders

# N, C, m, L, K, stride, dilation, left, length
CASES = {
    "one tile": (2, 3, 1, 50, 7, 1, 1, 3, 50),
    "several tiles, the last with idle threads": (1, 2, 1, 1100, 3, 1, 1, 2, 1101),
    "a long reach": (1, 2, 1, 2300, 3, 1, 128, 256, 2300),
    "short rows": (3, 37, 1, 5, 3, 1, 1, 1, 5),
    "one output": (2, 67, 1, 4, 4, 1, 1, 0, 1),
    "one value": (1, 1, 1, 1, 1, 1, 1, 0, 1),
    "all constant": (1, 1, 1, 2, 3, 1, 1, 1, 2),
    "one tap": (2, 5, 1, 70, 1, 1, 1, 0, 70),
    "two taps, cropped": (2, 5, 1, 70, 2, 1, 1, -6, 55),
    "shorter than the kernel": (1, 3, 1, 9, 31, 1, 1, 15, 9),
    "dilated": (2, 3, 1, 83, 7, 1, 9, 27, 83),
    "dilated, even": (2, 3, 1, 83, 31, 1, 2, 30, 83),
    "87 taps": (2, 3, 1, 101, 87, 1, 2, 86, 101),
    "more taps than one launch adds up": (1, 2, 1, 180, 150, 1, 1, 80, 171),
    "only padding": (1, 2, 1, 3, 5, 1, 1, 40, 90),
    "stride 2": (2, 5, 1, 130, 12, 2, 1, 5, 63),
    "stride 3, dilated": (2, 3, 1, 121, 5, 3, 2, 4, 41),
    "stride 4 over dilation 6": (1, 3, 1, 99, 17, 4, 6, 40, 20),
    "stride 8": (1, 3, 1, 300, 41, 8, 1, 20, 38),
    "stride 16": (1, 2, 1, 300, 33, 16, 1, 16, 19),
    "less taps than stride": (2, 3, 1, 64, 2, 5, 1, 0, 13),
    "two filters": (2, 5, 2, 40, 7, 1, 1, 3, 40),
    "three filters": (2, 3, 3, 33, 9, 2, 1, 4, 17),
    "six filters": (1, 3, 6, 30, 5, 1, 1, 2, 30),
    "eleven filters": (2, 2, 11, 70, 4, 2, 1, 1, 35),
    "an encoder": (1, 1, 32, 203, 16, 8, 1, 8, 26),
}


def random_problem(case, seed=0, low=-3, high=3):
    N, C, m, L, K, stride, dilation, left, length = case
    rng = np.random.default_rng(seed)
    shapes = {
        "x": (N, C, L),
        "w": (C * m, 1, K),
        "y": (N, C * m, length),
        "y_bias": (C * m,),
        "x_bias": (C,),
    }
    arrays = {name: rng.integers(low, high + 1, shape) for name, shape in shapes.items()}
    place = {"stride": stride, "left": left, "dilation": dilation, "groups": C}
    return SimpleNamespace(K=K, L=L, length=length, place=place, **arrays)


def all_shaders(p, dtype=mx.float32):
    """The three functions without and with a bias, as float64."""
    x, w, y, y_bias, x_bias = (mx.array(a, dtype) for a in (p.x, p.w, p.y, p.y_bias, p.x_bias))
    results = (
        depthwise_shaders.conv1d(x, w, p.length, **p.place),
        depthwise_shaders.conv1d(x, w, p.length, bias=y_bias, **p.place),
        depthwise_shaders.conv_transpose1d(y, w, p.L, **p.place),
        depthwise_shaders.conv_transpose1d(y, w, p.L, bias=x_bias, **p.place),
        depthwise_shaders.weight_grad(x, y, p.K, **p.place),
    )
    assert {result.dtype for result in results} == {dtype}
    return [np.array(result.astype(mx.float32), np.float64) for result in results]


def all_definitions(definition, p):
    y = definition.conv1d(p.x, p.w, p.length, **p.place)
    x = definition.conv_transpose1d(p.y, p.w, p.L, **p.place)
    w = definition.weight_grad(p.x, p.y, p.K, **p.place)
    return [y, y + p.y_bias[:, None], x, x + p.x_bias[:, None], w]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_equals_its_definition_on_integers(case, definition, emulator):
    p = random_problem(case)
    for got, expected in zip(all_shaders(p), all_definitions(definition, p), strict=True):
        np.testing.assert_array_equal(got, expected)
