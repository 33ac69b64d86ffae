"""Lazy layers: the size of the input is found from the first one.

A lazy layer holds uninitialized parameters. Its first call builds the ordinary layer for the
input that came, takes over its parameters and settings, and becomes one itself.
"""

from __future__ import annotations

import inspect
from typing import Any

from lucid.nn.conv import Conv1d, ConvTranspose1d
from lucid.nn.conv2d import Conv2d, ConvTranspose2d
from lucid.nn.linear import Linear
from lucid.nn.module import Module
from lucid.nn.norm import BatchNorm1d, BatchNorm2d, InstanceNorm1d, InstanceNorm2d
from lucid.nn.uninitialized import UninitializedBuffer, UninitializedParameter, is_lazy
from lucid.ops.device import on_device
from lucid.tensor import Tensor

_INSTANCE = {"affine": True, "track_running_stats": True}


class LazyModuleMixin(Module):
    """What lazy layers share. Their arguments are those of the ordinary layer after its first.

    Call the model once on an example input before its parameters are given to an optimizer. A
    state dict may be loaded before that.
    """

    cls_to_become: Any
    _dim: int  # the dimension of the input whose size is looked for
    _defaults: dict[str, Any] = {}  # noqa: RUF012 (where they are not the ordinary layer's)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        try:
            bound = inspect.signature(self.cls_to_become).bind(1, *args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{type(self).__name__}: {error}") from None
        size = next(iter(bound.arguments))
        settings = {**self._defaults, **bound.arguments}
        settings[size] = settings.get("groups", 1)
        probe = self.cls_to_become(**settings)  # so that wrong settings fail here
        Module.__init__(self)
        self._later = settings
        self._adopt(probe)
        setattr(self, size, 0)
        for name, p in probe._parameters.items():
            lazy = None if p is None else UninitializedParameter(p.requires_grad, p.device, p.dtype)
            self.register_parameter(name, lazy)
        for name, b in probe._buffers.items():
            has_size = b is not None and b.ndim > 0
            lazy_buffer = UninitializedBuffer(False, b.device, b.dtype) if has_size else b
            self.register_buffer(name, lazy_buffer, persistent=name not in probe._transient)

    def _adopt(self, layer: Module) -> None:
        """Take over the settings of a layer."""
        common = Module().__dict__
        self.__dict__.update({k: v for k, v in layer.__dict__.items() if k not in common})

    def has_uninitialized_params(self) -> bool:
        """Whether some parameter or buffer has no shape yet."""
        return any(map(is_lazy, (*self._parameters.values(), *self._buffers.values())))

    def initialize_parameters(self, input: Tensor, *args: Any, **kwargs: Any) -> None:
        """Take the shapes that fit `input`, first values, and the class of the ordinary layer.

        Raises:
            ValueError: a state dict for another size was loaded before.
        """
        name = type(self).__name__
        if not -input.ndim <= self._dim < input.ndim:
            raise ValueError(f"{name} cannot find its size from an input of shape {input.shape}")
        size = next(iter(inspect.signature(self.cls_to_become).parameters))
        layer = self.cls_to_become(**{**self._later, size: input.shape[self._dim]})
        for own, fresh in (
            (self._parameters, layer._parameters),
            (self._buffers, layer._buffers),
        ):
            for key, value in fresh.items():
                mine = own[key]
                if is_lazy(mine):
                    mine.materialize(value.shape)
                    with on_device(mine.device):
                        mine.array = value.array.astype(mine.dtype)
                elif value is not None and mine.shape != value.shape:
                    raise ValueError(
                        f"{name}: the {key} that was loaded has shape {mine.shape}, an input of "
                        f"shape {input.shape} needs {value.shape}"
                    )
        self._adopt(layer)
        del self._later
        self.__class__ = self.cls_to_become

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.initialize_parameters(*args, **kwargs)
        return self(*args, **kwargs)  # now the ordinary layer


class LazyLinear(LazyModuleMixin, Linear):
    """A `Linear` that finds in_features from its first input.

    >>> import lucid
    >>> layer = lucid.nn.LazyLinear(3)
    >>> layer
    LazyLinear(in_features=0, out_features=3, bias=True)
    >>> layer(lucid.ones(2, 5)).shape
    (2, 3)
    >>> layer
    Linear(in_features=5, out_features=3, bias=True)
    """

    cls_to_become, _dim = Linear, -1


class LazyConv1d(LazyModuleMixin, Conv1d):
    """A `Conv1d` that finds in_channels from its first input.

    >>> import lucid
    >>> layer = lucid.nn.LazyConv1d(4, kernel_size=3)
    >>> layer(lucid.ones(1, 2, 9)).shape, layer.weight.shape
    ((1, 4, 7), (4, 2, 3))
    """

    cls_to_become, _dim = Conv1d, -2


class LazyConvTranspose1d(LazyModuleMixin, ConvTranspose1d):
    """A `ConvTranspose1d` that finds in_channels from its first input.

    >>> import lucid
    >>> layer = lucid.nn.LazyConvTranspose1d(4, kernel_size=3)
    >>> layer(lucid.ones(1, 2, 9)).shape, layer.weight.shape
    ((1, 4, 11), (2, 4, 3))
    """

    cls_to_become, _dim = ConvTranspose1d, -2


class LazyConv2d(LazyModuleMixin, Conv2d):
    """A `Conv2d` that finds in_channels from its first input.

    >>> import lucid
    >>> layer = lucid.nn.LazyConv2d(4, kernel_size=3)
    >>> layer(lucid.ones(1, 2, 9, 9)).shape, layer.weight.shape
    ((1, 4, 7, 7), (4, 2, 3, 3))
    """

    cls_to_become, _dim = Conv2d, -3


class LazyConvTranspose2d(LazyModuleMixin, ConvTranspose2d):
    """A `ConvTranspose2d` that finds in_channels from its first input.

    >>> import lucid
    >>> layer = lucid.nn.LazyConvTranspose2d(4, kernel_size=3)
    >>> layer(lucid.ones(1, 2, 9, 9)).shape, layer.weight.shape
    ((1, 4, 11, 11), (2, 4, 3, 3))
    """

    cls_to_become, _dim = ConvTranspose2d, -3


class LazyBatchNorm1d(LazyModuleMixin, BatchNorm1d):
    """A `BatchNorm1d` that finds num_features from its first input.

    >>> import lucid
    >>> layer = lucid.nn.LazyBatchNorm1d()
    >>> layer(lucid.ones(2, 3, 5)).shape, layer.num_features
    ((2, 3, 5), 3)
    """

    cls_to_become, _dim = BatchNorm1d, 1


class LazyBatchNorm2d(LazyModuleMixin, BatchNorm2d):
    """A `BatchNorm2d` that finds num_features from its first input.

    >>> import lucid
    >>> layer = lucid.nn.LazyBatchNorm2d()
    >>> layer(lucid.ones(2, 3, 5, 5)).shape, layer.num_features
    ((2, 3, 5, 5), 3)
    """

    cls_to_become, _dim = BatchNorm2d, 1


class LazyInstanceNorm1d(LazyModuleMixin, InstanceNorm1d):
    """An `InstanceNorm1d` that finds num_features from its first input.

    As in torch, affine and track_running_stats are True unless they are set.

    >>> import lucid
    >>> layer = lucid.nn.LazyInstanceNorm1d()
    >>> layer(lucid.ones(2, 3, 5)).shape, layer.num_features
    ((2, 3, 5), 3)
    """

    cls_to_become, _dim = InstanceNorm1d, -2
    _defaults = _INSTANCE


class LazyInstanceNorm2d(LazyModuleMixin, InstanceNorm2d):
    """An `InstanceNorm2d` that finds num_features from its first input; see the 1-D one.

    >>> import lucid
    >>> layer = lucid.nn.LazyInstanceNorm2d()
    >>> layer(lucid.ones(2, 3, 5, 5)).shape, layer.num_features
    ((2, 3, 5, 5), 3)
    """

    cls_to_become, _dim = InstanceNorm2d, -3
    _defaults = _INSTANCE
