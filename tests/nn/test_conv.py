"""Conv1d, ConvTranspose1d, DepthSeparableConv1d: shapes, checks, and what the API contract says."""

import numpy as np
import pytest

import lucid
from lucid import nn


def weigh(layer, *values):
    layer.weight.data = lucid.tensor(values).float().reshape(layer.weight.shape)
    return layer


def test_the_worked_example_of_the_transposed_convolution():
    x = lucid.tensor([[[1.0, 2.0, 3.0]]], requires_grad=True)
    deconv = weigh(nn.ConvTranspose1d(1, 1, kernel_size=2, stride=1, bias=False), 1.0, 0.5)
    y = deconv(x)
    assert y.tolist() == [[[1.0, 2.5, 4.0, 1.5]]]
    y.backward()
    assert x.grad.tolist() == [[[1.5, 1.5, 1.5]]]
    assert deconv.weight.grad.tolist() == [[[6.0, 6.0]]]


def test_weight_shapes_and_the_law_of_their_initialisation():
    lucid.manual_seed(0)
    conv = nn.Conv1d(64, 128, 5, groups=4)
    deconv = nn.ConvTranspose1d(64, 128, 5, groups=4)
    assert conv.weight.shape == (128, 16, 5)
    assert deconv.weight.shape == (64, 32, 5)
    for layer, fan in ((conv, 16 * 5), (deconv, 32 * 5)):
        for tensor in (layer.weight, layer.bias):
            values, bound = np.abs(tensor.numpy()), fan**-0.5
            assert 0.9 * bound < values.max() <= bound
        # uniform on +-bound: the mean of |w| is bound / 2, give or take 1 % over 10,000 values
        assert np.abs(layer.weight.numpy()).mean() == pytest.approx(fan**-0.5 / 2, rel=0.03)


@pytest.mark.parametrize("K", [1, 2, 3, 4, 7, 8])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_same_keeps_the_length_and_puts_the_odd_sample_right(K, d):
    x = lucid.zeros(1, 1, 20)
    x[0, 0, 10] = 1.0
    conv = weigh(nn.Conv1d(1, 1, K, padding="same", dilation=d, bias=False), *range(1, K + 1))
    y = conv(x).numpy()[0, 0]
    left = d * (K - 1) // 2
    wanted = np.zeros(20)
    for k in range(K):
        t = 10 - k * d + left
        if 0 <= t < 20:
            wanted[t] = k + 1
    assert y.tolist() == wanted.tolist()


def test_causal_outputs_do_not_depend_on_later_inputs():
    lucid.manual_seed(1)
    for layer in (
        nn.Conv1d(2, 3, 4, padding="causal", dilation=3),
        nn.DepthSeparableConv1d(2, 3, 4, padding="causal", dilation=3),
        nn.SeparableConv1d(2, 3, 4, padding="causal", dilation=3),
    ):
        x = lucid.randn(1, 2, 30)
        y = layer(x)
        assert y.shape == (1, 3, 30)
        changed = x.clone()
        changed[:, :, 17:] = 5.0
        z = layer(changed)
        assert (z[..., :17] == y[..., :17]).all()
        assert not (z[..., 17:] == y[..., 17:]).all()


@pytest.mark.parametrize(("K", "s", "d"), [(4, 2, 1), (3, 2, 1), (7, 3, 1), (1, 4, 1), (3, 2, 3)])
def test_same_of_the_transposed_convolution_gives_length_times_stride(K, s, d):
    lucid.manual_seed(2)
    x = lucid.randn(2, 3, 6)
    same = nn.ConvTranspose1d(3, 2, K, s, padding="same", dilation=d)
    full = nn.ConvTranspose1d(3, 2, K, s, dilation=d)
    full.load_state_dict(same.state_dict())
    y, whole = same(x), full(x)
    assert y.shape == (2, 2, 6 * s)
    left = max(whole.shape[-1] - 6 * s, 0) // 2
    n = min(whole.shape[-1] - left, 6 * s)
    np.testing.assert_allclose(y[..., :n].numpy(), whole[..., left : left + n].numpy(), rtol=1e-6)


def test_unbatched_input_batch_of_none_and_length_one():
    conv, deconv = nn.Conv1d(2, 3, 1), nn.ConvTranspose1d(2, 3, 2, 2)
    x = lucid.randn(4, 2, 5)
    for layer in (conv, deconv):
        assert (layer(x)[1] == layer(x[1])).all()
        empty = lucid.zeros(0, 2, 5, requires_grad=True)
        y = layer(empty)
        assert y.shape[0] == 0
        y.sum().backward()
        assert layer.weight.grad.abs().sum().item() == 0
        assert layer(lucid.ones(1, 2, 1)).shape[-1] == layer.stride[0]


def test_output_size_picks_the_length():
    deconv = nn.ConvTranspose1d(1, 1, 4, stride=3, padding=1)
    x = lucid.zeros(1, 1, 5)
    assert deconv(x).shape[-1] == 14
    assert [deconv(x, output_size=n).shape[-1] for n in (14, 15, (1, 1, 16))] == [14, 15, 16]
    with pytest.raises(ValueError, match=r"length 14 to 16, got output_size=17"):
        deconv(x, output_size=17)


def test_depth_separable_is_two_convolutions():
    layer = nn.DepthSeparableConv1d(4, 6, (3,), stride=(2,), padding=(1,), dilation=(2,))
    assert isinstance(layer.depthwise, nn.Conv1d)
    assert isinstance(layer.pointwise, nn.Conv1d)
    shapes = {name: p.shape for name, p in layer.named_parameters()}
    assert shapes == {
        "depthwise.weight": (4, 1, 3), "depthwise.bias": (4,),
        "pointwise.weight": (6, 4, 1), "pointwise.bias": (6,),
    }  # fmt: skip
    x = lucid.randn(2, 4, 11)
    assert (layer(x) == layer.pointwise(layer.depthwise(x))).all()
    assert all(p is None for p in (nn.DepthSeparableConv1d(4, 6, 3, bias=False).pointwise.bias,))


@pytest.mark.parametrize("dtype", [lucid.float16, lucid.bfloat16, lucid.float64])
def test_other_dtypes_stay_what_they_are(dtype):
    for layer in (nn.Conv1d(2, 4, 3, dtype=dtype), nn.ConvTranspose1d(2, 4, 3, 2, dtype=dtype)):
        x = lucid.ones(1, 2, 8, dtype=dtype, requires_grad=True)
        y = layer(x)
        y.sum().backward()
        assert [t.dtype for t in (y, x.grad, layer.weight.grad)] == [dtype] * 3


def test_repr():
    assert repr(nn.Conv1d(3, 6, 5, padding="same", groups=3, bias=False)) == (
        "Conv1d(3, 6, kernel_size=(5,), stride=(1,), padding='same', groups=3, bias=False)"
    )


CONSTRUCTION = [
    (nn.Conv1d, (0, 1, 1), {}, ValueError, "in_channels must be at least 1, got 0"),
    (nn.Conv1d, (1, -2, 1), {}, ValueError, "out_channels must be at least 1, got -2"),
    (nn.Conv1d, (1, 1, 0), {}, ValueError, "kernel_size must be at least 1, got 0"),
    (nn.Conv1d, (1, 1, 2.5), {}, TypeError, "kernel_size must be an int, got float"),
    (nn.Conv1d, (1, 1, (3, 3)), {}, ValueError, r"int or a 1-tuple, got \(3, 3\)"),
    (nn.Conv1d, (1, 1, 3, 0), {}, ValueError, "stride must be at least 1, got 0"),
    (nn.Conv1d, (1, 1, 3), {"padding": -1}, ValueError, "padding must be at least 0, got -1"),
    (nn.Conv1d, (1, 1, 3), {"padding": "full"}, ValueError, "or \"causal\", got 'full'"),
    (nn.Conv1d, (1, 1, 3, 2, "same"), {}, ValueError, "stride 2 cannot; use stride 1"),
    (nn.Conv1d, (1, 1, 3), {"dilation": 0}, ValueError, "dilation must be at least 1, got 0"),
    (nn.Conv1d, (4, 6, 3), {"groups": 4}, ValueError, "out_channels=6 and groups=4"),
    (nn.Conv1d, (4, 6, 3), {"groups": 0}, ValueError, "groups must be at least 1, got 0"),
    (nn.Conv1d, (1, 1, 3), {"padding_mode": "mirror"}, ValueError, "zeros, reflect, replicate"),
    (nn.Conv1d, (1, 1, 3), {"bias": 1}, TypeError, "bias must be a bool, got 1"),
    (nn.Conv1d, (True, 1, 3), {}, TypeError, "in_channels must be an int, got bool"),
    # a call in torch's order: output_padding, groups, bias, dilation
    (nn.ConvTranspose1d, (4, 2, 3, 2, 1, 1, 1, True, 1), {}, TypeError, "groups must be an int"),
    (nn.ConvTranspose1d, (4, 2, 3, 2, 1, 2), {}, ValueError, r"\(stride=2, dilation=1\), got 2"),
    (nn.ConvTranspose1d, (4, 2, 3), {"padding": "causal"}, ValueError, '"valid" or "same"'),
    (nn.ConvTranspose1d, (4, 2, 3, 2, "same", 1), {}, ValueError, "output_padding must be 0"),
]


@pytest.mark.parametrize(("kind", "args", "kwargs", "error", "message"), CONSTRUCTION)
def test_settings_that_make_no_sense_are_refused(kind, args, kwargs, error, message):
    with pytest.raises(error, match=message) as caught:
        kind(*args, **kwargs)
    assert str(caught.value).startswith(kind.__name__)


CALLS = [
    (nn.Conv1d(4, 2, 3), (2, 3, 8), ValueError, r"\(N, 4, L\) or \(4, L\), got \(2, 3, 8\)"),
    (nn.Conv1d(4, 2, 3), (8,), ValueError, r"got \(8,\)"),
    (nn.Conv1d(4, 2, 3), (1, 1, 4, 8), ValueError, r"got \(1, 1, 4, 8\)"),
    (nn.Conv1d(4, 2, 9, padding=1), (2, 4, 6), ValueError, "= 9 samples, but the input has 6"),
    (nn.Conv1d(4, 2, 9, 100), (2, 4, 6), ValueError, "longer input or more padding"),
    (nn.Conv1d(4, 2, 3, padding=2), (2, 4, 0), ValueError, "at least one sample"),
    (nn.Conv1d(1, 1, 3, padding=4, padding_mode="reflect"), (1, 1, 4), ValueError, "reflect"),
    (nn.ConvTranspose1d(4, 2, 3), (2, 5, 8), ValueError, r"\(N, 4, L\)"),
    (nn.ConvTranspose1d(1, 1, 1, padding=3), (1, 1, 2), ValueError, "output of length -4"),
]


@pytest.mark.parametrize(("layer", "shape", "error", "message"), CALLS)
def test_inputs_that_do_not_fit_are_refused(layer, shape, error, message):
    with pytest.raises(error, match=message):
        layer(lucid.zeros(shape))


def test_wrong_kinds_of_input_are_refused():
    conv = nn.Conv1d(1, 1, 3)
    with pytest.raises(TypeError, match="Conv1d expects a Tensor, got ndarray"):
        conv(np.zeros((1, 1, 8), np.float32))
    with pytest.raises(TypeError, match=r"float32, that of its weight, got .*int64"):
        conv(lucid.arange(8).reshape(1, 1, 8))
    with pytest.raises(TypeError, match=r"got .*float16"):
        conv(lucid.zeros(1, 1, 8, dtype=lucid.float16))
    with pytest.raises(ValueError, match=r"bias of shape \(1,\), got \(2,\)"):
        nn.functional.conv1d(lucid.zeros(1, 1, 8), conv.weight, lucid.zeros(2))
    with pytest.raises(ValueError, match="weight of 3 dimensions"):
        nn.functional.conv1d(lucid.zeros(1, 1, 8), lucid.zeros(3))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda F, x, w: F.conv1d(x, w, lucid.zeros(4, dtype="float64")), TypeError, "bias Tensor"),
        (lambda F, x, w: F.conv1d(x, w, np.zeros(4)), TypeError, "float32, got ndarray"),
        (lambda F, x, w: F.conv1d(x, lucid.zeros(4, 2, 0)), ValueError, "at least one tap"),
        (lambda F, x, w: F.conv_transpose1d(x, lucid.zeros(2, 4, 0)), ValueError, "one tap"),
        (lambda F, x, w: F.conv1d(x.int(), w.int()), TypeError, "floating point Tensor"),
        (lambda F, x, w: F.conv1d(x, w, stride=1 << 31), ValueError, r"stride .* below 2\*\*31"),
    ],
)
def test_functions_refuse_what_would_give_garbage(call, error, message):
    with pytest.raises(error, match=message):
        call(nn.functional, lucid.randn(1, 2, 8), lucid.randn(4, 2, 3))


@pytest.mark.parametrize("size", [9.0, "a", True, ()])
def test_an_output_size_that_is_no_int_is_refused(size):
    with pytest.raises((TypeError, ValueError), match="ConvTranspose1d: output_size must be"):
        nn.ConvTranspose1d(1, 1, 3, stride=2)(lucid.zeros(1, 1, 4), output_size=size)


def test_ints_of_numpy_are_ints():
    conv = nn.Conv1d(np.int64(2), np.int32(4), np.int64(3), groups=np.int16(2))
    assert repr(conv) == "Conv1d(2, 4, kernel_size=(3,), stride=(1,), groups=2)"


def test_a_kernel_too_long_for_memory_is_an_error_and_not_the_end_of_the_process():
    conv = nn.Conv1d(8, 8, 1_000_000, padding=1_000_000)
    with pytest.raises(MemoryError, match="an unfolded signal: shape"):
        conv(lucid.ones(1, 8, 4))


def test_a_huge_stride_with_a_dilation_takes_no_time():
    deconv = weigh(nn.ConvTranspose1d(1, 1, 2, 10**7, 10**7, dilation=3, bias=False), 1.0, 0.5)
    y = deconv(lucid.tensor([[[1.0, 2.0, 3.0]]]))
    assert y.shape == (1, 1, 4)
    assert y.tolist() == [[[2.0, 0.0, 0.0, 1.0]]]


@pytest.mark.parametrize("K", [3, 16, 40])
@pytest.mark.parametrize("dilation", [1, 2])
def test_values_out_of_reach_change_no_bit(K, dilation):
    conv = nn.Conv1d(4, 4, K, padding="causal", dilation=dilation, groups=4)
    x = np.random.default_rng(0).standard_normal((2, 4, 150)).astype("f")
    y = conv(lucid.tensor(x)).numpy()
    x[0, 1, 70:] = 3e38
    after = conv(lucid.tensor(x)).numpy()
    assert (after[0, 1, :70] == y[0, 1, :70]).all()
    after[0, 1] = y[0, 1]
    assert (after == y).all()


def test_a_nan_stays_in_its_sample_and_channel():
    conv = nn.Conv1d(4, 4, 9, padding="same", groups=4)
    x = lucid.randn(2, 4, 150)
    x[0, 1, 70] = float("nan")
    bad = np.isnan(conv(x).numpy())
    assert bad[0, 1, 66:75].all()
    bad[0, 1, 64:80] = False  # the block of 16 outputs that one matmul computes
    assert not bad.any()


def test_settings_are_tuples_as_torch_keeps_them_and_may_be_set_anew():
    conv = nn.Conv1d(1, 1, 3, stride=2, padding=1)
    assert (conv.kernel_size, conv.stride, conv.padding, conv.dilation) == ((3,), (2,), (1,), (1,))
    up = nn.ConvTranspose1d(1, 1, 4, stride=2, padding=1, output_padding=1)
    assert (up.padding, up.output_padding, up.kernel_size[0]) == ((1,), (1,), 4)
    x = lucid.randn(1, 1, 8)
    conv.padding, up.stride, up.output_padding = (0,), 3, 0
    assert lucid.equal(conv(x), nn.functional.conv1d(x, conv.weight, conv.bias, 2))
    wanted = nn.functional.conv_transpose1d(x, up.weight, up.bias, 3, 1)
    assert lucid.equal(up(x), wanted)
    image = nn.Conv2d(1, 1, 3, padding=1)
    image.padding = (0, 0)
    assert image(lucid.randn(1, 1, 5, 5)).shape == (1, 1, 3, 3)
