"""Normalisation."""

from lucid.nn import functional as F
from lucid.ops.normalization import channel_norm, layer_norm, rms_norm

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
    "channel_layer_norm": (F.channel_layer_norm, (2, 3, 2), (3,), (3,)),
    "cumulative_layer_norm": (
        lambda x, w, b: F.cumulative_layer_norm(x, w, b, 0.1),
        (2, 2, 3),
        (2,),
        (2,),
    ),
    "layer_norm": (lambda x, w, b: layer_norm(x, w, b, ndim=1, eps=1e-5), (2, 4), (4,), (4,)),
    "local_response_norm": (lambda x: F.local_response_norm(x, 2, 0.5), (2, 3, 2)),
    "normalize": (F.normalize, (2, 3)),
    "pairwise_distance": (F.pairwise_distance, (2, 3), (2, 3)),
    "pdist": (F.pdist, (3, 2)),
    "rms_norm": (lambda x, w: rms_norm(x, w, ndim=2, eps=1e-5), (2, 2, 3), (2, 3)),
    "rms_norm without weight": (lambda x: F.rms_norm(x, (3,), eps=1e-5), (2, 3)),
}
