"""Datasets and the loader that makes batches of them."""

from lucid.data.collate import default_collate, pad_collate
from lucid.data.dataset import (
    ConcatDataset,
    Dataset,
    IterableDataset,
    Map,
    Subset,
    TensorDataset,
    item_rng,
    random_split,
)
from lucid.data.loader import DataLoader
from lucid.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

__all__ = [
    "BatchSampler",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "IterableDataset",
    "Map",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "default_collate",
    "item_rng",
    "pad_collate",
    "random_split",
]
