"""Padding."""

import lucid

CASES = {
    "pad": (lambda x: lucid.pad(x, (2, -1, 1, 0), value=3.0), (2, 3)),
    "pad circular": (lambda x: lucid.pad(x, (1, 3), "circular"), (2, 3)),
    "pad reflect": (lambda x: lucid.pad(x, (2, 1), "reflect"), (2, 3)),
    "pad replicate": (lambda x: lucid.pad(x, (2, 3), "replicate"), (2, 3)),
}
