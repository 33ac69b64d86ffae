"""`weight_norm` and `spectral_norm` with the keys of older models: `weight_g`, `weight_v`, ...

Most published vocoders were saved with these. `nn.utils.parametrizations` has the newer keys;
a state dict of either kind loads into either.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lucid.autograd import no_grad
from lucid.nn.computed import Computed, take
from lucid.nn.module import Module
from lucid.nn.parameter import Parameter
from lucid.nn.utils.parametrizations import (
    as_matrix,
    check_dim,
    check_iterations,
    default_dim,
    norm_except,
    unit,
)
from lucid.random import randn
from lucid.tensor import Tensor


class _WeightNorm(Computed):
    def __init__(self, name: str, dim: int | None) -> None:
        self.name, self.dim = name, dim

    def value(self, module: Any) -> Tensor:
        v = getattr(module, f"{self.name}_v")
        return v * (getattr(module, f"{self.name}_g") / norm_except(v, self.dim))

    def assign(self, module: Any, value: Any) -> None:
        getattr(module, f"{self.name}_v").data = value.detach()
        getattr(module, f"{self.name}_g").data = norm_except(value.detach(), self.dim)

    def other_names(self) -> Mapping[str, str]:
        new = f"parametrizations.{self.name}.original"
        return {f"{new}0": f"{self.name}_g", f"{new}1": f"{self.name}_v"}


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Split a weight into length and direction: weight = g * v / |v| (Salimans and Kingma, 2016).

    As `nn.utils.parametrizations.weight_norm`, but the state has `weight_g` and `weight_v`.

    >>> from lucid import nn
    >>> layer = nn.utils.weight_norm(nn.Conv1d(2, 4, 3))
    >>> list(layer.state_dict())
    ['bias', 'weight_g', 'weight_v']
    >>> list(nn.utils.remove_weight_norm(layer).state_dict())
    ['bias', 'weight']
    """
    if isinstance(getattr(module, name, None), Tensor):
        check_dim("weight_norm", getattr(module, name), dim)
    weight = take(module, name, _WeightNorm(name, dim))
    module.register_parameter(f"{name}_g", Parameter(norm_except(weight.detach(), dim)))
    module.register_parameter(f"{name}_v", Parameter(weight.detach()))
    return module


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """Make the weight an ordinary parameter of its present value again; returns the module.

    Raises:
        ValueError: the weight is not normalised.

    >>> from lucid import nn
    >>> layer = nn.utils.weight_norm(nn.Linear(2, 2))
    >>> sorted(nn.utils.remove_weight_norm(layer).state_dict())
    ['bias', 'weight']
    """
    return _removed(module, name, _WeightNorm, ("g", "v"))


class _SpectralNorm(Computed):
    def __init__(self, name: str, iterations: int, dim: int, eps: float) -> None:
        self.name, self.iterations, self.dim, self.eps = name, iterations, dim, eps
        self.handle: Any = None

    def __call__(self, module: Any, _: Any) -> None:
        """The hook before forward: the singular vectors follow the weight."""
        if not module.training:
            return
        with no_grad():
            matrix = as_matrix(getattr(module, f"{self.name}_orig"), self.dim)
            u = getattr(module, f"{self.name}_u")
            for _ in range(self.iterations):
                v = unit(matrix.mT @ u, self.eps)
                u = unit(matrix @ v, self.eps)
            setattr(module, f"{self.name}_u", u)
            setattr(module, f"{self.name}_v", v)

    def value(self, module: Any) -> Tensor:
        weight = getattr(module, f"{self.name}_orig")
        u, v = getattr(module, f"{self.name}_u"), getattr(module, f"{self.name}_v")
        return weight / (u @ (as_matrix(weight, self.dim) @ v))

    def assign(self, module: Any, value: Any) -> None:
        getattr(module, f"{self.name}_orig").data = value.detach()

    def other_names(self) -> Mapping[str, str]:
        new = f"parametrizations.{self.name}"
        return {
            f"{new}.original": f"{self.name}_orig",
            f"{new}.0._u": f"{self.name}_u",
            f"{new}.0._v": f"{self.name}_v",
        }


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """Divide a weight by its largest singular value (Miyato et al., 2018).

    As `nn.utils.parametrizations.spectral_norm`, but the state has `weight_orig`, `weight_u` and
    `weight_v`, and the power iteration runs once for each forward in training mode.

    >>> from lucid import nn
    >>> layer = nn.utils.spectral_norm(nn.Linear(3, 2))
    >>> list(layer.state_dict())
    ['bias', 'weight_orig', 'weight_u', 'weight_v']
    """
    check_iterations(n_power_iterations)
    dim = default_dim(module) if dim is None else dim
    if isinstance(getattr(module, name, None), Tensor):
        check_dim("spectral_norm", getattr(module, name), dim)
    computed = _SpectralNorm(name, n_power_iterations, dim, eps)
    weight = take(module, name, computed)
    rows, columns = as_matrix(weight.detach(), dim).shape
    like: dict[str, Any] = {"dtype": weight.dtype, "device": weight.device}
    setattr(module, f"{name}_orig", weight)
    module.register_buffer(f"{name}_u", unit(randn(rows, **like), eps))
    module.register_buffer(f"{name}_v", unit(randn(columns, **like), eps))
    computed.handle = module.register_forward_pre_hook(computed)
    return module


def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """Make the weight an ordinary parameter of its present value again; returns the module.

    Raises:
        ValueError: the weight is not normalised.

    >>> from lucid import nn
    >>> layer = nn.utils.spectral_norm(nn.Linear(2, 2))
    >>> sorted(nn.utils.remove_spectral_norm(layer).state_dict())
    ['bias', 'weight']
    """
    computed = module._computed.get(name)
    removed = _removed(module, name, _SpectralNorm, ("orig", "u", "v"))
    computed.handle.remove()
    return removed


def _removed(module: Module, name: str, kind: type[Computed], parts: tuple[str, ...]) -> Module:
    if not isinstance(module._computed.get(name), kind):
        what = "weight_norm" if kind is _WeightNorm else "spectral_norm"
        raise ValueError(f"{what} of {name!r} not found in {type(module).__name__}")
    with no_grad():
        weight = getattr(module, name).detach()
    for part in parts:
        delattr(module, f"{name}_{part}")
    del module._computed[name]
    module.register_parameter(name, Parameter(weight))
    return module
