"""Joining and taking apart."""

import lucid

CASES = {
    "block_diag": (lucid.block_diag, (2, 1), (3,)),
    "cartesian_prod": (lucid.cartesian_prod, (2,), (3,)),
    "cat": (lambda x, y: lucid.cat([x, y], 1), (2, 3), (2, 1)),
    "chunk": (lambda x: x.chunk(2, 1)[1], (2, 3)),
    "combinations": (lucid.combinations, (3,)),
    "meshgrid": (lambda x, y: lucid.mul(*lucid.meshgrid(x, y, indexing="xy")), (2,), (3,)),
    "split": (lambda x: lucid.cat(x.split([1, 2], 1)[::-1], 1), (2, 3)),
    "stack": (lambda x, y: lucid.stack([x, y], -1), (2, 3), (2, 3)),
    "tensor_split": (lambda x: x.tensor_split([1], dim=1)[1], (2, 3)),
    "unbind": (lambda x: x.unbind(1)[1], (2, 3)),
}
