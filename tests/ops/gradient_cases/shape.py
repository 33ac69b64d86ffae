"""Shapes, copies and order of dimensions."""

import lucid

COUNTS = lucid.tensor([2, 0, 1])

CASES = {
    "as_strided": (lambda x: x.as_strided((2, 2), (1, 2), 1), (2, 3)),
    "clone": (lambda x: x.clone(), (3,)),
    "expand": (lambda x: x.expand(4, -1, 3), (2, 1)),
    "flatten": (lambda x: x.flatten(1), (2, 3, 1)),
    "flip": (lambda x: x.flip(0, -1), (2, 3)),
    "frame dilated": (
        lambda x: lucid.ops.frame(x, size=3, hop=3, dilation=2, dim=1),
        (1, 9, 2),
    ),
    "frame": (lambda x: lucid.ops.frame(x, size=3, hop=2), (2, 8)),
    "overlap_add dilated": (
        lambda x: lucid.ops.overlap_add(x, hop=2, dilation=3, dim=1),
        (1, 2, 2, 3),
    ),
    "overlap_add": (lambda x: lucid.ops.overlap_add(x, hop=2), (3, 5)),
    "permute": (lambda x: x.permute(2, 0, 1), (2, 3, 1)),
    "repeat_interleave": (lambda x: x.repeat_interleave(2, dim=0), (2, 3)),
    "repeat_interleave counts": (lambda x: x.repeat_interleave(COUNTS, dim=1), (2, 3)),
    "reshape": (lambda x: x.reshape(3, -1), (2, 3)),
    "rot90": (lambda x: x.rot90(), (2, 3)),
    "roll": (lambda x: x.roll(1, 1), (2, 3)),
    "squeeze": (lambda x: x.squeeze(), (2, 1, 3)),
    "sum_to_size": (lambda x: x.sum_to_size(1, 3), (2, 3)),
    "tile": (lambda x: x.tile(2, 1, 2), (2, 3)),
    "to_device": (lambda x: lucid.ops.clone(x), (3,)),
    "transpose": (lambda x: x.transpose(0, 1), (2, 3)),
    "unfold": (lambda x: x.unfold(0, 2, 1), (4, 2)),
    "unsqueeze": (lambda x: x.unsqueeze(-1), (2, 3)),
}

NO_DERIVATIVE = {"reinterpret"}
