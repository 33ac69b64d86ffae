"""Shapes, copies and order of dimensions."""

import lucid

COUNTS = lucid.tensor([2, 0, 1])

CASES = {
    "as_strided": (lambda x: x.as_strided((2, 2), (1, 2), 1), (2, 3)),
    "atleast_1d": (lambda x: lucid.atleast_1d(x[0]), (2,)),
    "atleast_2d": (lucid.atleast_2d, (3,)),
    "atleast_3d": (lucid.atleast_3d, (2, 3)),
    "broadcast_tensors": (lambda x, y: lucid.mul(*lucid.broadcast_tensors(x, y)), (3,), (2, 1)),
    "broadcast_to": (lambda x: x.broadcast_to((2, 3)), (3,)),
    "clone": (lambda x: x.clone(), (3,)),
    "expand": (lambda x: x.expand(4, -1, 3), (2, 1)),
    "expand_as": (lambda x, y: x.expand_as(y), (1, 3), (2, 3)),
    "flatten": (lambda x: x.flatten(1), (2, 3, 1)),
    "flip": (lambda x: x.flip(0, -1), (2, 3)),
    "fliplr": (lucid.fliplr, (2, 3)),
    "flipud": (lucid.flipud, (2, 3)),
    "frame dilated": (
        lambda x: lucid.ops.frame(x, size=3, hop=3, dilation=2, dim=1),
        (1, 9, 2),
    ),
    "frame": (lambda x: lucid.ops.frame(x, size=3, hop=2), (2, 8)),
    "movedim": (lambda x: x.movedim(0, -1), (2, 3, 1)),
    "overlap_add dilated": (
        lambda x: lucid.ops.overlap_add(x, hop=2, dilation=3, dim=1),
        (1, 2, 2, 3),
    ),
    "overlap_add": (lambda x: lucid.ops.overlap_add(x, hop=2), (3, 5)),
    "permute": (lambda x: x.permute(2, 0, 1), (2, 3, 1)),
    "ravel": (lucid.ravel, (2, 3)),
    "repeat": (lambda x: x.repeat(2, 1, 2), (2, 3)),
    "repeat_interleave counts": (lambda x: x.repeat_interleave(COUNTS, dim=1), (2, 3)),
    "repeat_interleave": (lambda x: x.repeat_interleave(2, dim=0), (2, 3)),
    "reshape": (lambda x: x.reshape(3, -1), (2, 3)),
    "roll": (lambda x: x.roll(1, 1), (2, 3)),
    "rot90": (lambda x: x.rot90(), (2, 3)),
    "squeeze": (lambda x: x.squeeze(), (2, 1, 3)),
    "sum_to_size": (lambda x: x.sum_to_size(1, 3), (2, 3)),
    "t": (lucid.t, (2, 3)),
    "tile": (lambda x: x.tile(2, 1, 2), (2, 3)),
    "to_device": (lambda x: lucid.ops.clone(x), (3,)),
    "transpose": (lambda x: x.transpose(0, 1), (2, 3)),
    "unflatten": (lambda x: x.unflatten(1, (2, -1)), (2, 4)),
    "unfold": (lambda x: x.unfold(0, 2, 1), (4, 2)),
    "unsqueeze": (lambda x: x.unsqueeze(-1), (2, 3)),
    "view": (lambda x: x.view(3, -1), (2, 3)),
    "view_as": (lambda x, y: x.view_as(y), (2, 3), (6,)),
}

NO_DERIVATIVE = {"reinterpret"}
