"""Turns: one at a time while they are short, side by side while they are long."""

import threading
import time

from lucid.data import DataLoader, Dataset
from lucid.data.turns import Turns


def in_threads(count, function):
    threads = [threading.Thread(target=function) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_one_at_a_time():
    turns, inside, most = Turns(patience=60), [], []

    def work():
        for _ in range(20):
            with turns.next():
                inside.append(1)
                time.sleep(0.0005)
                most.append(len(inside))
                inside.pop()

    in_threads(4, work)
    assert most == [1] * 80


def test_a_long_turn_is_not_waited_for():
    turns, others = Turns(patience=0.01), threading.Barrier(3, timeout=30)

    def work():
        for _ in range(3):
            with turns.next():
                others.wait()  # for all three to be inside

    in_threads(3, work)
    assert not others.broken


def test_an_error_ends_a_turn():
    turns = Turns(patience=60)
    for _ in range(2):
        try:
            with turns.next():
                raise KeyError
        except KeyError:
            pass


class Meeting(Dataset):
    """Items that wait for one another."""

    def __init__(self):
        self.others = threading.Barrier(2, timeout=30)

    def __len__(self):
        return 8

    def __getitem__(self, index):
        self.others.wait()
        return index


def test_workers_whose_items_wait_work_side_by_side():
    batches = list(DataLoader(Meeting(), 1, num_workers=2))
    assert [batch.item() for batch in batches] == list(range(8))
