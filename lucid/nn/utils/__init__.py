"""Gradient clipping, and parameters as one vector, under the names of `torch.nn.utils`."""

from lucid.nn.utils import rnn
from lucid.nn.utils.clip_grad import clip_grad_norm_, clip_grad_value_
from lucid.nn.utils.convert_parameters import parameters_to_vector, vector_to_parameters
