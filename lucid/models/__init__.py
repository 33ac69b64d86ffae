"""Published 1-D audio architectures, with their published sizes."""

from lucid.models.conv_tasnet import ConvTasNet
from lucid.models.dsnet import DSNet
from lucid.models.matchboxnet import MatchboxNet

__all__ = ["ConvTasNet", "DSNet", "MatchboxNet"]
