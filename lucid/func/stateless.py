"""Modules as functions of their parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lucid import ops
from lucid.tensor import Tensor


def functional_call(
    module: Any,
    parameter_and_buffer_dicts: Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call a module with other parameters and buffers in place of its own.

    Args:
        module: an `nn.Module`. It is as before afterwards, and is not to be used by another
            thread meanwhile.
        parameter_and_buffer_dicts: Tensors by their names in the module, in a dict or several.
            What is not named stays as it is.
        args: the argument, or a tuple of them.
        tie_weights: what the module knows under several names is replaced under all of them.
        strict: every parameter and buffer must be named.

    Raises:
        ValueError: unknown names, or with `strict` missing ones.

    >>> import lucid
    >>> layer = lucid.nn.Linear(2, 1)
    >>> weights = {"weight": lucid.ones(1, 2), "bias": lucid.zeros(1)}
    >>> lucid.func.functional_call(layer, weights, lucid.tensor([[1.0, 2.0]]))
    Tensor([[3.]], grad=None)
    """
    given = parameter_and_buffer_dicts
    given = [given] if isinstance(given, Mapping) else given
    values = {name: value for part in given for name, value in part.items()}
    places = _places(module)
    unknown = sorted(values.keys() - places.keys())
    missing = sorted(places.keys() - values.keys()) if strict else []
    if unknown or missing:
        raise ValueError(
            f"functional_call of {type(module).__name__}: unknown names {unknown}, missing names "
            f"{missing}; it has {list(places)}"
        )
    if tie_weights:
        by_tensor = {id(places[n][0][places[n][1]]): value for n, value in values.items()}
        for name, (slots, key) in places.items():
            if name not in values and id(slots[key]) in by_tensor:
                values[name] = by_tensor[id(slots[key])]
    before = [(slots, key, slots[key]) for slots, key in places.values()]
    try:
        for name, value in values.items():
            slots, key = places[name]
            slots[key] = value
        arguments = () if args is None else args if isinstance(args, tuple) else (args,)
        return module(*arguments, **(kwargs or {}))
    finally:
        for slots, key, tensor in before:
            slots[key] = tensor


def _places(module: Any) -> dict[str, tuple[dict[str, Any], str]]:
    """The dict and the key where a module keeps each parameter and buffer, by name."""
    found = {}
    for prefix, owner in module.named_modules(remove_duplicate=False):
        for slots in (owner._parameters, owner._buffers):
            for key, tensor in slots.items():
                if tensor is not None:
                    found[f"{prefix}.{key}" if prefix else key] = slots, key
    return found


def stack_module_state(models: Sequence[Any]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The parameters of several modules of one kind, stacked, and their buffers: for `vmap` over
    an ensemble.

    >>> import lucid
    >>> from lucid.func import functional_call, stack_module_state, vmap
    >>> models = [lucid.nn.Linear(3, 2) for _ in range(5)]
    >>> state = stack_module_state(models)
    >>> call = lambda s, x: functional_call(models[0], s, x)
    >>> vmap(call, (0, None))(state, lucid.ones(1, 3)).shape
    (5, 1, 2)
    """
    if not models:
        raise ValueError("stack_module_state expects at least one module")
    stacked = []
    for kind in ("named_parameters", "named_buffers"):
        states = [dict(getattr(model, kind)()) for model in models]
        if any(s.keys() != states[0].keys() for s in states):
            raise ValueError("stack_module_state expects modules with the same names")
        stacked.append({n: ops.stack([s[n].detach() for s in states]) for n in states[0]})
    parameters, buffers = stacked
    first = dict(models[0].named_parameters())
    for name, tensor in parameters.items():
        tensor.requires_grad_(first[name].requires_grad)
    return parameters, buffers
