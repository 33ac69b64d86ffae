"""Weight and spectral normalisation as parametrizations, under torch's names and keys."""

from __future__ import annotations

from typing import Any

from lucid import ops
from lucid.autograd import no_grad
from lucid.nn.module import Module
from lucid.nn.utils.parametrize import register_parametrization
from lucid.random import randn
from lucid.tensor import Tensor


def norm_except(v: Tensor, dim: int | None) -> Tensor:
    """The 2-norm over all dimensions but `dim`, kept as ones; None or -1: over all, a scalar."""
    if dim is None or dim == -1:
        return ops.norm(v)
    others = tuple(i for i in range(v.ndim) if i != dim % v.ndim)
    return ops.sqrt(ops.sum(v * v, others, keepdim=True)) if others else ops.abs(v)


def check_dim(what: str, weight: Tensor, dim: int | None) -> None:
    """Raise where the weight has no such dimension."""
    if dim is not None and not -weight.ndim <= dim < max(weight.ndim, 1):
        raise IndexError(
            f"{what}: dim {dim} is out of range for a weight of shape {weight.shape}: "
            f"{-weight.ndim} to {weight.ndim - 1}, or None"
        )


class _WeightNorm(Module):
    """g * v / |v|."""

    old_keys = {"g": "original0", "v": "original1"}  # noqa: RUF012

    def __init__(self, dim: int | None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, g: Tensor, v: Tensor) -> Tensor:
        return v * (g / norm_except(v, self.dim))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return norm_except(weight, self.dim), weight

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Split a weight into length and direction: weight = g * v / |v| (Salimans and Kingma, 2016).

    The state has `parametrizations.weight.original0` (g) and `original1` (v); state dicts with
    `weight_g` and `weight_v` load too.

    Args:
        module: the layer; it is changed in place and returned.
        name: its weight.
        dim: one length for each index of this dimension; None or -1: one in all. The default, 0,
            is per output channel for `Conv1d` and per input channel for `ConvTranspose1d`, as in
            torch and in the published vocoders.

    Raises:
        ValueError: no such weight, or one that is computed already.
        IndexError: no such dimension.

    >>> from lucid import nn
    >>> layer = nn.utils.parametrizations.weight_norm(nn.ConvTranspose1d(4, 2, 8, 4))
    >>> layer.parametrizations.weight.original0.shape
    (4, 1, 1)
    """
    weight = getattr(module, name, None)
    if isinstance(weight, Tensor):
        check_dim("weight_norm", weight, dim)
    return register_parametrization(module, name, _WeightNorm(dim))


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """The weight with `dim` first and all else flattened."""
    return ops.flatten(ops.movedim(weight, dim, 0), 1)


def unit(x: Tensor, eps: float) -> Tensor:
    """A vector of length 1."""
    return x / ops.clamp(ops.norm(x), min=eps)


def check_iterations(n_power_iterations: int) -> None:
    """Raise where there is not at least one power iteration."""
    if n_power_iterations < 1:
        raise ValueError(f"n_power_iterations must be 1 or more, got {n_power_iterations}")


def default_dim(module: Module) -> int:
    """The dimension of the output channels."""
    return 1 if "Transpose" in type(module).__name__ else 0


class _SpectralNorm(Module):
    """weight / sigma, the largest singular value, by power iteration."""

    _u: Tensor
    _v: Tensor
    old_keys = {"orig": "original", "u": "0._u", "v": "0._v"}  # noqa: RUF012

    def __init__(self, weight: Tensor, n_power_iterations: int, dim: int, eps: float) -> None:
        super().__init__()
        self.dim, self.eps, self.n_power_iterations = dim, eps, n_power_iterations
        if weight.ndim > 1:
            matrix = as_matrix(weight.detach(), dim)
            like: dict[str, Any] = {"dtype": weight.dtype, "device": weight.device}
            self.register_buffer("_u", unit(randn(matrix.shape[0], **like), eps))
            self.register_buffer("_v", unit(randn(matrix.shape[1], **like), eps))
            self._iterate(matrix, 15)

    def _iterate(self, matrix: Tensor, times: int) -> None:
        with no_grad():
            for _ in range(times):
                self._u = unit(matrix @ self._v, self.eps)
                self._v = unit(matrix.mT @ self._u, self.eps)

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return unit(weight, self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            self._iterate(matrix, self.n_power_iterations)
        return weight / (self._u @ (matrix @ self._v))

    def right_inverse(self, value: Tensor) -> Tensor:
        return value

    def extra_repr(self) -> str:
        return f"dim={self.dim}, n_power_iterations={self.n_power_iterations}, eps={self.eps}"


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """Divide a weight by its largest singular value (Miyato et al., 2018).

    The singular vectors `_u` and `_v` follow the weight by power iteration, once for each time
    that the weight is read in training mode. State dicts with `weight_orig`, `weight_u` and
    `weight_v` load too.

    Args:
        module: the layer; it is changed in place and returned.
        name: its weight.
        n_power_iterations: how often per reading.
        eps: the least norm to divide by.
        dim: the rows of the matrix; None: the output channels (1 for transposed convolutions).

    Raises:
        ValueError: no such weight, or fewer than one iteration.
        IndexError: no such dimension.

    >>> from lucid import nn
    >>> layer = nn.utils.parametrizations.spectral_norm(nn.Linear(1, 3))
    >>> round(layer.weight.norm().item(), 4)
    1.0
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"{type(module).__name__} has no tensor {name!r} to normalise")
    check_iterations(n_power_iterations)
    dim = default_dim(module) if dim is None else dim
    check_dim("spectral_norm", weight, dim)
    return register_parametrization(
        module, name, _SpectralNorm(weight, n_power_iterations, dim, eps)
    )
