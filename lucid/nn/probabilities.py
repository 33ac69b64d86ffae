"""Softmax and its kin as modules, over `lucid.ops.probabilities`."""

from __future__ import annotations

from lucid.nn.applied import Applied
from lucid.ops.probabilities import log_softmax, softmax, softmin
from lucid.tensor import Tensor


class Softmax(Applied):
    """e**x divided by its sum along `dim`; None is guessed, with a warning, as in torch.

    >>> import lucid
    >>> lucid.nn.Softmax(dim=-1)(lucid.zeros(2))
    Tensor([0.5, 0.5], grad=None)
    """

    function = staticmethod(softmax)

    def __init__(self, dim: int | None = None) -> None:
        super().__init__(dim=dim)


class Softmin(Softmax):
    """The softmax of -x along `dim`.

    >>> import lucid
    >>> lucid.nn.Softmin(dim=-1)(lucid.tensor([0.0, 1.0]))
    Tensor([0.7311, 0.2689], grad=None)
    """

    function = staticmethod(softmin)


class LogSoftmax(Softmax):
    """The logarithm of softmax along `dim`, without overflow.

    >>> import lucid
    >>> lucid.nn.LogSoftmax(dim=-1)(lucid.tensor([0.0, 1000.0]))
    Tensor([-1000.,     0.], grad=None)
    """

    function = staticmethod(log_softmax)


class Softmax2d(Applied):
    """`Softmax` over the channels of (N, C, H, W) or (C, H, W).

    Raises:
        ValueError: another number of dimensions.

    >>> import lucid
    >>> lucid.nn.Softmax2d()(lucid.zeros(1, 4, 1, 1)).flatten()
    Tensor([0.25, 0.25, 0.25, 0.25], grad=None)
    """

    def __init__(self) -> None:
        super().__init__()

    @staticmethod
    def function(x: Tensor) -> Tensor:
        if x.ndim not in (3, 4):
            raise ValueError(
                f"Softmax2d expects x of shape (N, C, H, W) or (C, H, W), got {x.shape}"
            )
        return softmax(x, -3)
