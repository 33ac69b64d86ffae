"""MLX's graph of a training step: how many primitives it has, which on a GPU are launches."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator
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


def primitives(arrays: Iterable[mx.array]) -> dict[str, int]:
    """Of the graph behind arrays: all, and those that are not views; a fused kernel is one."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.dot"
        mx.export_to_dot(str(path), *arrays)
        names = re.findall(r'label ="(\w+)"', path.read_text())
    return {"primitives": len(names), "computing": sum(name not in VIEWS for name in names)}
