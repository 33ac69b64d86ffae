"""Layers, losses and initialisation, under the names of `torch.nn`."""

from lucid.nn import functional, init, utils
from lucid.nn.activation import ReLU
from lucid.nn.container import (
    Identity,
    ModuleDict,
    ModuleList,
    ParameterDict,
    ParameterList,
    Sequential,
)
from lucid.nn.linear import Flatten, Linear, Unflatten
from lucid.nn.module import Module
from lucid.nn.parameter import Parameter
