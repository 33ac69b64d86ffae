"""Recurrent layers: every cell, both directions, sequences that end early."""

import mlx.core as mx

from lucid.ops.recurrent import CELLS, recurrent

MASK = mx.array([[True, True], [True, False]])


def case(cell, output, reverse=False, mask=None, projected=False):
    """A layer of 2 steps, 2 sequences, 2 units; `output` is the one that is differentiated."""
    gates, outputs = CELLS[cell].gates, 1 if projected else 2
    shapes = [(2, 2, 2 * gates), (2, outputs), (2 * gates, outputs), (2 * gates,)]
    if CELLS[cell].stateful:
        shapes.append((2, 2))
    if projected:
        shapes.append((1, 2))

    def layer(x, h, weight, bias, c=None, projection=None):
        every = recurrent(
            x, h, c, weight, bias, projection, cell=cell, reverse=reverse, mask=mask
        )  # fmt: skip
        return every[output]

    return layer, *shapes


CASES = {
    "recurrent": case("LSTM", 0),
    "recurrent LSTM output": case("LSTM", 1, reverse=True),
    "recurrent LSTM state": case("LSTM", 2, mask=MASK),
    "recurrent LSTM projected": case("LSTM", 0, reverse=True, mask=MASK, projected=True),
    "recurrent GRU": case("GRU", 0, mask=MASK),
    "recurrent GRU output": case("GRU", 1, reverse=True),
    "recurrent RNN_TANH": case("RNN_TANH", 0, reverse=True, mask=MASK),
    "recurrent RNN_RELU": case("RNN_RELU", 1),
}
