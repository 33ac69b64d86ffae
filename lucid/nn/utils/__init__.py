"""What acts on layers from outside, under the names of `torch.nn.utils`: gradient clipping,
parameters as one vector, normalised weights, packed sequences, fusion for inference."""

from lucid.nn.utils import parametrizations, parametrize, rnn
from lucid.nn.utils.clip_grad import (
    clip_grad_norm_,
    clip_grad_value_,
    clip_grads_with_norm_,
    get_total_norm,
)
from lucid.nn.utils.convert_parameters import parameters_to_vector, vector_to_parameters
from lucid.nn.utils.fusion import fuse_conv_bn_eval, fuse_conv_bn_weights, fuse_linear_bn_eval
from lucid.nn.utils.weight_norm import (
    remove_spectral_norm,
    remove_weight_norm,
    spectral_norm,
    weight_norm,
)
