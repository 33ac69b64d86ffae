"""Automatic differentiation: recording modes, `backward`, `grad`, custom `Function`."""

from lucid.autograd.backward import backward, grad
from lucid.autograd.function import Function
from lucid.autograd.mode import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
