"""Values from torch to lucid and back, and the wish to leave out what lucid has no word for."""

from __future__ import annotations

import numpy as np
import torch

import lucid
import lucid.nn


class Unsupported(Exception):
    """The value has no counterpart in lucid; the text is the rule that leaves the sample out."""


# Settings that say how memory is laid out. Arrays of MLX have no layout that a program sees.
LAYOUT = ("memory_format", "layout", "pin_memory")
NO_DTYPE = {
    torch.complex128: "complex128: MLX has complex64 only",
    torch.complex32: "complex32: MLX has complex64 only",
}


def dtype_to_lucid(dtype: torch.dtype):
    """The dtype of the same name."""
    if dtype in NO_DTYPE:
        raise Unsupported(NO_DTYPE[dtype])
    name = str(dtype).removeprefix("torch.")
    found = getattr(lucid, name, None)
    if found is None:
        raise Unsupported(f"dtype {name}: MLX has none")
    return found


def dtype_name(dtype) -> str:
    """torch.float32, mlx.core.float32 -> float32."""
    return str(dtype).rpartition(".")[2].rstrip("_")


def to_lucid(value, memo: dict[int, object]):
    """The same value of lucid; a tensor that occurs twice stays one tensor (`memo`)."""
    if isinstance(value, torch.Tensor):
        if id(value) not in memo:
            memo[id(value)] = (_tensor(value), value)  # the torch one too: its id stays taken
        return memo[id(value)][0]
    if isinstance(value, torch.dtype):
        return dtype_to_lucid(value)
    if isinstance(value, torch.device):
        return _device(value)
    if isinstance(value, torch.Generator):
        return lucid.Generator().manual_seed(value.initial_seed())
    if isinstance(value, torch.layout | torch.memory_format):
        return value  # positional: let the call refuse it
    if isinstance(value, torch.nn.Module):
        return _module(value)
    if callable(value) and (getattr(value, "__module__", None) or "").startswith("torch"):
        return getattr(lucid.nn.functional, value.__name__)  # an activation
    if isinstance(value, torch.Size):
        return tuple(value)
    if isinstance(value, slice):
        return slice(*(to_lucid(v, memo) for v in (value.start, value.stop, value.step)))
    if isinstance(value, dict):
        kept = {k: v for k, v in value.items() if k not in LAYOUT or v is torch.sparse_coo}
        return {k: to_lucid(v, memo) for k, v in kept.items()}
    if isinstance(value, list):
        return [to_lucid(v, memo) for v in value]
    if isinstance(value, tuple):
        return tuple(to_lucid(v, memo) for v in value)
    return value


def _module(value: torch.nn.Module):
    """lucid's module of the same class, with the same settings and state."""
    settings = _transformer_layer(value) if hasattr(value, "self_attn") else {}
    if repr(type(value)(**settings)) != repr(value):
        raise Unsupported(f"{type(value).__name__} as an argument: its settings cannot be read")
    module = getattr(lucid.nn, type(value).__name__)(**to_lucid(settings, {}))
    module.load_state_dict(to_lucid(dict(value.state_dict()), {}))
    return module.train(value.training)


def _transformer_layer(layer) -> dict:
    """The arguments that a TransformerEncoderLayer was made with."""
    return {
        "d_model": layer.self_attn.embed_dim,
        "nhead": layer.self_attn.num_heads,
        "dim_feedforward": layer.linear1.out_features,
        "dropout": layer.dropout.p,
        "activation": layer.activation,
        "layer_norm_eps": layer.norm1.eps,
        "batch_first": layer.self_attn.batch_first,
        "norm_first": layer.norm_first,
        "bias": layer.linear1.bias is not None,
    }


def _device(device: torch.device) -> str:
    if device.type != "cpu":
        raise Unsupported(f"device {device.type}")
    return "cpu"


def _tensor(value: torch.Tensor):
    if value.layout is not torch.strided:
        raise Unsupported("sparse tensors")
    if value.is_quantized:
        raise Unsupported("quantized tensors")
    _device(value.device)
    dtype = dtype_to_lucid(value.dtype)
    plain = value.detach().resolve_conj().resolve_neg()
    if plain.dtype == torch.bfloat16:
        plain = plain.float()
    array = np.array(plain.numpy())
    return lucid.Tensor(array, requires_grad=value.requires_grad, dtype=dtype, device="cpu")


def to_torch(tensor) -> torch.Tensor:
    """The values of a lucid tensor, outside its graph, in the dtype of the same name."""
    return torch.from_numpy(np.array(tensor.detach().numpy())).to(
        getattr(torch, dtype_name(tensor.dtype))
    )


def tensors(value) -> list:
    """The tensors inside nested tuples, lists, dicts and slices, each once, in order."""
    found: dict[int, object] = {}
    _collect(value, found)
    return list(found.values())


def _collect(value, found: dict[int, object]) -> None:
    if isinstance(value, torch.Tensor | lucid.Tensor):
        found[id(value)] = value
    elif isinstance(value, dict):
        _collect(list(value.values()), found)
    elif isinstance(value, list | tuple):
        for v in value:
            _collect(v, found)
    elif isinstance(value, slice):
        _collect([value.start, value.stop, value.step], found)


def mapped(value, function):
    """The same nest of containers with `function` applied to torch's tensors and dtypes."""
    if isinstance(value, torch.Tensor | torch.dtype):
        return function(value)
    if isinstance(value, dict):
        return {k: mapped(v, function) for k, v in value.items()}
    if isinstance(value, slice):
        return slice(*(mapped(v, function) for v in (value.start, value.stop, value.step)))
    if type(value) in (list, tuple):
        return type(value)(mapped(v, function) for v in value)
    return value
