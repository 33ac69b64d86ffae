"""The public Tensor."""

from lucid.tensor.tensor import Tensor, is_tensor
