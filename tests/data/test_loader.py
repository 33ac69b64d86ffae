"""The loader: order, workers, resuming, failing, stopping."""

import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest

import lucid
from lucid.data import ConcatDataset, DataLoader, Dataset, Subset, TensorDataset


class Drawn(Dataset):
    """Items that depend on the rng, and take longer the smaller their index."""

    def __init__(self, length=23):
        self.length = length

    def __len__(self):
        return self.length

    def draw(self, index, rng):
        time.sleep(0.0005 * (self.length - index) / self.length)
        return rng.standard_normal(3).astype(np.float32), index


def values(loader):
    return [(audio.numpy(), index.tolist()) for audio, index in loader]


def same(a, b):
    assert [index for _, index in a] == [index for _, index in b]
    for (x, _), (y, _) in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)


def threads():
    return [t for t in threading.enumerate() if t.name.startswith("lucid-data")]


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_workers_change_nothing(workers):
    here = DataLoader(Drawn(), 4, shuffle=True, seed=3)
    there = DataLoader(Drawn(), 4, shuffle=True, seed=3, num_workers=workers)
    for _ in range(2):
        same(values(here), values(there))
    assert not threads()


def test_every_item_once_and_another_order_each_epoch():
    loader = DataLoader(Drawn(), 4, shuffle=True, seed=0)
    first, second = values(loader), values(loader)
    orders = [np.concatenate([index for _, index in epoch]) for epoch in (first, second)]
    drawn = [np.concatenate([audio for audio, _ in epoch]) for epoch in (first, second)]
    for order in orders:
        np.testing.assert_array_equal(np.sort(order), np.arange(23))
    assert (orders[0] != orders[1]).any()
    once, again = (x[np.argsort(order)] for x, order in zip(drawn, orders, strict=True))
    assert (once != again).all()  # every item has a fresh generator in every epoch


def test_the_default_seed_follows_manual_seed():
    epochs = []
    for _ in range(2):
        lucid.manual_seed(5)
        epochs.append(values(DataLoader(Drawn(), 4, shuffle=True)))
    same(*epochs)
    assert DataLoader(Drawn()).seed != DataLoader(Drawn()).seed


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("stop", [0, 1, 3, 6])
def test_resume_goes_on_with_the_next_batch(workers, stop):
    """6 batches an epoch: stop inside the second epoch, before it and at its end."""
    loader = DataLoader(Drawn(), 4, shuffle=True, num_workers=workers, seed=1)
    values(loader)
    state, rest = loader.state_dict(), []
    for number, batch in enumerate(loader):
        if number >= stop:
            rest.append((batch[0].numpy(), batch[1].tolist()))
        if number == stop - 1:
            state = loader.state_dict()
    following = values(loader)
    resumed = DataLoader(Drawn(), 4, shuffle=True, num_workers=2 - workers, seed=99)
    resumed.load_state_dict(state)
    same(values(resumed), rest)
    same(values(resumed), following)
    assert resumed.state_dict() == {"seed": 1, "epoch": 3, "batches": 0}


def test_break_starts_a_new_epoch_and_set_epoch_goes_back():
    loader = DataLoader(Drawn(), 4, shuffle=True, seed=1)
    for _ in loader:
        break
    second = values(loader)
    loader.set_epoch(1)
    same(values(loader), second)
    with pytest.raises(ValueError, match=r"state lacks \['batches', 'epoch'\], has \['seed'\]"):
        loader.load_state_dict({"seed": 1})


def test_two_iterators_at_once_are_two_epochs():
    loader = DataLoader(range(50), 50, shuffle=True, seed=0)
    (a, b), = zip(loader, loader, strict=True)  # fmt: skip
    assert a.tolist() != b.tolist()


@pytest.mark.parametrize("workers", [0, 2])
def test_sizes(workers):
    def sizes(n, **options):
        loader = DataLoader(range(n), 4, num_workers=workers, **options)
        found = [len(batch) for batch in loader]
        assert len(found) == len(loader)
        return found

    assert sizes(9) == [4, 4, 1]
    assert sizes(9, drop_last=True) == [4, 4]
    assert sizes(8, drop_last=True) == [4, 4]
    assert sizes(3) == [3]
    assert sizes(3, drop_last=True) == []
    assert sizes(0) == []
    assert sizes(0, shuffle=True) == []


class Backwards:
    def __init__(self):
        self.epochs = []

    def set_epoch(self, epoch):
        self.epochs.append(epoch)

    def __len__(self):
        return 3

    def __iter__(self):
        return iter([2, 1, 0])


def test_samplers():
    sampler = Backwards()
    loader = DataLoader("abc", 2, sampler=sampler)
    assert list(loader) == [["c", "b"], ["a"]]
    assert list(loader) == [["c", "b"], ["a"]]
    assert len(loader) == 2
    assert sampler.epochs == [0, 1]
    loader = DataLoader("abc", batch_sampler=[[0, 2], [1]])
    assert list(loader) == [["a", "c"], ["b"]]
    assert len(loader) == 2


class Broken(Dataset):
    def __len__(self):
        return 40

    def __getitem__(self, index):
        if index == 13:
            raise KeyError("no such recording")
        return index


@pytest.mark.parametrize("workers", [0, 3])
def test_an_error_names_the_item_and_keeps_the_traceback(workers):
    loader = DataLoader(Broken(), 4, num_workers=workers)
    batches = iter(loader)
    for number in range(3):  # all before it are handed over
        assert next(batches).tolist() == [4 * number + i for i in range(4)]
    with pytest.raises(RuntimeError, match="item 13 of Broken raised KeyError: 'no such") as caught:
        next(batches)
    cause = caught.value.__cause__
    assert isinstance(cause, KeyError)
    frames = []
    trace = cause.__traceback__
    while trace:
        frames.append(trace.tb_frame.f_code.co_name)
        trace = trace.tb_next
    assert frames[-1] == "__getitem__"
    assert not threads()


@pytest.mark.parametrize("workers", [0, 2])
def test_a_collate_error_names_the_items(workers):
    loader = DataLoader([np.zeros(3), np.zeros(4)], 2, num_workers=workers)
    with pytest.raises(RuntimeError, match=r"collating the items \[0, 1\].*\(3,\), \(4,\)"):
        list(loader)


def test_workers_begin_once_and_say_what_failed():
    seen = []
    list(DataLoader(Drawn(), 4, num_workers=2, worker_init_fn=seen.append))
    assert seen in ([0], [0, 1], [1, 0])  # quick work may start one only

    def fails(number):
        raise KeyError("no disk")

    message = r"worker_init_fn\(0\) raised KeyError: 'no disk'"
    with pytest.raises(RuntimeError, match=message) as raised:
        list(DataLoader(Drawn(), 4, num_workers=1, worker_init_fn=fails))
    assert isinstance(raised.value.__cause__, KeyError)


def test_break_leaves_no_thread():
    loader = DataLoader(Drawn(200), 2, num_workers=3)
    for _ in loader:
        break
    assert not threads()
    iterator = iter(loader)
    next(iterator)
    assert threads()
    del iterator
    assert not threads()


def test_work_ahead_is_bounded():
    read = []

    class Counted(Dataset):
        def __len__(self):
            return 100

        def __getitem__(self, index):
            read.append(index)
            return index

    iterator = iter(DataLoader(Counted(), 1, num_workers=2, prefetch_factor=3))
    next(iterator)
    time.sleep(0.05)
    assert len(read) == 6
    iterator.close()


def test_batches_cross_threads_evaluated():
    class Lazy(Dataset):
        def __len__(self):
            return 6

        def __getitem__(self, index):
            return lucid.ones(4) * index + 1  # pending work of the worker's own thread

    total = sum(float((batch * 2).sum().item()) for batch in DataLoader(Lazy(), 2, num_workers=2))
    assert total == 2 * 4 * (0 + 1 + 2 + 3 + 4 + 5 + 6)
    pending = TensorDataset(lucid.arange(6) * 2)  # pending in this thread, read in the workers
    batches = [batch[0].tolist() for batch in DataLoader(pending, 3, num_workers=2)]
    assert batches == [[0, 2, 4], [6, 8, 10]]


def run(code):
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(code)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


HEAD = """
import time, os, signal, threading
import lucid
from lucid.data import DataLoader, Dataset
class Slow(Dataset):
    def __len__(self): return 1000
    def __getitem__(self, index):
        time.sleep(0.02)
        return lucid.ones(1000) * index
"""


def test_ctrl_c_ends_the_process_cleanly():
    done = run(
        HEAD
        + """
threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
try:
    for batch in DataLoader(Slow(), 4, num_workers=2):
        pass
except KeyboardInterrupt:
    print([t.name for t in threading.enumerate() if t.name.startswith("lucid-data")])
"""
    )
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


def test_exit_with_an_unfinished_iterator_is_clean():
    done = run(HEAD + "iterator = iter(DataLoader(Slow(), 4, num_workers=2))\nnext(iterator)\n")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"dataset": 3}, TypeError, "or an IterableDataset, got int"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1, got 0"),
        ({"batch_size": 2.0}, TypeError, "batch_size must be an int, got 2.0"),
        ({"num_workers": -1}, ValueError, "num_workers must be at least 0, got -1"),
        ({"prefetch_factor": 0}, ValueError, "prefetch_factor must be at least 1, got 0"),
        ({"seed": -1}, ValueError, "seed must be at least 0, got -1"),
        ({"shuffle": True, "sampler": [0]}, ValueError, "shuffle and sampler exclude each other"),
        ({"batch_sampler": [[0]], "batch_size": 2}, ValueError, "batch_sampler excludes batch_siz"),
        ({"batch_sampler": [[0]], "sampler": []}, ValueError, "batch_sampler excludes batch_size"),
    ],
)
def test_refuses(arguments, error, message):
    with pytest.raises(error, match=message):
        DataLoader(**{"dataset": [1, 2], **arguments})


def test_items_that_are_not_computed_yet_reach_the_workers():
    dataset = [(lucid.ones(4) * n, n) for n in range(600)]  # more than one round of `laziness`
    batches = list(DataLoader(dataset, 100, num_workers=3))
    assert [batch[0][5, 0].item() for batch in batches] == [5, 105, 205, 305, 405, 505]


class FromTheStream(Dataset):
    def __len__(self):
        return 12

    def __getitem__(self, index):
        return lucid.randn(2)


def test_the_stream_of_an_item_does_not_depend_on_the_workers():
    epochs = []
    for workers in (0, 1, 3):
        loader = DataLoader(FromTheStream(), 4, num_workers=workers, seed=3)
        lucid.manual_seed(7)
        epochs.append([[batch.tolist() for batch in loader] for _ in range(2)])
        after = lucid.randn(3)
        lucid.manual_seed(7)
        assert after.tolist() == lucid.randn(3).tolist()  # the loop's own stream goes on
    assert epochs[0] == epochs[1] == epochs[2]
    rows = [tuple(row) for epoch in epochs[0] for batch in epoch for row in batch]
    assert len(set(rows)) == 24


def test_the_numbers_of_an_item_come_from_its_seed_sequence():
    sequences = [np.random.SeedSequence(3, spawn_key=(1, index)) for index in range(12)]
    expected = [np.random.default_rng(s).standard_normal(3).astype(np.float32) for s in sequences]
    loader = DataLoader(Drawn(12), 12, seed=3)
    loader.set_epoch(1)
    np.testing.assert_array_equal(values(loader)[0][0], expected)
    loader = DataLoader(FromTheStream(), 12, seed=3)
    loader.set_epoch(1)
    (batch,) = loader
    for row, sequence in zip(batch, sequences, strict=True):
        lucid.manual_seed(int(sequence.generate_state(1, np.uint64)[0]))
        assert row.tolist() == lucid.randn(2).tolist()


def test_a_generator_is_made_only_where_items_are_drawn(monkeypatch):
    def made(*_):
        raise AssertionError("a generator")

    monkeypatch.setattr("lucid.data.loader.item_rng", made)
    plain = ConcatDataset([Subset(Broken(), [3, 4]), [7.0]])
    assert [batch.tolist() for batch in DataLoader(plain, 1)] == [[3], [4], [7.0]]
    for drawn in (Drawn(2), Subset(Drawn(2), [0]), ConcatDataset([[1], Drawn(2)])):
        with pytest.raises(RuntimeError, match="AssertionError: a generator"):
            list(DataLoader(drawn, 2))


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_outside_any_graph(workers):
    weight = lucid.ones(3, requires_grad=True)

    class Scaled(FromTheStream):
        def __getitem__(self, index):
            return weight * index

    batches = list(DataLoader(Scaled(), 6, num_workers=workers))
    assert [batch.requires_grad for batch in batches] == [False, False]
    assert lucid.is_grad_enabled()


@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        ({"seed": 1, "epoch": -1, "batches": 0}, ValueError, "epoch must be at least 0, got -1"),
        ({"seed": 1, "epoch": 0, "batches": -2}, ValueError, "batches must be at least 0, got -2"),
        ({"seed": "x", "epoch": 0, "batches": 0}, TypeError, "seed must be an int, got 'x'"),
        (None, TypeError, "a state is a dict, got NoneType"),
    ],
)
def test_a_bad_state_changes_nothing(state, error, message):
    loader = DataLoader(range(4), seed=5)
    with pytest.raises(error, match=message):
        loader.load_state_dict(state)
    assert loader.state_dict() == {"seed": 5, "epoch": 0, "batches": 0}
