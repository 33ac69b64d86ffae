"""What an optimizer saves, and what it takes back: torch's layout of the state dict."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import mlx.core as mx

from lucid.optim.kept import Kept
from lucid.tensor import Tensor


def collect(groups: list[dict[str, Any]], state: Mapping[Any, dict[str, Any]]) -> dict[str, Any]:
    """The state dict of an optimizer: parameters become numbers, through all groups."""
    parameters = [p for group in groups for p in group["params"]]
    numbers = {id(p): i for i, p in enumerate(parameters)}
    return {
        "state": {i: _snapshot(state[p]) for i, p in enumerate(parameters) if p in state},
        "param_groups": [
            {**group, "params": [numbers[id(p)] for p in group["params"]]} for group in groups
        ],
    }


def _snapshot(value: Any) -> Any:
    """The same values under Tensors and lists of their own; the arrays are shared."""
    if isinstance(value, dict):
        return {k: _snapshot(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_snapshot(v) for v in value]
    return value.detach() if isinstance(value, Tensor) else value


def loaded(optimizer: Any, saved: Any) -> tuple[list[dict[str, Any]], defaultdict]:
    """The groups and the state of `optimizer` as `saved` has them; nothing is changed yet."""
    groups = _groups(optimizer, saved)
    numbers = [i for group in saved["param_groups"] for i in group["params"]]
    owners = [(p, group) for group in groups for p in group["params"]]
    unknown = set(saved["state"]) - set(numbers)
    if unknown:
        raise ValueError(f"the saved state has entries of unknown parameters: {unknown}")
    state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
    for number, (p, group) in zip(numbers, owners, strict=True):
        if saved["state"].get(number):
            state[p] = optimizer._loaded_state(number, p, group, saved["state"][number])
    return groups, state


def _groups(optimizer: Any, saved: Any) -> list[dict[str, Any]]:
    name = type(optimizer).__name__
    if not isinstance(saved, dict) or not {"state", "param_groups"} <= set(saved):
        raise ValueError(
            'an optimizer\'s state is a dict with the keys "state" and "param_groups", got '
            f"{list(saved) if isinstance(saved, dict) else type(saved).__name__}"
        )
    given = saved["param_groups"]
    if not isinstance(saved["state"], dict) or not all(
        isinstance(group, dict) and "params" in group for group in given
    ):
        raise ValueError(
            'in an optimizer\'s state, "state" is a dict, and every group of "param_groups" '
            'is a dict with the key "params"'
        )
    sizes = [len(group["params"]) for group in given]
    own = [len(group["params"]) for group in optimizer.param_groups]
    if sizes != own:
        raise ValueError(
            f"the saved state has groups of {sizes} parameters, this {name} has {own}; "
            "build the model and the optimizer as they were when the state was saved"
        )
    groups: list[dict[str, Any]] = []
    # A switch that a release added is off, as it was: torch's older dicts lack some.
    needed = {k for k, v in optimizer.defaults.items() if not (v is None or isinstance(v, bool))}
    for index, (mine, theirs) in enumerate(zip(optimizer.param_groups, given, strict=True)):
        missing = sorted(needed - set(theirs))
        if missing:
            raise ValueError(
                f"group {index} of the saved state lacks {', '.join(missing)}; "
                f"was it saved by another optimizer than {name}?"
            )
        group = {**optimizer.defaults, **theirs, "params": mine["params"]}
        if "param_names" in mine:
            group.setdefault("param_names", mine["param_names"])
        group = Kept({k: v if k == "params" else like(None, v) for k, v in group.items()})
        optimizer._check(group)
        groups.append(group)
    return groups


def like(p: Tensor | None, value: Any) -> Any:
    """A saved value with its arrays as Tensors of the dtype and device of `p`.

    Without `p`, arrays of one element become numbers: options such as the learning rate.
    """
    if isinstance(value, dict):
        return {k: like(p, v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(like(p, v) for v in value)
    if not hasattr(value, "shape") and not isinstance(value, mx.array):
        return value
    if p is None:
        return value.item()
    tensor = Tensor(value, device=p.device)
    return tensor.to(p.dtype) if tensor.is_floating_point() else tensor
