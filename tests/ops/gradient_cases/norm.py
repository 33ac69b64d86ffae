"""Normalisation."""

from lucid.ops.normalization import channel_norm, layer_norm

CASES = {
    "channel_norm": (
        lambda x, w, b: channel_norm(x, w, b, groups=None, eps=1e-5)[0],
        (2, 3, 2),
        (3,),
        (3,),
    ),
    "channel_norm groups": (
        lambda x, w, b: channel_norm(x, w, b, groups=2, eps=1e-5)[0],
        (2, 4, 2),
        (4,),
        (4,),
    ),
    "layer_norm": (lambda x, w, b: layer_norm(x, w, b, ndim=1, eps=1e-5), (2, 4), (4,), (4,)),
}
