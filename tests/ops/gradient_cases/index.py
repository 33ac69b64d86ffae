"""Indexing, reading and writing."""

import lucid

INDEX = lucid.tensor([[0, 2, 2], [1, 0, 0]])
PLACES = lucid.tensor([2, 0])
TWICE = lucid.tensor([2, 0, 2])
MASK = lucid.tensor([[True, False, True], [False, True, True]])


def put(x, key, value):
    y = x.clone()
    y[key] = value
    return y


CASES = {
    "fill": (lambda x, y: x.fill(y[0]), (2, 3), (1,)),
    "gather": (lambda x: x.gather(1, INDEX), (2, 3)),
    "getitem": (lambda x: x[1:, ::-2], (2, 3)),
    "getitem array": (lambda x: x[:, [0, 2, 0]], (2, 3)),
    "getitem mask": (lambda x: x[MASK], (2, 3)),
    "getitem pairs": (lambda x: x[[0, 1], :, [1, 1]], (2, 2, 3)),
    "index_put": (lambda x, y: x.index_put((PLACES,), y), (3, 2), (2, 2)),
    "index_put add": (lambda x, y: x.index_put((TWICE,), y, accumulate=True), (3, 2), (3, 2)),
    "index_put slice": (lambda x, y: x.index_put((), y, accumulate=True), (2,), (1,)),
    "index_select": (lambda x: x.index_select(1, TWICE), (2, 3)),
    "masked_fill": (lambda x, y: x.masked_fill(MASK, y[0]), (2, 3), (1,)),
    "masked_scatter": (lambda x, y: x.masked_scatter(MASK, y), (2, 3), (5,)),
    "masked_select": (lambda x: x.masked_select(MASK), (2, 3)),
    "narrow": (lambda x: x.narrow(1, 1, 2), (2, 3)),
    "put": (lambda x, y: x.put(PLACES, y), (2, 3), (2,)),
    "put add": (lambda x, y: x.put(TWICE, y, accumulate=True), (2, 3), (3,)),
    "select": (lambda x: x[1, ..., None], (2, 3)),
    "select_scatter": (lambda x, y: x.select_scatter(y, 1, -1), (2, 3), (2,)),
    "slice_scatter": (lambda x, y: x.slice_scatter(y, 1, 0, 3, 2), (2, 3), (2, 2)),
    "setitem": (lambda x, y: put(x, (slice(None), slice(1, None)), y), (2, 3), (2, 1)),
    "setitem array": (lambda x, y: put(x, (slice(1), [2, 0]), y), (2, 3), (2,)),
    "setitem mask": (lambda x, y: put(x, MASK, y), (2, 3), (1,)),
    "setitem mask values": (lambda x, y: put(x, MASK, y), (2, 3), (4,)),
    "take": (lambda x: x.take(TWICE), (2, 3)),
    "take_along_dim": (lambda x: x.take_along_dim(lucid.tensor([[1], [0]]), 1), (2, 3)),
    "where": (lambda x, y: lucid.where(x > y, x, y), (2, 3), (3,)),
}

NO_DERIVATIVE = {"bounded", "split_off"}
