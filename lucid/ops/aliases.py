"""Other names that torch has for the same functions."""

from lucid.ops import compare, complex, cumulative, division, elementary, math, pairwise, rounding
from lucid.ops.linalg import packed, product

absolute = math.abs
arccos = elementary.acos
arccosh = elementary.acosh
arcsin = elementary.asin
arcsinh = elementary.asinh
arctan = elementary.atan
arctan2 = pairwise.atan2
arctanh = elementary.atanh
clip = math.clamp
conj_physical = complex.conj
divide = division.div
fix = rounding.trunc
ger = product.outer
greater = compare.gt
greater_equal = compare.ge
less = compare.lt
less_equal = compare.le
multiply = math.mul
negative = math.neg
not_equal = compare.ne
orgqr = packed.householder_product
subtract = math.sub
trapz = cumulative.trapezoid
true_divide = division.div
