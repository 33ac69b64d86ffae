"""x @ weight.T + bias."""

from lucid.ops.affine import affine

CASES = {
    "affine": (lambda x, w, b: affine(x, w, b), (2, 2, 3), (2, 3), (2,)),
    "affine row": (lambda x, w, b: affine(x, w, b), (3,), (2, 3), (2,)),
    "affine without bias": (lambda x, w: affine(x, w, None), (2, 3), (2, 3)),
}
