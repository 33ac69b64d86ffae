"""Automatic differentiation: recording modes, `backward`, `grad`, custom `Function`."""

from importlib import import_module
from typing import Any

from lucid.autograd.anomaly import (
    detect_anomaly,
    is_anomaly_check_nan_enabled,
    is_anomaly_enabled,
    set_detect_anomaly,
)
from lucid.autograd.backward import backward, grad
from lucid.autograd.differences import GradcheckError, gradcheck, gradgradcheck
from lucid.autograd.function import Function
from lucid.autograd.mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from lucid.autograd.tape import Variable


def __getattr__(name: str) -> Any:
    if name == "functional":  # which lies above this package
        return import_module("lucid.autograd.functional")
    raise AttributeError(f"module 'lucid.autograd' has no attribute {name!r}")
