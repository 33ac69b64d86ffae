"""What a tensor is: its shape, dtype, device and size in memory."""

from __future__ import annotations

import math
from typing import Any

import mlx.core as mx

from lucid.autograd.tape import Traced
from lucid.ops.device import DEVICES, device


class Facts(Traced):
    """Properties and methods that tell what a tensor is."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the dimensions.

        >>> lucid.zeros(2, 3).shape
        (2, 3)
        """
        return self.array.shape

    @property
    def dtype(self) -> mx.Dtype:
        """The kind of numbers.

        >>> lucid.zeros(2, 3).dtype == lucid.float32
        True
        """
        return self.array.dtype

    @property
    def device(self) -> device:
        """ "cpu" or "gpu"."""
        return DEVICES[self._device]

    @property
    def ndim(self) -> int:
        """The number of dimensions.

        >>> lucid.zeros(2, 3).ndim
        2
        """
        return self.array.ndim

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of one dimension.

        >>> lucid.zeros(2, 3).size(), lucid.zeros(2, 3).size(1)
        ((2, 3), 3)
        """
        return self.shape if dim is None else self.shape[dim]

    @property
    def nbytes(self) -> int:
        """Bytes in all."""
        return self.array.nbytes

    def numel(self) -> int:
        """The number of elements.

        >>> lucid.zeros(2, 3).numel()
        6
        """
        return self.array.size

    def dim(self) -> int:
        """The number of dimensions.

        >>> lucid.zeros(2, 3).dim()
        2
        """
        return self.array.ndim

    nelement, ndimension = numel, dim

    def element_size(self) -> int:
        """Bytes per element.

        >>> lucid.zeros(2, 3).element_size()
        4
        """
        return self.array.itemsize

    def is_floating_point(self) -> bool:
        """True for float16, bfloat16, float32 and float64.

        >>> lucid.is_floating_point(lucid.ones(2))
        True
        """
        return mx.issubdtype(self.dtype, mx.floating)

    def is_complex(self) -> bool:
        """True for complex64.

        >>> lucid.is_complex(lucid.ones(2))
        False
        """
        return self.dtype == mx.complex64

    def is_signed(self) -> bool:
        """True where values may be negative.

        >>> lucid.is_signed(lucid.tensor([1, 2]))
        True
        """
        return not mx.issubdtype(self.dtype, mx.unsignedinteger) and self.dtype != mx.bool_

    def is_nonzero(self) -> bool:
        """Whether the single value is not 0.

        Raises:
            ValueError: not exactly one element.

        >>> lucid.is_nonzero(lucid.tensor([0.5]))
        True
        """
        return bool(self)

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """True: a program sees no memory layout.

        >>> lucid.ones(2, 3).t().is_contiguous()
        True
        """
        return True

    def is_same_size(self, other: Facts) -> bool:
        """Whether the shapes are equal.

        >>> lucid.is_same_size(lucid.ones(2), lucid.ones(3))
        False
        """
        return self.shape == other.shape

    def stride(self, dim: int | None = None) -> Any:
        """What the strides of the elements in row-major order are; or that of one dimension.

        >>> lucid.zeros(2, 3).stride()
        (3, 1)
        """
        strides = [math.prod(self.shape[i + 1 :]) for i in range(self.ndim)]
        return tuple(strides) if dim is None else strides[dim]

    def storage_offset(self) -> int:
        """0: no tensor lies in the middle of another one's memory.

        >>> lucid.ones(3)[1:].storage_offset()
        0
        """
        return 0

    is_cpu = property(lambda self: self._device == "cpu", doc="Whether it lies on the CPU.")
    is_mps = property(lambda self: self._device == "gpu", doc="Whether it lies on Apple's GPU.")
    is_cuda = property(lambda self: False, doc="False: there is no CUDA here.")
    is_sparse = property(lambda self: False, doc="False: there are no sparse tensors here.")
    itemsize = property(lambda self: self.array.itemsize, doc="Bytes per element.")
