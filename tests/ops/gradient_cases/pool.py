"""Pooling."""

import lucid
from lucid.nn import functional as F
from lucid.ops.pool import max_pool, sum_pool

CASES = {
    "fold": (lambda x: F.fold(x, (3, 4), (2, 3), 1, (1, 0), (2, 1)), (1, 6, 4)),
    "unfold of images": (lambda x: F.unfold(x, 2, (1, 2), (1, 0)), (1, 1, 2, 3)),
    "interpolate": (lambda x: F.interpolate(x, 5), (1, 1, 3)),
    "interpolate bicubic": (lambda x: F.interpolate(x, (4, 2), mode="bicubic"), (1, 1, 2, 3)),
    "interpolate bilinear": (
        lambda x: F.interpolate(x, (4, 2), mode="bilinear", align_corners=True),
        (1, 1, 2, 3),
    ),
    "interpolate linear at other places": (lambda x: F.interpolate(x, 7, mode="linear"), (1, 1, 3)),
    "interpolate linear": (lambda x: F.interpolate(x, scale_factor=2.0, mode="linear"), (1, 1, 3)),
    "pixel_shuffle": (lambda x: F.pixel_shuffle(x, 2), (4, 1, 2)),
    "adaptive_avg_pool": (lambda x: F.adaptive_avg_pool1d(x, 2), (1, 2, 5)),
    "adaptive_max_pool": (lambda x: F.adaptive_max_pool1d(x, 2), (1, 2, 5)),
    "avg_pool2d": (lambda x: F.avg_pool2d(x, (2, 3), 1, (0, 1)), (1, 3, 4)),
    "lp_pool": (lambda x: F.lp_pool1d(x, 3.0, 2), (1, 2, 5)),
    "max_pool2d": (lambda x: F.max_pool2d(x, 2, 1, 1), (1, 3, 4)),
    "max_pool2d indices": (lambda x: F.max_pool2d_with_indices(x, 2, 1)[0], (1, 3, 4)),
    "max_pool": (lambda x: max_pool(x, K=3, s=2, p=1, d=1, count=3), (2, 5)),
    "max_unpool": (lambda x: F.max_unpool1d(x, lucid.tensor([[2, 0]]), 2), (1, 2)),
    "sum_pool": (lambda x: sum_pool(x, K=3, s=2, p=1, count=3), (2, 5)),
}
