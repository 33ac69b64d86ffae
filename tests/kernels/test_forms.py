"""Every form is right wherever it may be chosen, so the table of rules is free to change."""

import mlx.core as mx
import numpy as np
import pytest

from lucid.kernels import conv1d, conv1d_weight_grad, conv_transpose1d, depthwise_conv1d, halves
from lucid.kernels.forms import CONV1D, CONV_TRANSPOSE1D, WEIGHT_GRAD, Shape, choose


def no_stride(stride, dilation):
    return stride == 1


def one_step(stride, dilation):
    return 1 in (stride, dilation)


def no_dilation(stride, dilation):
    return dilation == 1


def any_steps(stride, dilation):
    return True


def one_tap(stride, dilation):
    return stride == 1


FORMS = {
    conv1d.pointwise: one_tap,
    conv_transpose1d.pointwise: one_tap,
    conv1d_weight_grad.pointwise: one_tap,
    conv1d.unfolded: any_steps,
    conv_transpose1d.multiply_first_conv1d: no_stride,
    conv1d.by_taps: one_step,
    depthwise_conv1d.taps: any_steps,
    depthwise_conv1d.toeplitz: any_steps,
    conv_transpose1d.unfold_first: any_steps,
    conv_transpose1d.multiply_first: any_steps,
    conv_transpose1d.by_taps: any_steps,
    depthwise_conv1d.taps_transposed: no_stride,
    depthwise_conv1d.toeplitz_transposed: any_steps,
    conv1d_weight_grad.by_sample: any_steps,
    conv1d_weight_grad.by_phases: no_dilation,
    conv1d_weight_grad.by_views: no_stride,
    conv1d_weight_grad.at_once: any_steps,
    depthwise_conv1d.taps_weight_grad: no_stride,
    depthwise_conv1d.toeplitz_weight_grad: any_steps,
}


def forms(table):
    return {form for _, form in table.definitions}


def test_every_form_is_tested():
    assert forms(CONV1D) | forms(CONV_TRANSPOSE1D) | forms(WEIGHT_GRAD) == set(FORMS)


@pytest.mark.parametrize("block", [None, 2])  # 2: many blocks in a short signal, in halves
@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("form", FORMS, ids=lambda form: f"{form.__module__}.{form.__name__}")
def test_every_form_equals_its_definition(form, seed, block, definition, monkeypatch):
    if block:
        for name, value in (("BLOCK", block), ("RUN", block), ("ROWS", 7), ("LARGE", 0)):
            monkeypatch.setattr(depthwise_conv1d, name, value)
        plain = depthwise_conv1d._multiply_add  # what it computes, without g++
        monkeypatch.setattr(depthwise_conv1d, "_fused_multiply_add", plain)
        monkeypatch.setattr(halves, "LEAST", 0)
        monkeypatch.setattr(halves, "JOIN", 0)
        monkeypatch.setattr(conv1d, "SHORT", 0)  # a matmul for each sample, as of long signals
        monkeypatch.setattr(conv1d, "SMALL", 200)  # some output channels at a time
    rng = np.random.default_rng(seed)
    N, G, Cg, Og = (int(rng.integers(1, 4)) for _ in range(4))
    L, length, K = int(rng.integers(1, 90)), int(rng.integers(1, 90)), int(rng.integers(1, 12))
    stride, dilation = int(rng.integers(1, 6)), int(rng.integers(1, 6))
    if FORMS[form] is one_tap:
        G = K = stride = 1
    if not FORMS[form](stride, dilation):
        if FORMS[form] is no_stride or (seed % 2 and FORMS[form] is one_step):
            stride = 1
        else:
            dilation = 1
    x, w, g = (
        rng.integers(-3, 4, shape)
        for shape in ((N, G * Cg, L), (G * Og, Cg, K), (N, G * Og, length))
    )
    X, W, Y = (mx.array(a, mx.float32) for a in (x, w, g))
    place = {"stride": stride, "left": int(rng.integers(-3, 12)), "dilation": dilation, "groups": G}
    if form in forms(CONV1D):
        got, expected = form(X, W, length, **place), definition.conv1d(x, w, length, **place)
    elif form in forms(CONV_TRANSPOSE1D):
        got, expected = form(Y, W, L, **place), definition.conv_transpose1d(g, w, L, **place)
    else:
        got, expected = form(X, Y, K, **place), definition.weight_grad(x, g, K, **place)
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(
    ("table", "sizes", "form"),
    [
        (CONV1D, (1, 1, 13, 100, 1, 1, 64), depthwise_conv1d.toeplitz),
        (CONV1D, (1, 1, 3, 4001, 1, 32, 512), depthwise_conv1d.taps),
        (CONV1D, (1, 1, 29, 100, 1, 2, 64), depthwise_conv1d.toeplitz),
        (CONV1D, (1, 1, 4, 2051, 1, 1, 64), depthwise_conv1d.taps),
        (CONV1D, (32, 1, 7, 8192, 1, 1, 1), conv_transpose1d.multiply_first_conv1d),
        (CONV1D, (8, 8, 7, 8192, 1, 3, 1), conv1d.by_taps),
        (CONV1D, (32, 32, 11, 8192, 1, 5, 1), conv1d.by_taps),
        (CONV1D, (16, 32, 41, 2048, 4, 1, 16), conv1d.by_taps),
        (CONV1D, (64, 64, 3, 64, 1, 5, 1), conv1d.unfolded),
        (CONV1D, (1, 32, 7, 24000, 1, 1, 1), conv1d.unfolded),
        (CONV1D, (1, 64, 16, 999, 8, 1, 1), conv1d.unfolded),
        (CONV_TRANSPOSE1D, (1, 64, 16, 999, 8, 1, 1), conv_transpose1d.multiply_first),
        (CONV_TRANSPOSE1D, (128, 256, 16, 256, 8, 1, 1), conv_transpose1d.multiply_first),
        (CONV_TRANSPOSE1D, (512, 1, 16, 4001, 8, 1, 1), conv_transpose1d.unfold_first),
        (CONV_TRANSPOSE1D, (1, 1, 12, 4106, 2, 1, 384), depthwise_conv1d.toeplitz_transposed),
        (WEIGHT_GRAD, (1, 1, 4, 2051, 1, 1, 64), depthwise_conv1d.toeplitz_weight_grad),
        (CONV_TRANSPOSE1D, (16, 16, 3, 4096, 1, 512, 1), conv_transpose1d.by_taps),
        (WEIGHT_GRAD, (8, 8, 7, 4096, 1, 1, 1), conv1d_weight_grad.by_views),
        (WEIGHT_GRAD, (128, 512, 1, 4001, 1, 1, 1), conv1d_weight_grad.pointwise),
        (WEIGHT_GRAD, (384, 768, 8, 249, 4, 1, 1), conv1d_weight_grad.at_once),
    ],
)
def test_the_table_chooses_what_it_says(table, sizes, form):
    assert choose(table, Shape(*sizes), mx.float32) is form


def test_steps_too_long_for_the_tiles_of_a_shader_are_left_to_the_definitions():
    shape = Shape(Cg=8, Og=8, K=8, length=40, stride=2**20, dilation=1, groups=1)
    assert not shape.fits_32_bits
    assert shape._replace(stride=2**17).fits_32_bits
