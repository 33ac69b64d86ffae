"""This library."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

import lucid
import lucid.nn.functional

# isort: split
import mlx.core as mx

from .imperative import Imperative


class Lucid(Imperative):
    lib = lucid
    compile = getattr(lucid, "compile", None)

    def tensor(self, values: np.ndarray) -> lucid.Tensor:
        return lucid.from_numpy(values)

    def finish(self, *tensors: lucid.Tensor) -> Any:
        """Evaluated and contiguous, so that no copy is left to whoever reads them."""
        arrays = [mx.contiguous(tensor.array) for tensor in tensors]
        mx.eval(arrays)
        return arrays

    def wait(self, tensors: Iterable[lucid.Tensor]) -> None:
        mx.eval([tensor.array for tensor in tensors])

    def numpy(self, tensors: Any) -> list[np.ndarray]:
        return [np.array(array) for array in tensors]

    def versions(self) -> dict[str, str]:
        return {"lucid": lucid.__version__, "mlx": mx.__version__, "BLAS": str(lucid.blas)}
