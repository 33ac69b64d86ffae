"""What an operation is given: arrays by keyword, numbers, NumPy; and errors that describe it."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

import mlx.core as mx
import numpy as np

from lucid.autograd.tape import Traced


def by_keyword(
    name: str, arrays: Sequence[str], args: tuple, settings: dict[str, Any]
) -> tuple[tuple, dict[str, Any]]:
    """Arrays given by keyword: by their own names or, the first two, as `input` and `other`."""
    given, rest = list(args), dict(settings)
    for position in range(len(args), len(arrays)):
        names = (arrays[position], *("input", "other")[position : position + 1])
        found = [n for n in names if n in rest]
        if not found:
            raise TypeError(
                f"{name}() misses its argument {names[-1]!r}: it takes {len(arrays)} "
                f"tensor{'s' * (len(arrays) > 1)}, got {len(given)}"
            )
        given.append(rest.pop(found[0]))
    return tuple(given), rest


def converted(name: str, x: Any, inputs: Sequence[Any]) -> Any:
    """An input that is not a tensor: numbers stay weakly typed, arrays become `mx.array`."""
    if isinstance(x, np.generic):
        x = x.item()
    if isinstance(x, int) and not -(1 << 63) <= x < 1 << 63:
        raise OverflowError(f"{name}: the int {x} does not fit into 64 bits; write it as a float")
    if x is None or isinstance(x, bool | int | float | complex | mx.array):
        return x
    if isinstance(x, np.ndarray) and x.dtype.kind in "biufc":
        wide = any(isinstance(t, Traced) and t.array.dtype == mx.float64 for t in inputs)
        return mx.array(x, mx.float64 if wide and x.dtype == np.float64 else None)
    if isinstance(x, numbers.Real):
        return float(x)
    raise TypeError(f"{name} expects Tensors, arrays or numbers, got {type(x).__name__}: {x!r:.60}")


def no_tensor(name: str, inputs: Sequence[Any]) -> TypeError:
    return TypeError(
        f"{name} expects a Tensor, got {', '.join(type(x).__name__ for x in inputs)}; "
        "wrap the data with lucid.tensor(...)"
    )


def mixed_devices(name: str, a: Traced, b: Traced) -> RuntimeError:
    return RuntimeError(
        f"{name} expects its tensors on one device, got {a._device!r} and {b._device!r}; "
        f"move one of them, e.g. x.to({a._device!r})"
    )


def explained(name: str, values: Sequence[Any], error: Exception) -> Exception:
    """The same exception, saying which operation and which inputs."""
    described = [
        f"{str(v.dtype).split('.')[-1]}{list(v.shape)}" if isinstance(v, mx.array) else repr(v)
        for v in values
    ]
    text = str(error)
    if "incompatible function arguments" in text:  # followed by a page of C++ signatures
        text = "arguments of these kinds are not accepted"
    kind = type(error)
    if text == "std::bad_cast":  # MLX about a float, None or 2**64 in the place of an int
        kind, text = TypeError, "a setting is of the wrong type, or an int too large"
    return kind(f"{name}: {text} (inputs: {', '.join(described)})")
