"""Automatic differentiation: recording modes, `backward`, `grad`, custom `Function`."""

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
