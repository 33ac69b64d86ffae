"""Numerical kernels on raw mx.arrays: definitions in plain mx operations and Metal launchers."""

from lucid.kernels.overview import Status, status

__all__ = ["Status", "status"]
