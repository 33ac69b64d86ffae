"""Gradient clipping and parameters as one vector, under the names of `torch.nn.utils`."""
