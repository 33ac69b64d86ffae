"""Other sizes: `interpolate`, `Upsample`, and the shuffles between channels and places."""

from __future__ import annotations

import math
from typing import Any

from lucid import ops
from lucid.nn.adaptive_pooling import adaptive_avg_pool
from lucid.nn.applied import Applied
from lucid.nn.check import floating, integer, positive
from lucid.ops import interpolation
from lucid.ops.cast import in_float32
from lucid.tensor import Tensor

_DIMENSIONS = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}
_ALIGNED = ("linear", "bilinear", "bicubic", "trilinear")


def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """The input at another size.

    Shapes: input (N, C, L), (N, C, H, W) or (N, C, D, H, W).

    Args:
        size: the new sizes, an int or one for each dimension; or
        scale_factor: how many times longer, a number or one for each dimension.
        mode: "nearest" (torch's, which rounds down), "nearest-exact", "linear", "bilinear",
            "trilinear", "bicubic", or "area" (the mean over what an element covers).
        align_corners: for the linear modes and "bicubic": the first and last elements stay where
            they are; otherwise the edges of the signal do.
        recompute_scale_factor: take the factor from the rounded sizes, not the one given.
        antialias: not offered.

    Raises:
        ValueError: both or none of `size` and `scale_factor`, or settings that do not fit.
        NotImplementedError: a mode for another number of dimensions.

    >>> import lucid
    >>> x = lucid.tensor([[[1.0, 3.0]]])
    >>> lucid.nn.functional.interpolate(x, scale_factor=2, mode="linear").tolist()
    [[[1.0, 1.5, 2.5, 3.0]]]
    """
    n = _checked(input, mode, align_corners, antialias)
    out, scales = _sizes(input.shape[2:], size, scale_factor, recompute_scale_factor)
    if mode == "area":
        return adaptive_avg_pool(input, "interpolate", out, n)
    settings = {"align_corners": bool(align_corners)} if mode in _ALIGNED else {}
    return _resampled(input, mode, out, scales, **settings)


@in_float32
def _resampled(input: Tensor, *args: Any, **settings: Any) -> Tensor:
    return interpolation.resampled(input, *args, **settings)


def _checked(x: Any, mode: str, align_corners: Any, antialias: bool) -> int:
    """The number of dimensions to resample."""
    if not isinstance(x, Tensor) or x.ndim not in (3, 4, 5) or 0 in x.shape[1:]:
        raise ValueError(
            "interpolate expects a Tensor of shape (N, C, L), (N, C, H, W) or (N, C, D, H, W) "
            f"with no size 0, got {x.shape if isinstance(x, Tensor) else type(x).__name__}"
        )
    n = x.ndim - 2
    if mode not in (*interpolation.MODES, "area"):
        known = ", ".join((*interpolation.MODES, "area"))
        raise NotImplementedError(f"interpolate: mode must be one of {known}, got {mode!r}")
    if n != _DIMENSIONS.get(mode, n):
        raise NotImplementedError(f"interpolate: mode {mode!r} does not fit x of shape {x.shape}")
    if mode in _ALIGNED:
        floating("interpolate", x)
    elif align_corners is not None:
        raise ValueError(f"interpolate: align_corners is for {', '.join(_ALIGNED)}, not {mode!r}")
    if antialias:
        raise NotImplementedError("interpolate: antialias=True is not offered")
    return n


def _sizes(
    shape: tuple[int, ...], size: Any, scale_factor: Any, recompute: bool | None
) -> tuple[list[int], list[float | None]]:
    """The new sizes, and the factors to compute with, where not those of the sizes."""
    n = len(shape)
    if (size is None) == (scale_factor is None):
        raise ValueError("interpolate needs either size or scale_factor, not both")
    if size is not None:
        if recompute:
            raise ValueError("interpolate: recompute_scale_factor needs a scale_factor")
        given = size if isinstance(size, tuple | list) else [size] * n
        if len(given) != n:
            raise ValueError(f"interpolate: size must be an int or {n} ints, got {size!r}")
        return [positive("interpolate", "size", int(s)) for s in given], [None] * n
    factors = scale_factor if isinstance(scale_factor, tuple | list) else [scale_factor] * n
    if len(factors) != n:
        raise ValueError(f"interpolate: scale_factor must be one or {n} numbers, got {factors!r}")
    factors = [float(f) for f in factors]
    out = [math.floor(float(L) * f) for L, f in zip(shape, factors, strict=True)]
    if min(out) < 1:
        raise ValueError(f"interpolate: scale_factor={scale_factor} leaves nothing of {shape}")
    return out, [None] * n if recompute else list(factors)


def upsample(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """The old name of `interpolate`.

    >>> import lucid
    >>> lucid.nn.functional.upsample(lucid.tensor([[[1.0, 3.0]]]), 4).tolist()
    [[[1.0, 1.0, 3.0, 3.0]]]
    """
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """`interpolate` with mode="nearest".

    >>> import lucid
    >>> lucid.nn.functional.upsample_nearest(lucid.tensor([[[1.0, 3.0]]]), scale_factor=2).tolist()
    [[[1.0, 1.0, 3.0, 3.0]]]
    """
    return interpolate(input, size, scale_factor, "nearest")


def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """`interpolate` with mode="bilinear" and align_corners=True: (N, C, H, W).

    >>> import lucid
    >>> lucid.nn.functional.upsample_bilinear(lucid.tensor([[[[1.0, 3.0]]]]), (1, 3)).tolist()
    [[[[1.0, 2.0, 3.0]]]]
    """
    return interpolate(input, size, scale_factor, "bilinear", align_corners=True)


# Shuffles ----------------------------------------------------------------------------------------


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Channels become rows and columns (Shi et al., 2016).

    Shapes: (..., C*r*r, H, W) -> (..., C, H*r, W*r). Channel
    c*r*r + i*r + j goes to row h*r + i and column w*r + j.

    Raises:
        ValueError: channels that the factor's square does not divide.

    >>> lucid.pixel_shuffle(lucid.zeros(8, 3, 5), 2).shape
    (2, 6, 10)
    """
    r = integer("pixel_shuffle", "upscale_factor", upscale_factor, 1)
    if input.ndim < 3 or input.shape[-3] % (r * r):
        raise ValueError(
            f"pixel_shuffle expects x of shape (..., C, H, W) with C divisible by {r * r}, "
            f"got {input.shape}"
        )
    *lead, C, H, W = input.shape
    x = ops.reshape(input, math.prod(lead), C // (r * r), r, r, H, W)
    return ops.reshape(ops.permute(x, 0, 1, 4, 2, 5, 3), *lead, C // (r * r), H * r, W * r)


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """The inverse of `pixel_shuffle`: (..., C, H*r, W*r) -> (..., C*r*r, H, W).

    Raises:
        ValueError: a height or a width that the factor does not divide.

    >>> lucid.pixel_unshuffle(lucid.zeros(2, 6, 10), 2).shape
    (8, 3, 5)
    """
    r = integer("pixel_unshuffle", "downscale_factor", downscale_factor, 1)
    if input.ndim < 3 or input.shape[-1] % r or input.shape[-2] % r:
        raise ValueError(
            f"pixel_unshuffle expects x of shape (..., C, H, W) with H and W divisible by {r}, "
            f"got {input.shape}"
        )
    *lead, C, H, W = input.shape
    x = ops.reshape(input, math.prod(lead), C, H // r, r, W // r, r)
    return ops.reshape(ops.permute(x, 0, 1, 3, 5, 2, 4), *lead, C * r * r, H // r, W // r)


def pixel_shuffle1d(input: Tensor, upscale_factor: int) -> Tensor:
    """Channels become samples: (..., C*r, L) -> (..., C, L*r).

    As `pixel_shuffle` in one dimension: channel c*r + i goes to sample l*r + i.

    Raises:
        ValueError: channels that `upscale_factor` does not divide.

    >>> import lucid
    >>> x = lucid.tensor([[1.0, 3.0], [2.0, 4.0]])
    >>> lucid.nn.functional.pixel_shuffle1d(x, 2)
    Tensor([[1., 2., 3., 4.]], grad=None)
    """
    r = integer("pixel_shuffle1d", "upscale_factor", upscale_factor, 1)
    if input.ndim < 2 or input.shape[-2] % r:
        raise ValueError(
            f"pixel_shuffle1d expects x of shape (..., C, L) with C divisible by {r}, "
            f"got {input.shape}"
        )
    *lead, C, L = input.shape
    x = ops.transpose(ops.reshape(input, *lead, C // r, r, L), -1, -2)
    return ops.reshape(x, *lead, C // r, L * r)


def pixel_unshuffle1d(input: Tensor, downscale_factor: int) -> Tensor:
    """The inverse of `pixel_shuffle1d`: (..., C, L*r) -> (..., C*r, L).

    Raises:
        ValueError: a length that `downscale_factor` does not divide.

    >>> import lucid
    >>> lucid.nn.functional.pixel_unshuffle1d(lucid.tensor([[1.0, 2.0, 3.0, 4.0]]), 2).tolist()
    [[1.0, 3.0], [2.0, 4.0]]
    """
    r = integer("pixel_unshuffle1d", "downscale_factor", downscale_factor, 1)
    if input.ndim < 2 or input.shape[-1] % r:
        raise ValueError(
            f"pixel_unshuffle1d expects x of shape (..., C, L) with L divisible by {r}, "
            f"got {input.shape}"
        )
    *lead, C, L = input.shape
    x = ops.transpose(ops.reshape(input, *lead, C, L // r, r), -1, -2)
    return ops.reshape(x, *lead, C * r, L // r)


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Channels dealt out, one of each of `groups` groups at a time (Zhang et al., 2018).

    Shapes: input (N, C, ...) with C divisible by groups.

    Raises:
        ValueError: channels that `groups` does not divide.

    >>> lucid.channel_shuffle(lucid.arange(4).reshape(1, 4, 1), 2).flatten()
    Tensor([0, 2, 1, 3], grad=None)
    """
    if input.ndim < 3 or groups < 1 or input.shape[1] % groups:
        raise ValueError(
            f"channel_shuffle expects x of shape (N, C, L) with C divisible by groups={groups}, "
            f"got {input.shape}"
        )
    N, C, *rest = input.shape
    x = ops.transpose(ops.reshape(input, N, groups, C // groups, *rest), 1, 2)
    return ops.reshape(x, N, C, *rest)


# Modules -----------------------------------------------------------------------------------------


class Upsample(Applied):
    """`interpolate` with fixed settings.

    Shapes: (N, C, L), (N, C, H, W) or (N, C, D, H, W).

    Raises:
        ValueError, NotImplementedError: at the call, as `interpolate`.

    >>> import lucid
    >>> lucid.nn.Upsample(scale_factor=2)(lucid.ones(1, 3, 5)).shape
    (1, 3, 10)
    """

    function = staticmethod(interpolate)

    def __init__(
        self,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__(
            size=size, scale_factor=scale_factor, mode=mode, align_corners=align_corners,
            recompute_scale_factor=recompute_scale_factor,
        )  # fmt: skip

    def extra_repr(self) -> str:
        name = "scale_factor" if self.size is None else "size"
        return f"{name}={getattr(self, name)}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """`Upsample` with mode="nearest".

    >>> import lucid
    >>> lucid.nn.UpsamplingNearest2d(scale_factor=2)(lucid.ones(1, 3, 4, 5)).shape
    (1, 3, 8, 10)
    """

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, "nearest")


class UpsamplingBilinear2d(Upsample):
    """`Upsample` with mode="bilinear" and align_corners=True.

    >>> import lucid
    >>> lucid.nn.UpsamplingBilinear2d((8, 9))(lucid.ones(1, 3, 4, 5)).shape
    (1, 3, 8, 9)
    """

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, "bilinear", True)


class PixelShuffle(Applied):
    """Channels become rows and columns: (..., C*r*r, H, W) -> (..., C, H*r, W*r).

    >>> import lucid
    >>> lucid.nn.PixelShuffle(2)(lucid.ones(1, 12, 4, 5)).shape
    (1, 3, 8, 10)
    """

    function = staticmethod(pixel_shuffle)

    def __init__(self, upscale_factor: int) -> None:
        name = type(self).__name__
        super().__init__(upscale_factor=positive(name, "upscale_factor", upscale_factor))


class PixelShuffle1d(PixelShuffle):
    """Channels become samples: (..., C*r, L) -> (..., C, L*r), as `pixel_shuffle1d` says.

    >>> import lucid
    >>> lucid.nn.PixelShuffle1d(2)(lucid.ones(1, 6, 5)).shape
    (1, 3, 10)
    """

    function = staticmethod(pixel_shuffle1d)


class PixelUnshuffle(Applied):
    """Rows and columns become channels: (..., C, H*r, W*r) -> (..., C*r*r, H, W).

    >>> import lucid
    >>> lucid.nn.PixelUnshuffle(2)(lucid.ones(1, 3, 8, 10)).shape
    (1, 12, 4, 5)
    """

    function = staticmethod(pixel_unshuffle)

    def __init__(self, downscale_factor: int) -> None:
        name = type(self).__name__
        super().__init__(downscale_factor=positive(name, "downscale_factor", downscale_factor))


class PixelUnshuffle1d(PixelUnshuffle):
    """Samples become channels: (..., C, L*r) -> (..., C*r, L).

    >>> import lucid
    >>> lucid.nn.PixelUnshuffle1d(2)(lucid.ones(1, 3, 10)).shape
    (1, 6, 5)
    """

    function = staticmethod(pixel_unshuffle1d)


class ChannelShuffle(Applied):
    """Channels dealt out, one of each group at a time: (N, C, ...), as `channel_shuffle` says.

    >>> import lucid
    >>> lucid.nn.ChannelShuffle(2)(lucid.arange(4.0).reshape(1, 4, 1)).flatten()
    Tensor([0., 2., 1., 3.], grad=None)
    """

    function = staticmethod(channel_shuffle)

    def __init__(self, groups: int) -> None:
        super().__init__(groups=positive("ChannelShuffle", "groups", groups))
