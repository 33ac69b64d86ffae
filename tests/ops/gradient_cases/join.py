"""Joining and taking apart."""

import lucid

CASES = {
    "cat": (lambda x, y: lucid.cat([x, y], 1), (2, 3), (2, 1)),
    "chunk": (lambda x: x.chunk(2, 1)[1], (2, 3)),
    "split": (lambda x: lucid.cat(x.split([1, 2], 1)[::-1], 1), (2, 3)),
    "stack": (lambda x, y: lucid.stack([x, y], -1), (2, 3), (2, 3)),
    "unbind": (lambda x: x.unbind(1)[1], (2, 3)),
}
