"""Audio in and out: files, resampling, augmentation, folders of recordings."""

from lucid.audio.augment import (
    crop_or_pad,
    frequency_mask,
    gain,
    mix,
    random_gain,
    random_roll,
    random_shift,
    time_mask,
)
from lucid.audio.dataset import (
    AudioFolder,
    Clip,
    Scan,
    scan,
    split,
    split_fold,
    split_official,
    split_speaker,
)
from lucid.audio.io import AudioInfo, info, load, save
from lucid.audio.resample import resample

__all__ = [
    "AudioFolder",
    "AudioInfo",
    "Clip",
    "Scan",
    "crop_or_pad",
    "frequency_mask",
    "gain",
    "info",
    "load",
    "mix",
    "random_gain",
    "random_roll",
    "random_shift",
    "resample",
    "save",
    "scan",
    "split",
    "split_fold",
    "split_official",
    "split_speaker",
    "time_mask",
]
