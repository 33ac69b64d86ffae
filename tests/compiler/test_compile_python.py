"""What a compiled function sees of Python besides tensors: all of it as it is now, or an error."""

import copy
import functools
import io
import itertools
import random
import types
from collections import OrderedDict, deque
from types import SimpleNamespace

import numpy as np
import pytest

import lucid
from lucid.compiler import DataDependentError, Unsteady
from lucid.compiler.trace import Trace


@pytest.fixture
def traces(monkeypatch):
    """One entry for each graph that is made."""
    made, run = [], Trace.run
    monkeypatch.setattr(Trace, "run", lambda self: made.append(self) or run(self))
    return made


class Scale:
    factor = 1.0

    def __init__(self):
        self.shift, self.history = 0.0, []

    def __call__(self, x):
        return x * self.factor + self.shift

    def log(self, x):
        self.history.append(x.detach())
        return x * 2


def test_values_around_a_function_may_change():
    options, scale, names = {"factor": 1.0}, Scale(), {"a"}

    def function(x, options=options):
        return x * options["factor"]

    for compiled in (function, functools.partial(lambda o, x: x * o["factor"], options)):
        fast = lucid.compile(compiled)
        for factor in (2.0, 3.0, 2.0):
            options["factor"] = factor
            assert fast(lucid.ones(1)).item() == factor
    fast = lucid.compile(scale)
    for number in (1.0, 2.0, 1.0):
        scale.shift = number
        assert fast(lucid.ones(1)).item() == 1.0 + number
    try:
        Scale.factor = 5.0
        assert fast(lucid.ones(1)).item() == 6.0
    finally:
        Scale.factor = 1.0
    counted = lucid.compile(lambda x, names: x * len(names))
    for name in "bcd":
        names.add(name)
        assert counted(lucid.ones(1), names).item() == len(names)


@pytest.mark.parametrize("keep", [[], deque(), list(range(300))], ids=["list", "deque", "long"])
def test_a_container_that_grows_is_refused(keep):
    step = lucid.compile(lambda x: keep.append(1) or x * 2)
    with pytest.raises(Unsteady, match="changes Python values"):
        step(lucid.ones(2))


def test_a_history_of_tensors_in_an_attribute_is_refused():
    step = lucid.compile(Scale().log)
    with pytest.raises(Unsteady, match="history changed"):
        step(lucid.ones(2))


def test_an_argument_that_is_changed_is_refused():
    step = lucid.compile(lambda batch: batch.update(y=batch["x"] * 2) or batch["y"])
    with pytest.raises(Unsteady, match="among its arguments"):
        step({"x": lucid.ones(2)})
    step = lucid.compile(lambda xs: xs.append(xs[0]) or xs[0] * 2)
    with pytest.raises(Unsteady, match="among its arguments"):
        step([lucid.ones(2)])


def test_what_a_hook_keeps_is_refused_though_backward_is_outside():
    kept, layer = {}, lucid.nn.Linear(2, 2)
    layer.register_forward_hook(lambda m, a, y: kept.update(y=y.detach()))
    with pytest.raises(Unsteady, match=r"kept\.y changed"):
        lucid.compile(lambda x: layer(x) * 2)(lucid.ones(1, 2))


@pytest.mark.parametrize("draw", [random.random, np.random.rand])
def test_random_numbers_of_others_are_refused(draw):
    with pytest.raises(Unsteady, match="random numbers"):
        lucid.compile(lambda x: x * draw())(lucid.ones(2))


@pytest.mark.parametrize(
    "dice", [random.Random(0), np.random.default_rng(0), np.random.RandomState(0)]
)
def test_random_numbers_of_an_own_source_are_refused(dice):
    uniform = "random" if hasattr(dice, "random") else "rand"
    with pytest.raises(Unsteady, match=r"changes Python values.*dice changed"):
        lucid.compile(lambda x: x * getattr(dice, uniform)())(lucid.ones(2))


def test_the_seed_is_not_to_be_read_inside():
    with pytest.raises(RuntimeError, match=r"initial_seed.*read it outside"):
        lucid.compile(lambda x: x * lucid.initial_seed())(lucid.ones(2))


def test_the_random_stream_is_moved_in_each_call():
    generator = lucid.Generator()

    def function(x):
        state = lucid.get_rng_state()
        first = lucid.rand(2)
        lucid.set_rng_state(state)
        with lucid.random.fork_rng():
            lucid.manual_seed(3)
            second = lucid.rand(2)
        third = lucid.rand(2, generator=generator.manual_seed(5))
        return lucid.stack([x, first, lucid.rand(2), second, third])

    results = []
    for each in (function, lucid.compile(function)):
        lucid.manual_seed(0)
        found = [each(lucid.ones(2)).tolist() for _ in range(4)]
        results.append((found, lucid.get_rng_state().tolist(), lucid.initial_seed()))
    assert results[0] == results[1]


def test_dicts_of_other_kinds_are_results_and_arguments():
    step = lucid.compile(lambda d: OrderedDict(y=d["x"] * 2, x=d["x"]))
    for number in (1.0, 2.0, 3.0):
        found = step(OrderedDict(x=lucid.tensor(number)))
        assert type(found) is OrderedDict
        assert (found["y"].item(), found["x"].item()) == (2 * number, number)


def test_nan_is_one_number(traces):
    step = lucid.compile(lambda x, a: x * a)
    for _ in range(4):
        assert np.isnan(step(lucid.ones(1), float("nan")).item())
    assert len(traces) == 1


def test_objects_that_python_does_not_let_change():
    out = io.StringIO()
    step = lucid.compile(lambda x: out.closed or x * 2)
    assert [step(lucid.ones(1)).item() for _ in range(2)] == [2.0, 2.0]


def test_gradients_thrown_away_outside_need_one_trace(traces):
    layer = lucid.nn.Linear(2, 2)
    optimizer = lucid.optim.SGD(layer.parameters(), lr=0.1)
    step = lucid.compile(lambda x: layer(x).sum().backward())
    for _ in range(4):
        step(lucid.ones(1, 2))
        optimizer.step()
        optimizer.zero_grad()
    assert len(traces) == 1


def test_generators_are_refused():
    step = lucid.compile(lambda x: (x * i for i in range(3)))
    with pytest.raises(TypeError, match="returns a generator"):
        step(lucid.ones(1))


def test_an_error_names_the_users_line_and_not_pythons():
    step = lucid.compile(lambda x: sorted([x.sum(), copy.copy(x).sum()]))
    with pytest.raises(DataDependentError, match=r"test_compile_python\.py"):
        step(lucid.ones(2))


class Settings:
    inner = 1.0

    class Deeper:
        scale = 1.0


def of_settings(x):
    return x * Settings.Deeper.scale


def helped(x):
    return of_settings(x) + Settings.inner


def nested(**entries):
    """An object inside objects, dicts and lists."""
    return SimpleNamespace(a=[{"b": (SimpleNamespace(**entries),)}])


def inside(it):
    return it.a[0]["b"][0]


def test_values_deep_inside_may_change(monkeypatch):
    module = types.ModuleType("settings_of_a_user")
    module.it = nested(scale=1.0)
    monkeypatch.setitem(globals(), "module", module)
    config, table, slotted = nested(scale=1.0), np.ones(1, np.float32), Slotted(1.0)

    def function(x):
        scale = inside(config).scale * inside(module.it).scale * slotted.scale
        return helped(x) * scale * lucid.from_numpy(table.copy())

    def doubled(owner, name):
        monkeypatch.setattr(owner, name, 2 * getattr(owner, name))

    fast = lucid.compile(function)
    changes = (
        lambda: None,
        lambda: doubled(inside(config), "scale"),
        lambda: doubled(inside(module.it), "scale"),
        lambda: doubled(slotted, "scale"),
        lambda: doubled(Settings, "inner"),
        lambda: doubled(Settings.Deeper, "scale"),
        lambda: table.__setitem__(0, 3),
        lambda: monkeypatch.setitem(globals(), "of_settings", lambda x: x * 5),
    )
    for change in changes:
        change()
        for _ in range(2):
            assert fast(lucid.ones(1)).item() == function(lucid.ones(1)).item()


class Slotted:
    __slots__ = ("scale",)

    def __init__(self, scale):
        self.scale = scale


def test_numbers_are_told_from_equal_ones():
    scale = 1
    fast = lucid.compile(lambda x: x * scale)
    found = []
    for scale in (1, 1.0, True, 0.0, -0.0):  # noqa: B007
        y = fast(lucid.ones(1, dtype=lucid.int32))
        found.append((y.dtype, str(y.item())))
    ints, floats = lucid.int32, lucid.float32
    assert found == [(ints, "1"), (floats, "1.0"), (ints, "1"), (floats, "0.0"), (floats, "-0.0")]


def test_what_a_function_does_not_use_may_change(traces):
    class Trainer:
        def __init__(self):
            self.scale, self.count, self.losses = 2.0, 0, []

        def step(self, x):
            return x * self.scale

    trainer = Trainer()
    fast = lucid.compile(trainer.step)
    for scale in (2.0, 2.0, 3.0, 3.0):
        trainer.scale = scale
        trainer.losses.append(fast(lucid.ones(1)).item())
        trainer.count += 1
    assert trainer.losses == [2.0, 2.0, 3.0, 3.0]
    assert len(traces) == 2


def test_what_a_function_only_writes_is_looked_at(traces):
    note = SimpleNamespace(last=0)

    class Note:
        last = 0

    note = Note()

    def function(x):
        note.last = 5
        return x

    fast = lucid.compile(function)
    for _ in range(3):
        fast(lucid.ones(1))
    assert len(traces) == 1
    note.last = 1
    fast(lucid.ones(1))
    assert note.last == 5


def test_an_iterator_that_moves_is_refused():
    def generated():
        yield from map(float, range(9))

    for batches in (iter([1.0, 2.0, 3.0, 4.0]), generated(), itertools.count()):
        step = lucid.compile(lambda x, batches=batches: x * next(batches))
        with pytest.raises(Unsteady, match="changes Python values"):
            step(lucid.ones(1))


def test_long_lists_and_large_arrays_are_said_not_to_be_watched():
    long, large = [0.0] * 20_000, np.zeros(1 << 19)
    with pytest.warns(RuntimeWarning, match=r"long is a list of 20000 entries"):
        lucid.compile(lambda x: x + long[0])(lucid.ones(1))
    with pytest.warns(RuntimeWarning, match=r"large is an array of 4 MB"):
        lucid.compile(lambda x: x + large[0].item())(lucid.ones(1))


class Closed(type):
    def __setattr__(cls, name, value):
        raise TypeError("this class is closed")


class Strange(metaclass=Closed):
    """Its attributes cannot be watched, and what it says they are is not a dict."""

    @property
    def __dict__(self):
        return types.MappingProxyType({"factor": 2.0})


def test_objects_that_cannot_be_watched_are_left_alone():
    strange = Strange()
    step = lucid.compile(lambda x: (x * 2, strange)[0])
    for _ in range(2):
        assert step(lucid.ones(2)).tolist() == [2.0, 2.0]
