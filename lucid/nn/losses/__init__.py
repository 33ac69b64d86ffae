"""The losses of `nn.functional`, in families."""
