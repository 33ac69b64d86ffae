"""Audio: files, folders of recordings, resampling, augmentation, spectral features."""

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
from lucid.audio.features import (
    MFCC,
    MelSpectrogram,
    Spectrogram,
    log_mel,
    mel_spectrogram,
    mfcc,
    power_to_db,
    spectrogram,
)
from lucid.audio.io import AudioInfo, info, load, save
from lucid.audio.mel import hz_to_mel, mel_filterbank, mel_to_hz
from lucid.audio.resample import resample
from lucid.ops.stft import istft, stft
from lucid.signal.windows import hamming_window, hann_window

__all__ = [
    "MFCC",
    "AudioFolder",
    "AudioInfo",
    "Clip",
    "MelSpectrogram",
    "Scan",
    "Spectrogram",
    "crop_or_pad",
    "frequency_mask",
    "gain",
    "hamming_window",
    "hann_window",
    "hz_to_mel",
    "info",
    "istft",
    "load",
    "log_mel",
    "mel_filterbank",
    "mel_spectrogram",
    "mel_to_hz",
    "mfcc",
    "mix",
    "power_to_db",
    "random_gain",
    "random_roll",
    "random_shift",
    "resample",
    "save",
    "scan",
    "spectrogram",
    "split",
    "split_fold",
    "split_official",
    "split_speaker",
    "stft",
    "time_mask",
]
