"""`DataLoader`: batches of a dataset, prepared ahead by threads; their number changes nothing."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np

from lucid.autograd import laziness
from lucid.autograd.mode import no_grad
from lucid.data.collate import default_collate, evaluate
from lucid.data.dataset import IterableDataset, draw, draws, fresh_seed, item_rng, item_seed
from lucid.data.sampler import batched
from lucid.data.turns import Turns
from lucid.ops.keys import Generator, branch


class DataLoader:
    """Iterates over `dataset` in batches.

    Args:
        dataset: `len(dataset)` and `dataset[index]`; see `Dataset` for random items. Or an
            `IterableDataset`, whose items are read one after the other by the calling thread.
        batch_size: items in a batch; the last one of an epoch is smaller unless `drop_last`.
        shuffle: a new order every epoch.
        sampler: an iterable of indices instead of 0 to len - 1.
        batch_sampler: an iterable of lists of indices, instead of all the above. A `set_epoch`
            method of either sampler is called with the number of each epoch.
        num_workers: threads that read items and assemble batches; 0 does it in the calling thread.
        collate_fn: makes a batch of a list of items; `default_collate` unless given.
        drop_last: leave out a last batch that is not full.
        prefetch_factor: batches that each worker prepares ahead.
        worker_init_fn: called with its number in each worker that starts.
        generator: what the seed is drawn from, instead of `lucid.manual_seed`'s stream.
        seed: of the order and of the items' generators, instead of one that is drawn.
        pin_memory, timeout, persistent_workers: taken for torch's sake, without effect: memory is
            shared with the GPU, and threads start in no time.

    Workers are threads: NumPy, file reading and decoding run beside the training step, no process
    is forked, and nothing needs to be picklable. What they hand over is evaluated, and outside any
    graph. The order, and every random number that an item draws (from its `rng` or with
    `lucid.randn` and the like), depend on the seed, the epoch and the index, not on the workers.

    Each `for` over the loader is one epoch. `state_dict()` says where it stands, between epochs or
    inside one; a loader that loaded it goes on with the very next batch.

    An item that fails raises RuntimeError with its index, the error itself being its `__cause__`.

    Raises ValueError or TypeError for arguments that make no sense.

    >>> loader = DataLoader(range(10), batch_size=4, shuffle=True, num_workers=2, seed=0)
    >>> len(loader), [len(batch) for batch in loader]
    (3, [4, 4, 2])
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 1,
        shuffle: bool = False,
        sampler: Iterable[int] | None = None,
        batch_sampler: Iterable[list[int]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        *,
        generator: Generator | None = None,
        prefetch_factor: int | None = 2,
        persistent_workers: bool = False,
        seed: int | None = None,
    ) -> None:
        self._streams = isinstance(dataset, IterableDataset)
        indexed = hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")
        if not indexed and not self._streams:
            raise TypeError(
                "DataLoader: expects a dataset with __len__ and __getitem__, or an "
                f"IterableDataset, got {type(dataset).__name__}"
            )
        if self._streams and (shuffle or sampler is not None or batch_sampler is not None):
            raise ValueError(
                "DataLoader: the items of an IterableDataset come in its own order; leave out "
                "shuffle, sampler and batch_sampler"
            )
        prefetch_factor = 2 if prefetch_factor is None else prefetch_factor
        _check_int("batch_size", batch_size, 1)
        _check_int("num_workers", num_workers, 0)
        _check_int("prefetch_factor", prefetch_factor, 1)
        if seed is not None:
            _check_int("seed", seed, 0)
        if shuffle and sampler is not None:
            raise ValueError("DataLoader: shuffle and sampler exclude each other; give one")
        ordered = batch_size != 1 or shuffle or sampler is not None or drop_last
        if batch_sampler is not None and ordered:
            raise ValueError(
                "DataLoader: batch_sampler excludes batch_size, shuffle, sampler and drop_last"
            )
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.num_workers = num_workers
        self.collate_fn = default_collate if collate_fn is None else collate_fn
        self.drop_last = drop_last
        self.prefetch_factor = prefetch_factor
        self.worker_init_fn = worker_init_fn
        self.seed = fresh_seed(generator) if seed is None else int(seed)
        self.set_epoch(0)

    def __len__(self) -> int:
        """Batches in an epoch."""
        if self.batch_sampler is not None:
            return len(self.batch_sampler)  # type: ignore[arg-type]
        if self._streams and not hasattr(self.dataset, "__len__"):
            raise TypeError(
                f"DataLoader: {type(self.dataset).__name__} has no length; iterate over the loader"
            )
        items = len(self.dataset if self.sampler is None else self.sampler)  # type: ignore[arg-type]
        return items // self.batch_size if self.drop_last else -(-items // self.batch_size)

    def set_epoch(self, epoch: int) -> None:
        """Make `epoch` the next one to be iterated, from its start."""
        _check_int("epoch", epoch, 0)
        self._next = self._reached = (epoch, 0)

    def state_dict(self) -> dict[str, int]:
        """The seed, the epoch, and how many of its batches were handed out: plain ints."""
        epoch, batches = self._reached
        return {"seed": self.seed, "epoch": epoch, "batches": batches}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on where `state_dict` was called. Raises ValueError where a key is missing."""
        if not isinstance(state, dict):
            raise TypeError(f"DataLoader: a state is a dict, got {type(state).__name__}")
        missing = {"seed", "epoch", "batches"} - state.keys()
        if missing:
            raise ValueError(f"DataLoader: the state lacks {sorted(missing)}, has {sorted(state)}")
        for name in ("seed", "epoch", "batches"):
            _check_int(name, state[name], 0)
        self.seed = int(state["seed"])
        self._next = self._reached = (int(state["epoch"]), int(state["batches"]))

    def __iter__(self) -> Iterator[Any]:
        epoch, done = self._next
        self._next, self._reached = (epoch + 1, 0), (epoch, done)
        numbered = itertools.islice(enumerate(self._batches(epoch), 1), done, None)
        return self._serve(epoch, numbered)

    def _serve(self, epoch: int, numbered: Iterator[tuple[int, list[int]]]) -> Iterator[Any]:
        fetch = self._fetch_ahead if self.num_workers else self._fetch_here
        for number, batch in fetch(epoch, numbered):
            self._reached = (epoch, number)
            yield batch
        self._reached = (epoch + 1, 0)

    def _batches(self, epoch: int) -> Iterator[list[Any]]:
        """The indices of each batch; of an IterableDataset, its items."""
        for sampler in (self.sampler, self.batch_sampler):
            announce = getattr(sampler, "set_epoch", None)
            if announce is not None:
                announce(epoch)
        if self.batch_sampler is not None:
            yield from self.batch_sampler
            return
        if self._streams:
            items = map(evaluate, self.dataset)  # here: a worker cannot compute what another began
            yield from batched(items, self.batch_size, self.drop_last)
            return
        order: Iterable[int] = range(len(self.dataset)) if self.sampler is None else self.sampler
        if self.shuffle:
            sequence = np.random.SeedSequence(self.seed, spawn_key=(epoch,))
            order = np.random.default_rng(sequence).permutation(len(self.dataset)).tolist()
        yield from batched(order, self.batch_size, self.drop_last)

    def _fetch_here(
        self, epoch: int, numbered: Iterator[tuple[int, list[int]]]
    ) -> Iterator[tuple[int, Any]]:
        for number, indices in numbered:
            yield number, self._batch(epoch, indices, threading.Event())

    def _fetch_ahead(
        self, epoch: int, numbered: Iterator[tuple[int, list[int]]]
    ) -> Iterator[tuple[int, Any]]:
        """Keep `num_workers * prefetch_factor` batches in the making, hand them over in order."""
        laziness.flush()  # the dataset may hold Tensors that are not computed yet
        stop = threading.Event()
        begin, turns = self._beginning(), Turns()

        def make(indices: list[int]) -> Any:
            begin()
            with turns.next():
                return self._batch(epoch, indices, stop)

        pool = ThreadPoolExecutor(self.num_workers, thread_name_prefix="lucid-data")
        pending: deque[tuple[int, Future[Any]]] = deque()
        try:
            while True:
                room = self.num_workers * self.prefetch_factor - len(pending)
                for number, indices in itertools.islice(numbered, room):
                    pending.append((number, pool.submit(make, indices)))
                if not pending:
                    return
                number, future = pending.popleft()
                yield number, future.result()
        finally:  # also on break, an error or Ctrl-C: leave no thread behind
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)

    def _beginning(self) -> Callable[[], None]:
        """What calls `worker_init_fn` once in each thread; the pool would not name its error."""
        worker, numbers = threading.local(), itertools.count()

        def begin() -> None:
            if self.worker_init_fn is None or hasattr(worker, "number"):
                return
            number = worker.number = next(numbers)
            try:
                self.worker_init_fn(number)
            except Exception as error:
                raise RuntimeError(
                    f"DataLoader: worker_init_fn({number}) raised {type(error).__name__}: {error}"
                ) from error

        return begin

    def _batch(self, epoch: int, indices: list[Any], stop: threading.Event) -> Any:
        """Read and collate the items at `indices`; give up between two items once `stop` is set."""
        with no_grad():
            return self._read(epoch, indices, stop)

    def _read(self, epoch: int, indices: list[Any], stop: threading.Event) -> Any:
        items = indices if self._streams else []
        random = draws(self.dataset)
        for index in () if self._streams else indices:
            if stop.is_set():
                return None  # nobody waits for it
            try:
                with branch(partial(_stream_start, self.seed, epoch, index)):
                    if random:
                        item = draw(self.dataset, index, item_rng(self.seed, epoch, index))
                    else:
                        item = self.dataset[index]
                    items.append(item)
            except Exception as error:
                raise RuntimeError(
                    f"DataLoader: item {index} of {type(self.dataset).__name__} raised "
                    f"{type(error).__name__}: {error}"
                ) from error
        try:
            return evaluate(self.collate_fn(items))
        except Exception as error:
            raise RuntimeError(
                f"DataLoader: collating {self._named(indices)} raised "
                f"{type(error).__name__}: {error}"
            ) from error

    def _named(self, indices: list[Any]) -> str:
        if self._streams:
            return f"{len(indices)} items"
        shown = ", ".join(str(index) for index in indices[:8])
        return f"the items [{shown}{', ...' if len(indices) > 8 else ''}]"


def _stream_start(seed: int, epoch: int, index: int) -> int:
    """Where Lucid's own stream begins for an item. Few items draw from it, so few ask."""
    return int(item_seed(seed, epoch, index).generate_state(1, np.uint64)[0])


def _check_int(name: str, value: Any, low: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"DataLoader: {name} must be an int, got {value!r}")
    if value < low:
        raise ValueError(f"DataLoader: {name} must be at least {low}, got {value}")
