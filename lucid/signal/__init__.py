"""Signals: `lucid.signal.windows`."""

from lucid.signal import windows
