"""Joining and taking apart."""

import lucid

CASES = {
    "block_diag": (lucid.block_diag, (2, 1), (3,)),
    "cartesian_prod": (lucid.cartesian_prod, (2,), (3,)),
    "cat": (lambda x, y: lucid.cat([x, y], 1), (2, 3), (2, 1)),
    "chunk": (lambda x: x.chunk(2, 1)[1], (2, 3)),
    "column_stack": (lambda x, y: lucid.column_stack([x, y]), (2,), (2, 3)),
    "combinations": (lucid.combinations, (3,)),
    "dsplit": (lambda x: x.dsplit([1])[1], (1, 2, 3)),
    "dstack": (lambda x, y: lucid.dstack([x, y]), (2, 3), (2, 3)),
    "hsplit": (lambda x: x.hsplit([1])[1], (2, 3)),
    "hstack": (lambda x, y: lucid.hstack([x, y]), (2, 3), (2, 1)),
    "meshgrid": (lambda x, y: lucid.mul(*lucid.meshgrid(x, y, indexing="xy")), (2,), (3,)),
    "split": (lambda x: lucid.cat(x.split([1, 2], 1)[::-1], 1), (2, 3)),
    "split_with_sizes": (lambda x: x.split_with_sizes([1, 2], 1)[1], (2, 3)),
    "stack": (lambda x, y: lucid.stack([x, y], -1), (2, 3), (2, 3)),
    "tensor_split": (lambda x: x.tensor_split([1], dim=1)[1], (2, 3)),
    "unbind": (lambda x: x.unbind(1)[1], (2, 3)),
    "vsplit": (lambda x: x.vsplit(2)[0], (2, 3)),
    "vstack": (lambda x, y: lucid.vstack([x, y]), (3,), (2, 3)),
}
