"""What of a module is saved and loaded, and in which dtype and where it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lucid.nn import state
from lucid.nn.hooks import RemovableHandle


class Stateful:
    """Methods of a module that see all tensors below it."""

    _state_hooks: dict[str, dict[int, Callable]]

    def state_dict(
        self,
        prefix: str = "",
        keep_vars: bool = False,
        *,
        destination: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """All parameters and persistent buffers by dotted name, outside the graph.

        Arrays are immutable, so it is a snapshot: later training does not change it.

        Args:
            prefix: put before every name.
            keep_vars: return the parameters and buffers themselves.
            destination: a dict to add them to, which is returned.

        >>> from lucid import nn
        >>> list(nn.Sequential(nn.Linear(2, 2)).state_dict())
        ['0.weight', '0.bias']
        """
        return state.collect(self, prefix, keep_vars, destination)

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> state.Keys:
        """Take parameters and buffers from a state dict; dtype and device stay the module's.

        Args:
            state_dict: names to Tensors, NumPy arrays, `mx.array`s or PyTorch tensors.
            strict: names must agree exactly. Shapes must agree always.
            assign: the tensors of the state dict become the module's, in their own dtype.

        Returns:
            The names `(missing_keys, unexpected_keys)`.

        Raises:
            RuntimeError: a difference; every one is listed, and nothing was changed.

        >>> import lucid
        >>> from lucid import nn
        >>> layer = nn.Linear(1, 1)
        >>> keys = layer.load_state_dict({"bias": lucid.ones(1)}, strict=False)
        >>> keys.missing_keys, layer.bias.tolist()
        (['weight'], [1.0])
        """
        return state.load(self, state_dict, strict, assign)

    def get_extra_state(self) -> Any:
        """What `state_dict` holds besides tensors. A subclass that has some overrides both.

        >>> from lucid import nn
        >>> class Counter(nn.Module):
        ...     steps = 3
        ...     def get_extra_state(self):
        ...         return self.steps
        ...     def set_extra_state(self, state):
        ...         self.steps = state
        >>> Counter().state_dict()
        {'_extra_state': 3}
        """
        raise RuntimeError(f"{type(self).__name__} has no extra state; define get_extra_state()")

    def set_extra_state(self, state: Any) -> None:
        """Take what `get_extra_state` returned."""
        raise RuntimeError(f"{type(self).__name__} has no extra state; define set_extra_state()")

    def _has_extra_state(self) -> bool:
        return type(self).get_extra_state is not Stateful.get_extra_state

    def register_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(module, prefix, keep_vars)` before `state_dict` collects."""
        return RemovableHandle(self._state_hooks["pre"], hook)

    def register_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, {})` after it; the hook may change the dict.

        >>> from lucid import nn
        >>> layer = nn.Linear(2, 2)
        >>> handle = layer.register_state_dict_post_hook(lambda m, state, *_: state.pop("bias"))
        >>> list(layer.state_dict())
        ['weight']
        """
        return RemovableHandle(self._state_hooks["post"], hook)

    def register_load_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call a hook before a state dict is loaded; it may change it.

        It is called as `hook(module, state_dict, prefix, {}, strict, missing_keys,
        unexpected_keys, error_msgs)`, with a copy of the dict and with lists to append to.
        """
        return RemovableHandle(self._state_hooks["load_pre"], hook)

    def register_load_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(module, keys)` after loading, before names that differ are an error.

        `keys` has the lists `missing_keys` and `unexpected_keys`, which the hook may change.

        >>> from lucid import nn
        >>> layer = nn.Linear(2, 2)
        >>> forgive = lambda module, keys: keys.missing_keys.clear()
        >>> handle = layer.register_load_state_dict_post_hook(forgive)
        >>> layer.load_state_dict({}).missing_keys
        []
        """
        return RemovableHandle(self._state_hooks["load_post"], hook)

    def to(
        self,
        *args: Any,
        dtype: Any = None,
        device: Any = None,
        non_blocking: bool = False,
        memory_format: Any = None,
    ) -> Any:
        """Move to a device, a floating dtype, or both: in place, the Parameters stay the same.

        `to(dtype)`, `to(device)`, `to(device, dtype)`, `to(tensor)`; `non_blocking` and
        `memory_format` say nothing here.

        >>> import lucid
        >>> lucid.nn.Linear(2, 2).to(lucid.float16).weight.dtype
        mlx.core.float16
        """
        state.convert(self, args, dtype, device)
        return self

    def to_empty(self, *, device: Any, recurse: bool = True) -> Any:
        """Move to a device, values and all: nothing here is without values."""
        return self.to(device=device)

    def type(self, dst_type: Any) -> Any:
        """Floating parameters and buffers in another floating dtype."""
        return self.to(dtype=dst_type)

    def half(self) -> Any:
        """Floating parameters and buffers in float16."""
        return self.to(dtype="float16")

    def bfloat16(self) -> Any:
        """Floating parameters and buffers in bfloat16.

        >>> from lucid import nn
        >>> nn.Linear(2, 2).bfloat16().weight.dtype
        mlx.core.bfloat16
        """
        return self.to(dtype="bfloat16")

    def double(self) -> Any:
        """Floating parameters and buffers in float64 (CPU only)."""
        return self.to(dtype="float64")

    def float(self) -> Any:
        """Floating parameters and buffers in float32."""
        return self.to(dtype="float32")

    def cpu(self) -> Any:
        """On the CPU."""
        return self.to(device="cpu")

    def cuda(self, device: Any = None) -> Any:
        """Refused: there is no CUDA here; the message says what to write.

        Raises:
            ValueError: always.
        """
        return self.to(device="cuda")
