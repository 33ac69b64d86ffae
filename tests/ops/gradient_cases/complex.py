"""Complex numbers. They are complex64, so that central differences are coarse."""

import lucid

CASES = {
    "angle": (lambda x, y: lucid.angle(lucid.complex(x, y)), (3,), (3,)),
    "angle real": (lucid.angle, (3,)),
    "complex broadcast": (lambda x, y: lucid.complex(x, y).abs(), (2, 3), (3,)),
    "polar": (lambda x, y: (lucid.polar(x, y) ** 2).imag, (3,), (3,)),
    "view_as_complex": (lambda x: lucid.view_as_complex(x).exp().real, (3, 2)),
    "view_as_real": (lambda x, y: lucid.view_as_real(lucid.complex(x, y) ** 3), (3,), (3,)),
    "abs_power": (lambda x, y: lucid.ops.abs_power(lucid.ops.complex(x, y), 1.5), (3,), (3,)),
    "abs_power 2": (lambda x, y: lucid.ops.abs_power(lucid.ops.complex(x, y)), (3,), (3,)),
    "astype": (lambda x: x.to(lucid.complex64).real, (3,)),
    "conj": (lambda x, y: lucid.conj(lucid.ops.complex(x, y)).imag, (3,), (3,)),
    "div complex": (
        lambda x, y: (lucid.ops.complex(x, y) / lucid.ops.complex(y, x * x)).imag,
        (3,),
        (3,),
    ),
    "mul complex": (
        lambda x, y: (lucid.ops.complex(x, y) * lucid.ops.complex(y, x * x)).real,
        (3,),
        (3,),
    ),
}
