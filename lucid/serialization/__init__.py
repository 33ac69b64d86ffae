"""Tensors to and from files: safetensors, sharded or not, and PyTorch's own."""

from lucid.serialization.store import load, save
