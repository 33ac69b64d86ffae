"""Every layer against torch's: output, gradients, buffers, names in the state dict."""

import numpy as np
import pytest

import lucid
from lucid import nn

pytestmark = pytest.mark.parity
torch = pytest.importorskip("torch")

LAYERS = [
    ("Linear", (5, 3), {}, (4, 5)),
    ("Linear", (5, 3), {}, (5,)),
    ("Linear", (5, 3), {"bias": False}, (2, 4, 5)),
    ("Flatten", (), {}, (2, 3, 4)),
    ("Unflatten", (1, (2, 3)), {}, (4, 6, 2)),
    ("Identity", (), {}, (3,)),
    ("ReLU", (), {}, (3, 4)),
    ("ReLU6", (), {}, (3, 4)),
    ("LeakyReLU", (0.2,), {}, (3, 4)),
    ("ELU", (1.3,), {}, (3, 4)),
    ("SELU", (), {}, (3, 4)),
    ("CELU", (1.3,), {}, (3, 4)),
    ("Hardshrink", (0.6,), {}, (3, 4)),
    ("Softshrink", (), {}, (3, 4)),
    ("Tanhshrink", (), {}, (3, 4)),
    ("Threshold", (0.1, 20.0), {}, (3, 4)),
    ("Softmin", (1,), {}, (3, 4)),
    ("Softmax2d", (), {}, (2, 3, 4, 5)),
    ("GELU", (), {}, (3, 4)),
    ("GELU", ("tanh",), {}, (3, 4)),
    ("SiLU", (), {}, (3, 4)),
    ("Mish", (), {}, (3, 4)),
    ("Sigmoid", (), {}, (3, 4)),
    ("LogSigmoid", (), {}, (3, 4)),
    ("Tanh", (), {}, (3, 4)),
    ("Softsign", (), {}, (3, 4)),
    ("Softplus", (2.0,), {}, (3, 4)),
    ("Hardtanh", (-0.5, 0.7), {}, (3, 4)),
    ("Hardsigmoid", (), {}, (3, 4)),
    ("Hardswish", (), {}, (3, 4)),
    ("GLU", (1,), {}, (2, 6, 5)),
    ("Softmax", (1,), {}, (2, 6, 5)),
    ("LogSoftmax", (-1,), {}, (2, 6, 5)),
    ("PReLU", (), {}, (2, 6, 5)),
    ("PReLU", (6,), {}, (2, 6, 5)),
    ("BatchNorm1d", (6,), {}, (9, 6)),
    ("BatchNorm1d", (6,), {}, (4, 6, 5)),
    ("BatchNorm1d", (6,), {"momentum": None}, (4, 6, 5)),
    ("BatchNorm1d", (6,), {"affine": False, "eps": 1e-3}, (4, 6, 5)),
    ("BatchNorm1d", (6,), {"track_running_stats": False}, (4, 6, 5)),
    ("BatchNorm1d", (6,), {"momentum": 0.3}, (1, 6, 5)),
    ("BatchNorm2d", (6,), {}, (4, 6, 3, 2)),
    ("LayerNorm", (5,), {}, (4, 6, 5)),
    ("LayerNorm", ((6, 5),), {"bias": False}, (4, 6, 5)),
    ("LayerNorm", (5,), {"elementwise_affine": False}, (5,)),
    ("GroupNorm", (1, 6), {"eps": 1e-8}, (4, 6, 5)),
    ("GroupNorm", (3, 6), {}, (4, 6, 5)),
    ("GroupNorm", (2, 6), {"affine": False}, (4, 6)),
    ("GroupNorm", (2, 6), {}, (4, 6, 3, 2)),
    ("InstanceNorm1d", (6,), {}, (4, 6, 5)),
    ("InstanceNorm1d", (6,), {"affine": True}, (4, 6, 5)),
    ("InstanceNorm1d", (6,), {}, (6, 5)),
    ("InstanceNorm1d", (6,), {"affine": True, "track_running_stats": True}, (4, 6, 5)),
    ("InstanceNorm1d", (6,), {"track_running_stats": True, "momentum": None}, (6, 5)),
    ("InstanceNorm2d", (6,), {"track_running_stats": True}, (4, 6, 5, 3)),
    ("InstanceNorm2d", (6,), {}, (6, 5, 3)),
    ("RMSNorm", (5,), {}, (4, 6, 5)),
    ("RMSNorm", ((6, 5),), {"eps": 1e-3, "elementwise_affine": False}, (4, 6, 5)),
    ("LocalResponseNorm", (3,), {}, (4, 6, 5)),
    ("Conv2d", (4, 6, (5, 1)), {"stride": (3, 1), "padding": (2, 0)}, (2, 4, 16, 3)),
    ("Conv2d", (4, 6, (3, 9)), {"dilation": (2, 1), "padding": (2, 4), "groups": 2}, (4, 12, 10)),
    ("Conv2d", (2, 3, 4), {"padding": "same", "padding_mode": "reflect"}, (2, 2, 7, 8)),
    ("Conv2d", (2, 3, (2, 3)), {"padding": (2, 1), "padding_mode": "circular"}, (2, 2, 7, 8)),
    ("ConvTranspose2d", (4, 6, (3, 4)), {"stride": 2, "groups": 2}, (2, 4, 5, 6)),
    ("ConvTranspose2d", (4, 2, (5, 2), (3, 1), (2, 1), (1, 0)), {"bias": False}, (4, 5, 6)),
    ("MaxPool1d", (3,), {}, (2, 3, 11)),
    ("MaxPool1d", (3, 2, 1), {}, (2, 3, 11)),
    ("MaxPool1d", (3, 2, 1, 2), {"ceil_mode": True}, (2, 3, 12)),
    ("MaxPool1d", (4,), {"ceil_mode": True}, (3, 11)),
    ("MaxPool1d", (1, 3), {}, (3, 11)),
    ("AvgPool1d", (3,), {}, (2, 3, 11)),
    ("AvgPool1d", (4, 3, 2), {"ceil_mode": True}, (2, 3, 12)),
    ("AvgPool1d", (4, 3, 2), {"ceil_mode": True, "count_include_pad": False}, (2, 3, 12)),
    ("AvgPool1d", (5, 1, 2), {"count_include_pad": False}, (3, 7)),
    ("AdaptiveAvgPool1d", (1,), {}, (2, 3, 11)),
    ("AdaptiveAvgPool1d", (4,), {}, (2, 3, 11)),
    ("AdaptiveAvgPool1d", (4,), {}, (3, 12)),
    ("AdaptiveAvgPool1d", (7,), {}, (3, 5)),
    ("AdaptiveMaxPool1d", (4,), {}, (2, 3, 11)),
    ("AdaptiveMaxPool1d", (4,), {}, (3, 12)),
    ("MaxPool2d", ((3, 2), 2, (1, 0)), {"ceil_mode": True}, (2, 3, 8, 7)),
    ("MaxPool2d", (2, 1, 0, (2, 3)), {}, (3, 8, 7)),
    ("AvgPool2d", ((3, 4), (2, 3), (1, 2)), {"count_include_pad": False}, (2, 3, 8, 7)),
    ("AvgPool2d", (3,), {"divisor_override": 4, "ceil_mode": True}, (3, 8, 7)),
    ("LPPool1d", (2, 3), {}, (2, 3, 8)),
    ("LPPool2d", (2, (2, 3), 1), {}, (2, 3, 8, 7)),
    ("AdaptiveAvgPool2d", ((3, None),), {}, (2, 3, 8, 7)),
    ("AdaptiveMaxPool2d", ((3, 7),), {}, (3, 8, 7)),
    ("ConstantPad1d", ((2, 1), 1.5), {}, (2, 3, 5)),
    ("ZeroPad1d", (2,), {}, (2, 3, 5)),
    ("ZeroPad1d", ((-1, 2),), {}, (2, 3, 5)),
    ("ReflectionPad1d", ((2, 1),), {}, (2, 3, 5)),
    ("ReplicationPad1d", (3,), {}, (3, 5)),
    ("CircularPad1d", ((2, 5),), {}, (2, 3, 5)),
    ("ConstantPad2d", ((2, 1, 0, 3), 1.5), {}, (2, 3, 5, 4)),
    ("ZeroPad2d", ((-1, 2, 3, -2),), {}, (3, 5, 4)),
    ("ReflectionPad2d", (2,), {}, (2, 3, 5, 4)),
    ("ReplicationPad2d", ((1, 2, 3, 0),), {}, (3, 5, 4)),
    ("CircularPad2d", ((1, 2, 3, 0),), {}, (3, 5, 4)),
    ("Upsample", (), {"scale_factor": 3}, (2, 3, 5)),
    ("Upsample", (13,), {"mode": "linear"}, (2, 3, 5)),
    ("Upsample", ((7, 2),), {"mode": "area"}, (2, 3, 5, 4)),
    ("UpsamplingNearest2d", (), {"scale_factor": (2, 1.5)}, (2, 3, 5, 4)),
    ("UpsamplingBilinear2d", ((7, 3),), {}, (2, 3, 5, 4)),
    ("PixelShuffle", (2,), {}, (2, 8, 3, 5)),
    ("PixelUnshuffle", (2,), {}, (3, 4, 6)),
    ("ChannelShuffle", (3,), {}, (2, 6, 5)),
    ("Unfold", ((1, 4),), {"stride": (1, 2), "padding": (0, 3)}, (2, 3, 1, 9)),
    ("Unfold", ((2, 3), (2, 1)), {}, (3, 6, 5)),
    ("Fold", ((7, 6), (2, 3)), {"padding": 1, "stride": (3, 2)}, (2, 12, 9)),
    ("Fold", ((1, 9), (1, 3)), {"dilation": (1, 2), "stride": 2}, (6, 3)),
    ("Dropout", (0.0,), {}, (3, 4)),
    ("AlphaDropout", (0.0,), {}, (3, 4)),
]


@pytest.mark.parametrize(("name", "args", "kwargs", "shape"), LAYERS)
def test_layer(parity, rng, name, args, kwargs, shape):
    ours, theirs = getattr(nn, name)(*args, **kwargs), getattr(torch.nn, name)(*args, **kwargs)
    with torch.no_grad():
        for p in theirs.parameters():
            p.copy_(torch.randn(p.shape))
    parity.load(ours, theirs)
    for _ in range(3):  # running statistics go on
        x = rng.normal(0.3, 2.0, shape).astype(np.float32)
        ours.zero_grad()
        theirs.zero_grad()
        parity.compare(ours, theirs, x)
    ours.eval()
    theirs.eval()
    ours.zero_grad()
    theirs.zero_grad()
    parity.compare(ours, theirs, rng.normal(0.3, 2.0, shape).astype(np.float32))
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})


def test_max_pool_of_ties_and_plateaus(parity):
    x = np.array([[1, 1, 2, 2, 2, 0, 0, 0, 3, 3]], np.float32)
    parity.compare(nn.MaxPool1d(3, 2), torch.nn.MaxPool1d(3, 2), x)
    parity.compare(nn.MaxPool1d(2), torch.nn.MaxPool1d(2), x)
    parity.compare(nn.AdaptiveMaxPool1d(5), torch.nn.AdaptiveMaxPool1d(5), x)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize(
    ("name", "args"), [("BatchNorm1d", (6,)), ("GroupNorm", (2, 6)), ("LayerNorm", (50,))]
)
def test_half_precision_is_computed_in_float32(rng, name, args, dtype):
    x = rng.normal(30.0, 1.0, (4, 6, 50)).astype(np.float32)
    ours = getattr(nn, name)(*args).to(dtype)
    theirs = getattr(torch.nn, name)(*args)
    given = lucid.tensor(x, dtype=dtype)
    y = ours(given)
    assert y.dtype == given.dtype
    expected = theirs(torch.tensor(given.float().numpy())).detach().numpy()
    # the result's own rounding is all that may be lost: 2**-10 and 2**-7 near 4
    np.testing.assert_allclose(
        y.float().numpy(), expected, atol=4e-3 if dtype == "float16" else 3e-2
    )
