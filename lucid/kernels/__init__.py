"""Numerical kernels on raw mx.arrays: definitions in plain mx operations and Metal launchers."""
