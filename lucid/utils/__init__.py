"""What PyTorch keeps in `torch.utils`: `checkpoint`, and `data`, which is `lucid.data`."""

from lucid.utils import checkpoint, data
