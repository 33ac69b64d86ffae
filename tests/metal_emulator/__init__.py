"""Runs Metal shaders without a Mac: MLX's generated source, compiled as C++, under Metal's rules."""
