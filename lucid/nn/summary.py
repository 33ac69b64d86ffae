"""`Module.summary()`: the layers as a table."""

from __future__ import annotations

from typing import Any

from lucid.autograd import no_grad
from lucid.tensor import Tensor


class Summary(str):
    """A text that shows itself as it is at a prompt and in a notebook."""

    def __repr__(self) -> str:
        return str(self)


def summarise(module: Any, inputs: tuple[Any, ...]) -> Summary:
    """One line per module: name, kind, output shape, own parameters.

    >>> from lucid import nn
    >>> nn.Sequential(nn.Linear(4, 3), nn.ReLU()).summary((2, 4))
    layer       kind        output  parameters
    (model)     Sequential  (2, 3)
    0           Linear      (2, 3)          15
    1           ReLU        (2, 3)           0
    total 15 parameters, 15 trainable, 0.06 kB
    """
    shapes = _output_shapes(module, inputs) if inputs else {}
    rows = [("layer", "kind", "output", "parameters")]
    counted: set[int] = set()
    for name, m in module.named_modules():
        own = [p for p in m._parameters.values() if p is not None and id(p) not in counted]
        counted.update(id(p) for p in own)
        count = sum(p.numel() for p in own)
        shown = f"{count:,}" if count or not m._modules else ""
        rows.append((name or "(model)", type(m).__name__, shapes.get(id(m), ""), shown))
    if not shapes:
        rows = [(a, b, "", d) for a, b, _, d in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    lines = []
    for a, b, c, d in rows:
        cells = [a.ljust(max(widths[0], 10)), b.ljust(widths[1])]
        cells += [c.ljust(widths[2])] if widths[2] else []
        lines.append("  ".join([*cells, d.rjust(widths[3])]).rstrip())
    size = sum(p.numel() * p.element_size() for p in module.parameters())
    total, trainable = module.parameter_count(), module.parameter_count(only_trainable=True)
    lines.append(f"total {total:,} parameters, {trainable:,} trainable, {_bytes(size)}")
    return Summary("\n".join(lines))


def _bytes(size: int) -> str:
    return f"{size / 1e6:.2f} MB" if size >= 1e5 else f"{size / 1e3:.2f} kB"


def _output_shapes(module: Any, inputs: tuple[Any, ...]) -> dict[int, str]:
    """Run the model once, in evaluation mode and unrecorded, and note each output's shape."""
    shapes: dict[int, str] = {}

    def note(m: Any, args: Any, output: Any) -> None:
        shapes[id(m)] = ", ".join(_shapes(output))

    arguments = [Tensor.zeros(x) if isinstance(x, tuple | list) else x for x in inputs]
    modes = [(m, m.training) for m in module.modules()]
    handles = [m.register_forward_hook(note) for m, _ in modes]
    try:
        module.eval()
        with no_grad():
            module(*arguments)
    finally:
        for handle in handles:
            handle.remove()
        for m, mode in modes:
            m.training = mode
    return shapes


def _shapes(output: Any) -> list[str]:
    """The shapes of all tensors in an output, however deep."""
    if isinstance(output, tuple | list):
        return [shape for y in output for shape in _shapes(y)]
    return [str(output.shape)] if isinstance(output, Tensor) else []
