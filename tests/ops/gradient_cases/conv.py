"""Convolutions: every form of the kernels that float64 can meet."""

from lucid.nn import functional as F
from lucid.ops.conv import conv1d, conv_transpose1d, separable_conv1d


def conv(**settings):
    return lambda x, w, b=None: conv1d(x, w, b, **settings)


def transposed(**settings):
    return lambda x, w, b=None: conv_transpose1d(x, w, b, **settings)


def separable(**settings):
    return lambda *arrays: separable_conv1d(*arrays, **settings)


CASES = {
    "conv1d": (conv(), (1, 2, 4), (2, 2, 2), (2,)),
    "conv1d causal": (conv(padding=(2, 0), dilation=2), (1, 1, 4), (2, 1, 2)),
    "conv1d cropped": (conv(padding=(-1, 1)), (1, 1, 5), (1, 1, 2)),
    "conv1d depthwise": (conv(padding=(1, 1), groups=2), (2, 2, 3), (2, 1, 3), (2,)),
    "conv1d depthwise multiplier": (conv(stride=2, groups=2), (1, 2, 5), (4, 1, 2)),
    "conv1d groups": (conv(stride=2, padding=(1, 1), groups=2), (1, 4, 4), (2, 2, 3)),
    "conv1d of one tap": (conv(stride=2), (2, 2, 3), (3, 2, 1), (3,)),
    "conv1d strided": (conv(stride=2, padding=(1, 2), dilation=2), (2, 2, 5), (1, 2, 3), (1,)),
    "conv2d": (
        lambda x, w, b: F.conv2d(x, w, b, stride=(1, 2), padding=(1, 2), dilation=(2, 1)),
        (1, 2, 3, 3),
        (2, 2, 2, 3),
        (2,),
    ),
    "conv2d along the height": (
        lambda x, w: F.conv2d(x, w, stride=(2, 1), padding=(2, 0), groups=2),
        (1, 2, 4, 2),
        (2, 1, 3, 1),
    ),
    "conv_transpose1d": (transposed(length=5), (1, 2, 4), (2, 1, 2), (1,)),
    "conv_transpose1d depthwise": (
        transposed(length=6, stride=2, padding=1, groups=2),
        (1, 2, 3),
        (2, 1, 4),
        (2,),
    ),
    "conv_transpose1d dilated": (transposed(length=7, dilation=3), (2, 1, 4), (1, 2, 2)),
    "conv_transpose1d groups": (
        transposed(length=7, stride=3, padding=1, groups=2),
        (1, 4, 2),
        (4, 1, 5),
    ),
    "conv_transpose1d strided": (
        transposed(length=8, stride=2, padding=1),
        (2, 2, 4),
        (2, 2, 3),
        (2,),
    ),
    "conv_transpose2d": (
        lambda x, w, b: F.conv_transpose2d(x, w, b, stride=(2, 1), padding=1, dilation=(1, 2)),
        (1, 2, 2, 2),
        (2, 2, 3, 2),
        (2,),
    ),
    "conv_transpose2d groups": (
        lambda x, w: F.conv_transpose2d(x, w, stride=2, output_padding=1, groups=2),
        (1, 2, 2, 2),
        (2, 1, 2, 3),
    ),
    "separable_conv1d": (
        separable(padding=(1, 1)),
        (1, 2, 4),
        (2, 1, 3),
        (2,),
        (3, 2, 1),
        (3,),
    ),
    "separable_conv1d relu": (
        separable(stride=2, padding=(2, 0), dilation=2, relu=True),
        (1, 2, 5),
        (2, 1, 2),
        (2,),
        (1, 2, 1),
        (1,),
    ),
}
