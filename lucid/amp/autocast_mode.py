"""`autocast`: matrix products and convolutions in half precision, the delicate rest in float32."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from contextvars import Token
from typing import Any

import mlx.core as mx

from lucid.autograd.mode import recording
from lucid.autograd.tape import Traced
from lucid.ops.autocast import LOW, WIDE, active
from lucid.ops.cast import astype, dtype_of

_HALF = (mx.float16, mx.bfloat16)
_CASTABLE = (*_HALF, mx.float32)  # float64, ints and complex numbers are left alone
_DEVICES = {"cpu": "cpu", "gpu": "gpu", "metal": "gpu", "mps": "gpu"}
_DEFAULTS = {"cpu": mx.bfloat16, "gpu": mx.float16}


class Casting:
    """The casts inside `autocast`: the dtype of each device where it is on, and what is cast."""

    def __init__(self, dtypes: Mapping[str, mx.Dtype], cached: bool, cache: dict[int, Any]) -> None:
        self.dtypes, self.cached, self.cache = dtypes, cached, cache

    def cast(self, policy: str, values: Sequence[Any]) -> list[Any]:
        """The values with their tensors in the precision of `policy`, recorded."""
        if policy == LOW:
            return [self._each(v, self._low) for v in values]
        if policy == WIDE:
            return [self._each(v, self._wide) for v in values]
        found: list[Any] = []
        for v in values:
            self._each(v, found.append)
        # of two dtypes that differ, float32 is the least that holds both
        mixed = len({x.array.dtype for x in found}) > 1
        return [self._each(v, self._wide) for v in values] if mixed else list(values)

    def apart(self) -> Casting:
        """The same, which knows of no casts made so far, and whose own nobody else will meet."""
        return Casting(self.dtypes, self.cached, {})

    def _each(self, value: Any, function: Callable[[Traced], Any]) -> Any:
        """`function` of a tensor, or of each in a list, where it can be cast."""
        if isinstance(value, Traced):
            castable = value.array.dtype in _CASTABLE and value._device in self.dtypes
            return function(value) if castable else value
        if isinstance(value, list | tuple) and any(isinstance(v, Traced) for v in value):
            return type(value)([self._each(v, function) for v in value])
        return value

    def _wide(self, x: Traced) -> Traced:
        return _to(x, mx.float32)

    def _low(self, x: Traced) -> Traced:
        dtype = self.dtypes[x._device]
        # a weight that is used again is cast once
        if not (self.cached and x.requires_grad and x._node is None and x.array.dtype != dtype):
            return _to(x, dtype)
        before = self.cache.get(id(x))
        key = (x, x.array, dtype, recording.get())
        if before is not None and all(a is b for a, b in zip(before[0], key, strict=True)):
            return before[1]
        result = _to(x, dtype)
        self.cache[id(x)] = (key, result)
        return result


def _to(x: Any, dtype: mx.Dtype) -> Any:
    return x if x.array.dtype == dtype else astype(x, dtype)


class autocast:
    """Run what follows in mixed precision: a context manager and a decorator.

    Products of matrices and convolutions compute in `dtype`; exponentials, sums, norms and losses
    in float32 (the lists: `lucid.ops.autocast`). Parameters stay in float32, and so do their
    gradients: each cast is recorded. Only the forward pass belongs inside; the backward pass runs
    in the precision that the forward pass had.

    float16 needs a `GradScaler`, else small gradients vanish; bfloat16 does not.

    Args:
        device_type: "cpu" or "gpu" ("metal", "mps"): tensors there are cast.
        dtype: float16 or bfloat16; default: bfloat16 on the CPU, float16 on the GPU.
        enabled: False switches autocast off inside another one.
        cache_enabled: keep the casts of parameters until the outermost autocast ends.

    Raises:
        ValueError: another device or dtype.

    >>> import lucid
    >>> layer = lucid.nn.Linear(4, 4)
    >>> with lucid.autocast("cpu", dtype=lucid.bfloat16):
    ...     y = layer(lucid.ones(2, 4).to("cpu"))
    ...     loss = y.pow(2).sum()
    >>> y.dtype, loss.dtype
    (mlx.core.bfloat16, mlx.core.float32)
    >>> loss.backward()
    >>> layer.weight.grad.dtype
    mlx.core.float32
    """

    def __init__(
        self,
        device_type: str,
        dtype: Any = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        self.device = device_kind("autocast", device_type)
        self.fast_dtype = _DEFAULTS[self.device] if dtype is None else dtype_of(dtype)
        if self.fast_dtype not in _HALF:
            raise ValueError(
                f"autocast expects dtype lucid.float16 or lucid.bfloat16, got {self.fast_dtype}"
            )
        self.enabled = bool(enabled)
        self.cache_enabled = cache_enabled is None or bool(cache_enabled)
        self._outer: list[Token] = []  # a stack: the same object may be entered inside itself

    def __enter__(self) -> autocast:
        before = active.get()
        outer = before if isinstance(before, Casting) else Casting({}, True, {})
        dtypes = {k: v for k, v in outer.dtypes.items() if k != self.device}
        if self.enabled:
            dtypes[self.device] = self.fast_dtype
        casting = Casting(dtypes, self.cache_enabled, outer.cache)
        self._outer.append(active.set(casting if dtypes else None))
        return self

    def __exit__(self, *exception: object) -> None:
        inner = active.get()
        active.reset(self._outer.pop())
        if active.get() is None and isinstance(inner, Casting):
            inner.cache.clear()

    def __call__(self, function: Callable) -> Callable:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with autocast(self.device, self.fast_dtype, self.enabled, self.cache_enabled):
                return function(*args, **kwargs)

        return wrapped


def device_kind(owner: str, device_type: Any) -> str:
    """ "cpu" or "gpu" from one of its names."""
    if not isinstance(device_type, str):
        raise ValueError(f"{owner} expects device_type as a string, got {device_type!r}")
    if device_type not in _DEVICES:
        raise ValueError(f'{owner} expects device_type "cpu" or "gpu", got {device_type!r}')
    return _DEVICES[device_type]


def _dtypes() -> Mapping[str, mx.Dtype]:
    caster = active.get()
    return caster.dtypes if isinstance(caster, Casting) else {}


def is_autocast_enabled(device_type: str | None = None) -> bool:
    """True inside `autocast`, of this device if one is named.

    >>> import lucid
    >>> with lucid.autocast("cpu"):
    ...     lucid.is_autocast_enabled("cpu"), lucid.is_autocast_enabled("gpu")
    (True, False)
    """
    dtypes = _dtypes()
    if device_type is None:
        return bool(dtypes)
    return device_kind("is_autocast_enabled", device_type) in dtypes


def get_autocast_dtype(device_type: str) -> mx.Dtype:
    """The dtype of the `autocast` around, or the one that it would have by default.

    >>> lucid.get_autocast_dtype("cpu")
    mlx.core.bfloat16
    """
    kind = device_kind("get_autocast_dtype", device_type)
    return _dtypes().get(kind, _DEFAULTS[kind])


def is_autocast_available(device_type: str) -> bool:
    """True for the names of devices that `autocast` takes."""
    return device_type in _DEVICES


def custom_fwd(
    fwd: Callable | None = None, *, device_type: str, cast_inputs: Any = None
) -> Callable:
    """Decorate `forward` of an `autograd.Function`: what it runs in inside `autocast`.

    Args:
        fwd: the function.
        device_type: "cpu" or "gpu".
        cast_inputs: a dtype: inputs are cast to it, and autocast is off inside. None: no change.
    """
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)
    kind = device_kind("custom_fwd", device_type)

    @functools.wraps(fwd)
    def call(*args: Any, **kwargs: Any) -> Any:
        dtypes = _dtypes()
        args[0]._autocast = dict(dtypes) if cast_inputs is None else {}
        if cast_inputs is None or kind not in dtypes:
            return fwd(*args, **kwargs)
        wanted = dtype_of(cast_inputs)

        def cast(value: Any) -> Any:
            if isinstance(value, Traced):
                fits = value.array.dtype in _CASTABLE and value._device == kind
                return _to(value, wanted) if fits else value
            if isinstance(value, list | tuple):
                return type(value)([cast(v) for v in value])
            return {k: cast(v) for k, v in value.items()} if isinstance(value, dict) else value

        with autocast(kind, enabled=False):
            return fwd(*cast(args), **cast(kwargs))

    return call


def custom_bwd(bwd: Callable | None = None, *, device_type: str) -> Callable:
    """Decorate `backward` of an `autograd.Function`: it runs under the autocast of `forward`."""
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)
    device_kind("custom_bwd", device_type)

    @functools.wraps(bwd)
    def call(*args: Any, **kwargs: Any) -> Any:
        dtypes = getattr(args[0], "_autocast", {})
        token = active.set(Casting(dtypes, True, {}) if dtypes else None)
        try:
            return bwd(*args, **kwargs)
        finally:
            active.reset(token)

    return call
