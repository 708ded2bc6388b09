"""Reading, computing and writing at the same time, with few frames in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

Item = TypeVar("Item")
Read = TypeVar("Read")
Result = TypeVar("Result")


def overlapped(
    items: Iterable[Item],
    read: Callable[[Item], Read],
    compute: Callable[[Item, Read], Result],
    write: Callable[[Item, Result], None],
    workers: int = 1,
    prepare: Callable[[], None] = lambda: None,
) -> Iterator[Item]:
    """Pass items through three steps, each in threads of its own.

    At most ``2 workers + 3`` items are between the first step and the last.

    Parameters
    ----------
    items
        Taken as there is room for them.
    read, write
        First and last step, one item at a time and in order.
    compute
        The step between them, ``workers`` items at a time.
    workers
        Threads that compute.
    prepare
        Called once in each of these threads.

    Yields
    ------
    Each item in order, once it is written.

    Raises
    ------
    What a step raises, when the items before it are written.
    """
    reader, writer = ThreadPoolExecutor(1), ThreadPoolExecutor(1)
    computers = ThreadPoolExecutor(workers, initializer=prepare)
    ahead: deque[tuple[Item, Future[Result]]] = deque()
    behind: deque[tuple[Item, Future[None]]] = deque()

    def hand_over() -> None:
        item, result = ahead.popleft()
        behind.append((item, writer.submit(write, item, result.result())))

    def written() -> Item:
        item, done = behind.popleft()
        done.result()
        return item

    try:
        for item in items:
            # in the caller's context, so that its listener hears what they warn of
            raw = reader.submit(copy_context().run, read, item)
            done = computers.submit(copy_context().run, _then, compute, item, raw)
            ahead.append((item, done))
            if len(ahead) > 2 * workers:
                hand_over()
            if len(behind) > 1:
                yield written()
        while ahead or behind:
            if ahead:
                hand_over()
            if not ahead or len(behind) > 1:
                yield written()
    finally:
        for pool in (reader, computers, writer):
            pool.shutdown(cancel_futures=pool is not writer)


def _then(compute: Callable[[Item, Read], Result], item: Item, read: Future[Read]) -> Result:
    return compute(item, read.result())
