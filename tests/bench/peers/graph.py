"""MLX's graph of a training step: how many primitives it has, which on a GPU are launches.

The CPU's graph has other primitives than a GPU's: here definitions stand for our shaders, and MLX
writes its fused norms out. `one_launch` stands in for either, so that the graph of a GPU's step can
be built and counted where there is none. Its values mean nothing.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import mlx.core as mx

# They say where in memory the values of a result lie, and compute nothing.
VIEWS = {
    *("AsStrided", "Broadcast", "ExpandDims", "Flatten", "Reshape", "Slice", "Split", "Squeeze"),
    *("StopGradient", "Transpose", "Unflatten", "BroadcastAxes", "Depends", "CustomTransforms"),
}


@contextmanager
def unevaluated() -> Iterator[None]:
    """Nothing is computed, so that the graph stays whole."""
    nothing = patch.multiple(mx, eval=lambda *_: None, async_eval=lambda *_: None)
    with nothing:
        yield


def one_launch(inputs: Sequence[mx.array], shape: Sequence[int], dtype: mx.Dtype) -> mx.array:
    """Zeros, by one primitive that is not a view and depends on all inputs."""
    (zero,) = mx.depends([mx.array(0, dtype)], list(inputs))
    return mx.broadcast_to(mx.erfinv(zero), shape)


def primitives(arrays: Iterable[mx.array]) -> dict[str, int]:
    """Of the graph behind arrays: all, and those that are not views; a fused kernel is one."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.dot"
        mx.export_to_dot(str(path), *arrays)
        names = re.findall(r'label ="(\w+)"', path.read_text())
    return {"primitives": len(names), "computing": sum(name not in VIEWS for name in names)}
