"""Complex numbers. They are complex64, so that central differences are coarse."""

import lucid

CASES = {
    "abs_power": (lambda x, y: lucid.ops.abs_power(lucid.ops.complex(x, y), 1.5), (3,), (3,)),
    "abs_power 2": (lambda x, y: lucid.ops.abs_power(lucid.ops.complex(x, y)), (3,), (3,)),
    "angle": (lambda x, y: lucid.angle(lucid.ops.complex(x, y)), (3,), (3,)),
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
