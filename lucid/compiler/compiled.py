"""A function compiled by `lucid.compile`: finding the graph for a call, or making one."""

from __future__ import annotations

import functools
import threading
import warnings
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import mlx.core as mx

from lucid import ops
from lucid.autograd import anomaly, laziness, replay
from lucid.autograd.debugging import is_debugging
from lucid.autograd.mode import recording
from lucid.compiler.graph import Graph, ready
from lucid.compiler.guard import Guard
from lucid.compiler.outcome import Unsteady
from lucid.compiler.refusal import explained, looked_at_values
from lucid.compiler.restore import restorer
from lucid.compiler.tracer import Tracer
from lucid.compiler.tree import flatten, form_of, others, rebuild
from lucid.compiler.watch import Watcher, watching
from lucid.kernels import elementwise
from lucid.ops.autocast import active
from lucid.ops.device import default_device
from lucid.ops.dtypes import get_default_dtype
from lucid.tensor import Tensor

GRAPHS = 32  # kept for a function; the one that was used longest ago goes
PATIENCE = 8  # traces until a warning
LIMIT = 64  # traces until new kinds of calls are no longer compiled

_calling = threading.RLock()


def is_compiling() -> bool:
    """True while a compiled function is traced.

    >>> import lucid
    >>> lucid.compiler.is_compiling()
    False
    """
    return isinstance(replay.watcher(), Tracer)


class Compiled:
    """Calls a function by its graphs.

    Args:
        function: what is compiled.
        buckets: lengths to which the last axis of the tensors among the arguments is padded.
    """

    def __init__(self, function: Callable, buckets: Sequence[int] = ()) -> None:
        self.function, self.buckets = function, sorted(buckets)
        self.name = getattr(function, "__qualname__", type(function).__name__)
        self.graphs: OrderedDict[Any, list[Graph]] = OrderedDict()
        self.traces = 0
        self._last: tuple[Any, Guard] | None = None

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if replay.watcher() is not None or laziness.is_tracing() or anomaly.on:
            return self.function(*args, **kwargs)  # part of a larger graph; or values are checked
        if self.buckets:
            args, kwargs = rebuild((args, kwargs), self._padded)
        leaves: list[Tensor] = []
        form: list[Any] = []
        flatten(args, leaves, form)
        if kwargs:
            flatten(kwargs, leaves, form)
        key = (*form, *map(_kind, leaves), *_circumstances())
        with _calling:
            own = False  # an argument is also state of the function: too rare for a graph
            for graph in self.graphs.get(key, ()):
                own = own or not graph.ids.isdisjoint(map(id, leaves))
                if not own and graph.fits(leaves):
                    try:
                        result = graph(leaves)
                    except replay.Changed:
                        continue
                    self.graphs.move_to_end(key)
                    return result
            traces = not own and self.traces < LIMIT and is_available()
            if traces and self.traces == PATIENCE:
                self._warn(key)
            return self._in_earnest(key, args, kwargs, leaves, traces)

    # The first call of its kind ---------------------------------------------------------------

    def _in_earnest(
        self, key: Any, args: Any, kwargs: Any, leaves: Sequence[Tensor], traces: bool
    ) -> Any:
        """Run the function as it is, and trace it for the calls to come."""
        given = [_stand_in(x) for x in leaves]
        call = rebuild((args, kwargs), _unique(iter(given)))
        args, kwargs = rebuild((args, kwargs), _unique(iter(leaves)))
        rehearsal, objects = Watcher(), list(others((args, kwargs)))
        try:
            result = self._rehearsed(rehearsal, objects, args, kwargs)
            if traces:
                around = [*objects, *rehearsal.seen.values()]
                guard = Guard(self.function, around, rehearsal.used, rehearsal.looks)
                with rehearsal.grads_of_before():  # calls to come find them so
                    self._keep(key, self._graph(call, given, guard), guard)
        except BaseException:
            rehearsal.take_back()
            raise
        rehearsal.let_go()
        return result

    def _rehearsed(self, rehearsal: Watcher, objects: Sequence[Any], args: Any, kwargs: Any) -> Any:
        """The result of the function, run in earnest; what it leaves behind is evaluated."""
        form = form_of((args, kwargs))
        around = Guard(self.function, objects)
        rehearsal.undo += [restorer(owner) for owner in around.owners]
        rehearsal.used = {kind: {} for kind in around.classes}
        with watching(rehearsal):
            result = self.function(*args, **kwargs)
        if isinstance(result, Iterator | Awaitable):
            raise TypeError(
                f"{self.name} returns a {type(result).__name__}, which runs after the call; "
                "return a list"
            )
        if form_of((args, kwargs)) != form:
            raise Unsteady(
                f"{self.name} changes a list, a dict or a dataclass among its arguments, "
                "which its compiled form would not do; return what is new"
            )
        ready(mx.eval, [t.array for t in rehearsal.held()])  # a trace takes no pending work
        return result

    def _graph(self, call: Any, leaves: Sequence[Tensor], guard: Guard) -> Graph:
        try:
            return Graph(self.function, call, leaves, guard)
        except Exception as error:
            if not looked_at_values(error):
                raise
            refusal = explained(self.name, error)
        raise refusal

    def _keep(self, key: Any, graph: Graph, guard: Guard) -> None:
        self.traces += 1
        self._last = key, guard
        self.graphs.setdefault(key, []).insert(0, graph)
        self.graphs.move_to_end(key)
        while sum(map(len, self.graphs.values())) > GRAPHS:
            oldest = next(iter(self.graphs))
            self.graphs[oldest].pop()
            if not self.graphs[oldest]:
                del self.graphs[oldest]

    def _warn(self, key: Any) -> None:
        """Say what makes so many graphs."""
        assert self._last is not None
        before, guard = self._last
        found = _differences(before, key) if key != before else guard.changes()
        warnings.warn(
            f"{self.name} was traced {self.traces} times, and now again: "
            f"{'; '.join(found[:3]) or 'other tensors'}. Each trace takes as long as several "
            "calls. Hand over numbers that change as Tensors, bring data to a few shapes "
            "(buckets=... fills the last dimension up), and change modules seldom. After "
            f"{LIMIT} traces calls of new kinds are no longer compiled",
            RuntimeWarning,
            stacklevel=4,
        )

    def _padded(self, x: Any) -> Any:
        x = x if isinstance(x, Tensor) else Tensor(x)
        length = x.shape[-1] if x.ndim else 0
        wanted = next((b for b in self.buckets if b >= length), length)
        return ops.pad(x, (0, wanted - length)) if x.ndim and wanted > length else x


def _kind(x: Tensor) -> tuple[Any, ...]:
    """What a graph depends on besides the values of an argument."""
    array = x.array
    return array.shape, array.dtype, x.requires_grad, x.grad is None, x._device


def _circumstances() -> tuple[Any, ...]:
    """What operations look at besides their arguments. MLX keeps a graph for each thread."""
    caster: Any = active.get()
    return (
        recording.get(),
        caster and (*caster.dtypes.items(), caster.cached),
        get_default_dtype(),
        default_device(),
        is_debugging(),
        threading.get_ident(),
    )


def _differences(before: Sequence[Any], now: Sequence[Any]) -> list[str]:
    """How the keys of two calls differ, in words."""
    if len(before) != len(now):
        return ["other arguments"]
    found = []
    for old, new in zip(before, now, strict=True):
        if old == new:
            continue
        if isinstance(new, tuple) and len(new) == 5 and isinstance(new[0], tuple):
            facts = [(a, b) for a, b in zip(old, new, strict=True) if a != b]
            what = "a Tensor of shape" if old[0] != new[0] else "of a Tensor,"
            found.append(f"{what} {facts[0][0]} became {facts[0][1]}")
        elif isinstance(new, tuple) and len(new) == 2:
            found.append(f"the argument {old[-1]!r:.40} became {new[-1]!r:.40}")
        else:
            found.append(f"{old!r:.40} became {new!r:.40}")
    return found


def _unique(leaves: Any) -> Callable[[Any], Any]:
    """Hands out leaves in order, the same one for a tensor that comes again."""
    known: dict[int, Any] = {}

    def leaf(x: Any) -> Any:
        if not isinstance(x, Tensor):
            return next(leaves)
        if id(x) not in known:
            known[id(x)] = next(leaves)
        return known[id(x)]

    return leaf


def _stand_in(x: Tensor) -> Tensor:
    """A tensor like an argument, in its place, which nobody else has."""
    copied: Any = object.__new__(type(x))
    copied.array, copied._device = x.array, x._device
    copied._node, copied._index, copied.requires_grad = x._node, x._index, x.requires_grad
    vars(copied).update(vars(x))
    return copied


@functools.cache
def is_available() -> bool:
    """Whether MLX compiles on this machine; if not, says so once."""
    if elementwise.compiles():
        return True
    warnings.warn(
        "lucid.compile has no effect: MLX does not compile here. On Linux it needs the C++ "
        "compiler g++ on the PATH (apt install g++), and MLX_DISABLE_COMPILE must not be set",
        RuntimeWarning,
        stacklevel=5,
    )
    return False
