"""Writing by index."""

import lucid

INDEX = lucid.tensor([[0, 2, 2], [1, 0, 0]])
ONCE = lucid.tensor([[0, 2], [1, 0]])
ROWS = lucid.tensor([1, 1, 0])


def reduced(name, **settings):
    return lambda x, y: x.scatter_reduce(1, INDEX, y, name, **settings)


CASES = {
    "index_add": (lambda x, y: x.index_add(0, ROWS, y, alpha=2), (2, 2), (3, 2)),
    "index_copy": (lambda x, y: x.index_copy(1, ROWS[1:], y), (3, 2), (3, 2)),
    "index_fill": (lambda x, y: x.index_fill(1, ROWS[1:], y[0]), (3, 2), (1,)),
    "index_reduce": (lambda x, y: x.index_reduce(0, ROWS, y, "mean"), (2, 2), (3, 2)),
    "scatter": (lambda x, y: x.scatter(1, ONCE, y), (2, 3), (2, 2)),
    "scatter add": (lambda x, y: x.scatter(1, INDEX, y, reduce="add"), (2, 3), (2, 3)),
    "scatter multiply": (lambda x, y: x.scatter(1, ONCE, y, reduce="multiply"), (2, 3), (2, 2)),
    "scatter value": (lambda x: x.scatter(1, ONCE, 2.0), (2, 3)),
    "scatter_add": (lambda x, y: x.scatter_add(1, INDEX, y), (2, 3), (2, 3)),
    "scatter_reduce amax": (reduced("amax"), (2, 3), (2, 3)),
    "scatter_reduce amin": (reduced("amin", include_self=False), (2, 3), (2, 3)),
    "scatter_reduce mean": (reduced("mean"), (2, 3), (2, 3)),
    "scatter_reduce prod": (reduced("prod"), (2, 3), (2, 3)),
    "scatter_reduce prod without": (reduced("prod", include_self=False), (2, 3), (2, 3)),
}
