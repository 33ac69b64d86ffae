"""One call, by torch and by lucid, from the arguments that torch's table gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from .compare import WIDER
from .convert import dtype_name, mapped, tensors, to_lucid


@dataclass
class Sample:
    """Arguments of one call, as torch has them."""

    arguments: tuple
    keywords: dict
    process: Callable = lambda x: x  # what torch's tests do to the result before its gradients

    def torch_call(self, function: Callable, wide: bool = False):
        """Call torch with copies, in the next wider dtypes; gives (result, its tensors)."""
        copies: dict[int, torch.Tensor] = {}

        def copy(value):
            if isinstance(value, torch.dtype):
                return WIDER.get(value, value) if wide else value
            if id(value) not in copies:
                plain = widened(value.detach().clone(), wide)
                copies[id(value)] = plain.requires_grad_(value.requires_grad)
            return copies[id(value)]

        arguments, keywords = mapped((self.arguments, self.keywords), copy)
        return function(*arguments, **keywords), [copy(t) for t in self.tensors()]

    def lucid_call(self, function: Callable):
        """Call lucid with the same values; gives (result, its tensors)."""
        memo: dict[int, object] = {}
        arguments, keywords = to_lucid((self.arguments, self.keywords), memo)
        return function(*arguments, **keywords), [to_lucid(t, memo) for t in self.tensors()]

    def tensors(self) -> list[torch.Tensor]:
        return tensors((self.arguments, self.keywords))

    def __str__(self) -> str:
        def described(value):
            if isinstance(value, torch.Tensor):
                return f"{dtype_name(value.dtype)}{list(value.shape)}"
            if isinstance(value, list | tuple):
                return type(value)(map(described, value)) if type(value) in (list, tuple) else value
            return value

        parts = [str(described(a)) for a in self.arguments]
        parts += [f"{k}={described(v)}" for k, v in self.keywords.items()]
        return "(" + ", ".join(parts).replace("'", "")[:200] + ")"


def widened(tensor: torch.Tensor, wide: bool = True) -> torch.Tensor:
    """In the next wider dtype of its kind."""
    return tensor.to(WIDER.get(tensor.dtype, tensor.dtype)) if wide else tensor
