"""Recurrent layers: every cell, one and both directions, sequences that end early."""

import mlx.core as mx

from lucid.ops.recurrent import recurrent
from lucid.ops.recurrent_cells import CELLS

MASK = mx.array([[True, True], [True, False]])


def case(cell, output, directions=1, mask=None, projected=False):
    """A layer of 2 steps, 2 sequences, 2 units; `output` is the one that is differentiated."""
    rows, outputs = 2 * CELLS[cell].gates, 1 if projected else 2
    weights = [(rows, 3), (rows, outputs), (rows,), (rows,)] + projected * [(1, 2)]
    starts = [(directions, 2, outputs)] + CELLS[cell].stateful * [(directions, 2, 2)]

    def layer(x, *arrays):
        start, rest = arrays[: len(starts)], arrays[len(starts) :]
        each = len(rest) // directions
        given = [(*rest[i : i + each], None)[:5] for i in range(0, len(rest), each)]
        h, c = start if len(start) == 2 else (*start, None)
        return recurrent(x, h, c, *sum(given, ()), cell=cell, mask=mask)[output]

    return layer, (2, 2, 3), *starts, *weights * directions


CASES = {
    "recurrent": case("LSTM", 0),
    "recurrent LSTM output": case("LSTM", 1, directions=2),
    "recurrent LSTM state": case("LSTM", 2, mask=MASK),
    "recurrent LSTM projected": case("LSTM", 0, directions=2, mask=MASK, projected=True),
    "recurrent GRU": case("GRU", 0, mask=MASK),
    "recurrent GRU output": case("GRU", 1, directions=2),
    "recurrent RNN_TANH": case("RNN_TANH", 0, directions=2, mask=MASK),
    "recurrent RNN_RELU": case("RNN_RELU", 1),
}
