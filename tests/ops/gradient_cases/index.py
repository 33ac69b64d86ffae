"""Indexing, reading and writing."""

import lucid

INDEX = lucid.tensor([[0, 2, 2], [1, 0, 0]])
MASK = lucid.tensor([[True, False, True], [False, True, True]])


def put(x, key, value):
    y = x.clone()
    y[key] = value
    return y


CASES = {
    "gather": (lambda x: x.gather(1, INDEX), (2, 3)),
    "getitem": (lambda x: x[1:, ::-2], (2, 3)),
    "getitem array": (lambda x: x[:, [0, 2, 0]], (2, 3)),
    "getitem mask": (lambda x: x[MASK], (2, 3)),
    "getitem pairs": (lambda x: x[[0, 1], :, [1, 1]], (2, 2, 3)),
    "masked_fill": (lambda x, y: x.masked_fill(MASK, y), (2, 3), (1,)),
    "select": (lambda x: x[1, ..., None], (2, 3)),
    "setitem": (lambda x, y: put(x, (slice(None), slice(1, None)), y), (2, 3), (2, 1)),
    "setitem array": (lambda x, y: put(x, (slice(1), [2, 0]), y), (2, 3), (2,)),
    "setitem mask": (lambda x, y: put(x, MASK, y), (2, 3), (1,)),
    "setitem mask values": (lambda x, y: put(x, MASK, y), (2, 3), (4,)),
    "take_along_dim": (lambda x: x.take_along_dim(lucid.tensor([[1], [0]]), 1), (2, 3)),
    "where": (lambda x, y: lucid.where(x > y, x, y), (2, 3), (3,)),
}
