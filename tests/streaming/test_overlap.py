from __future__ import annotations

import threading
import time

import pytest

from napari_sbd.errors import listening, warn
from napari_sbd.streaming.overlap import overlapped


class Boom(Exception):
    pass


def same(item, value):
    return value


def test_items_come_through_in_order():
    written = []
    done = list(
        overlapped(
            range(50),
            lambda i: i,
            lambda i, value: value**2,
            lambda i, value: written.append((i, value)),
            workers=3,
        )
    )
    assert done == list(range(50))
    assert written == [(i, i**2) for i in range(50)]


@pytest.mark.parametrize("workers", [1, 4])
def test_few_items_are_held_at_once(workers):
    held, most, lock = 0, 0, threading.Lock()

    def read(i):
        nonlocal held, most
        with lock:
            held += 1
            most = max(most, held)
        return i

    def write(i, value):
        nonlocal held
        time.sleep(0.001)
        with lock:
            held -= 1

    list(overlapped(range(200), read, same, write, workers))
    assert held == 0
    assert most <= 2 * workers + 3


def test_the_three_steps_take_place_at_the_same_time():
    """An item is written and another computed only once later ones are on their way."""
    computed, read_later = threading.Event(), threading.Event()

    def read(i):
        if i == 3:
            read_later.set()

    def compute(i, value):
        if i == 1:
            computed.set()
        assert i != 0 or read_later.wait(20)

    def write(i, value):
        assert i != 0 or computed.wait(20)

    assert list(overlapped(range(6), read, compute, write, workers=2)) == list(range(6))


@pytest.mark.parametrize("step", ["read", "compute", "write"])
def test_a_failure_is_raised_when_what_was_before_is_written(step):
    written = []

    def failing(name):
        def run(i, *rest):
            if name == step and i == 7:
                raise Boom(step)
            if name == "write":
                written.append(i)

        return run

    with pytest.raises(Boom, match=step):
        list(overlapped(range(99), failing("read"), failing("compute"), failing("write"), 2))
    assert written[:7] == list(range(7))
    assert 7 not in written


def test_no_thread_is_left_when_the_caller_goes_away():
    before = threading.active_count()
    steps = overlapped(range(10**9), lambda i: i, same, same)
    assert next(steps) == 0
    steps.close()
    assert threading.active_count() == before


def test_who_listens_hears_what_the_threads_warn_of():
    with listening() as heard:
        list(overlapped(range(3), lambda i: i, lambda i, _: warn(f"item {i}"), lambda *_: None))
    assert heard == ["item 0", "item 1", "item 2"]
