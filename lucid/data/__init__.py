"""Datasets and the loader that makes batches of them."""

from lucid.data.collate import default_collate, pad_collate
from lucid.data.dataset import (
    ConcatDataset,
    Dataset,
    Map,
    Subset,
    TensorDataset,
    item_rng,
    random_split,
)
from lucid.data.loader import DataLoader

__all__ = [
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "Map",
    "Subset",
    "TensorDataset",
    "default_collate",
    "item_rng",
    "pad_collate",
    "random_split",
]
