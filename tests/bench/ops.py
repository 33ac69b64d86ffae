"""Suite `ops`: the convolutions of published networks."""

from __future__ import annotations

from collections.abc import Iterator

from .case import Case
from .layers import SHAPES, Layer, layer, read
from .modules import SINGLES

PASSES = ("forward", "both")
LIMIT = 2.5  # seconds of a call; plain MLX takes a minute for some transposed ones
BYTES = 64_000_000  # of x and y of a row, at most; w stays as it is
PRODUCTS = 4_000_000_000  # multiply-adds of a pass, at most

# Without the table of shapes: one of each group.
FEW = [
    layer("depthwise K7 d3", "dw_conv", 64, 64, 7, 1, 9, 3, 64, 0, 4, 1000),
    layer("depthwise transposed K4 s2", "dw_convT", 64, 64, 4, 2, 1, 1, 64, 0, 4, 1000),
    layer("transposed K16 s8", "dense_convT", 64, 32, 16, 8, 4, 1, 1, 0, 4, 256),
    layer("dense K7", "dense_conv", 32, 32, 7, 1, 3, 1, 1, 0, 4, 1000),
    layer("grouped K5", "grouped_conv", 32, 32, 5, 1, 2, 1, 4, 0, 4, 1000),
]


def cases() -> Iterator[Case]:
    if SHAPES.exists():
        rows = [layer for layer, _ in read(SHAPES)]
    else:
        print(f"no table of shapes at {SHAPES}: a handful of rows instead")
        rows = FEW
    yield from map(convolution, rows)
    for name, single in SINGLES.items():
        label = f"{name} {single.shape}"
        yield Case("ops", "layers", label, "layer", {"name": name}, PASSES, tolerance=1e-3)


def convolution(whole: Layer) -> Case:
    fitted = fit(whole)
    settings = {name: getattr(fitted, name) for name in ("stride", "padding", "dilation", "groups")}
    if fitted.transposed:
        settings["output_padding"] = fitted.output_padding
    spec = {"shapes": fitted.shapes, "transposed": fitted.transposed, **settings}
    moved = 4 * fitted.elements
    # Forward, and with both gradients: three passes, each of which reads two arrays and makes one.
    work = {"forward": (moved, fitted.products), "both": (3 * moved, 3 * fitted.products)}
    name = f"{fitted.name} ({fitted.N} x {fitted.L})"
    return Case("ops", group(fitted), name, "conv", spec, PASSES, limit=LIMIT, work=work)


def group(fitted: Layer) -> str:
    if fitted.transposed:
        return "transposed depthwise" if fitted.depthwise else "transposed"
    return "depthwise" if fitted.depthwise else "dense" if fitted.groups == 1 else "grouped"


def fit(whole: Layer) -> Layer:
    """The layer with as many samples in the batch as fit; shorter if not even one does."""
    fitted = whole
    while _bytes(fitted) > BYTES or fitted.products > PRODUCTS:
        if fitted.N > 1:
            fitted = fitted._replace(N=fitted.N // 2)
        else:
            fitted = fitted._replace(L=fitted.L // 2)
    return fitted


def _bytes(fitted: Layer) -> int:
    return 4 * (fitted.results("gradient of x") + fitted.results("forward"))
