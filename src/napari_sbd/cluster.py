"""Tasks on this machine's processors, or on a dask.distributed cluster."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from .errors import Cancelled, SBDError, stop_if_asked, stopping

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess
    from multiprocessing.synchronize import Event

_logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")

_CONNECT_SECONDS = 15
_LEAST_UNDER_WAY = 8  # on a cluster, whose workers may come and go
_LOOK = 0.1  # s between looks at whether to stop
_GRACES = 1.0, 0.5  # s for processes to end by themselves; after a signal that lets them tidy up

# in a process of ours: whether what is under way is to be given up, and whether something is
_ending: Event | None = None
_at_work = False


def run(
    task: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int = 1,
    scheduler: str | None = None,
    preload: Sequence[str] = (),
) -> Generator[tuple[Item, Result], None, None]:
    """Apply a task to items and yield each with its result, in the order of completion.

    Only as many as keep the workers busy are under way or wait to be taken. Who closes the
    generator, or interrupts it, ends the processes of this machine within two seconds: what they
    were doing is given up, as with ``errors.stopping`` where that is asked, and at the latest with
    a signal at which drafts of files go away.

    Parameters
    ----------
    task
        A function of a module, so that other processes can import it.
    items
        What it is applied to; they travel to the workers, the results travel back.
    workers
        Processes on this machine; 1 stays in this one.
    scheduler
        Address of a dask.distributed scheduler, such as ``tcp://host:8786``; its workers are used
        instead, and what a dying worker leaves undone is done by another.
    preload
        Modules that the task needs and that take long to import; the workers of this machine then
        share one import where the system can do so.

    Raises
    ------
    SBDError
        If workers or scheduler cannot be reached or are lost.
    Cancelled
        If who called ``stopping`` wants an end while processes of this machine work.
    """
    _logger.debug("tasks go to %s", scheduler or f"{workers} processes")
    if scheduler is not None:
        yield from _on_cluster(task, items, scheduler)
    elif workers > 1:
        yield from _on_processes(task, items, workers, preload)
    else:
        yield from ((item, task(item)) for item in items)


def _on_processes(
    task: Callable[[Item], Result], items: Iterable[Item], workers: int, preload: Sequence[str]
) -> Generator[tuple[Item, Result], None, None]:
    from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_all_start_methods, get_context

    # Never a fork of this process: it may hold locks of threads that the fork would not have.
    served = "forkserver" in get_all_start_methods()
    context = get_context("forkserver" if served else "spawn")
    if served:
        context.set_forkserver_preload(list(preload))
    ending = context.Event()
    pool = ProcessPoolExecutor(workers, context, _begin, (ending,))
    waiting, work = iter(items), partial(_work, task)
    try:
        if served:
            _await_server()
        with _without_interrupts():
            pending = {pool.submit(work, i): i for i in islice(waiting, 2 * workers)}
        while pending:
            stop_if_asked()
            for future in wait(pending, _LOOK, FIRST_COMPLETED).done:
                item = pending.pop(future)
                pending |= {pool.submit(work, i): i for i in islice(waiting, 1)}
                yield item, future.result()
    except BrokenProcessPool as error:
        stop_if_asked()  # a signal that was sent to all processes of a run ends them as well
        raise SBDError(
            "A worker process ended, perhaps for lack of memory; run the same command again with "
            "fewer workers: what is finished is kept. In a Python script the call must stand under "
            "if __name__ == '__main__':"
        ) from error
    finally:
        ending.set()
        processes = list(pool._processes.values())
        pool.shutdown(wait=False, cancel_futures=True)
        _end(processes)


def _await_server() -> None:
    """Let the server that forks processes import what they share; hear Ctrl-C meanwhile."""
    from multiprocessing import forkserver, get_context

    with _without_interrupts():
        forkserver.ensure_running()
    first = get_context("forkserver").Process(target=_nothing, daemon=True)
    starting = threading.Thread(target=first.start, daemon=True)
    starting.start()
    while starting.is_alive():
        stop_if_asked()
        starting.join(_LOOK)


def _nothing() -> None:
    """What the first process does."""


def _begin(ending: Event) -> None:
    """In a process of ours, before its first task: Ctrl-C is for the parent."""
    global _ending
    _ending = ending
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _give_up)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    follow_parent(ending)


def follow_parent(ending: Event | None = None) -> None:
    """Let this process end within two seconds of the one that began it, however that ended.

    A process that was killed tells nobody; those that it began would wait for tasks for ever.
    """
    from multiprocessing import parent_process

    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent, ending), daemon=True).start()


def _follow(parent: BaseProcess, ending: Event | None) -> None:
    parent.join()
    if ending is not None:
        ending.set()
        time.sleep(_GRACES[0])
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_GRACES[1])
    os._exit(1)


def _give_up(number: int, frame: Any) -> None:
    """End, and as at Ctrl-C if a task may hold something open that is to be tidied up."""
    if _at_work:
        raise KeyboardInterrupt
    os._exit(1)


def _work(task: Callable[[Item], Result], item: Item) -> Result:
    """A task in a process of ours, given up soon after the parent wants an end."""
    global _at_work
    ending = _ending
    with stopping(None if ending is None else ending.is_set):
        stop_if_asked()
        _at_work = True
        try:
            return task(item)
        except KeyboardInterrupt:
            raise Cancelled("Stopped before the result was complete.") from None
        finally:
            _at_work = False


def _end(processes: Sequence[BaseProcess]) -> None:
    """Wait for processes that were told to end; then press harder, for work that never asks."""
    for grace, press in zip(_GRACES, ("terminate", "kill"), strict=True):
        last = time.monotonic() + grace
        for process in processes:
            process.join(max(0.0, last - time.monotonic()))
        for process in processes:
            if process.is_alive():
                getattr(process, press)()


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Processes that are begun meanwhile hear no Ctrl-C or SIGTERM, not even while they import."""
    if not hasattr(signal, "pthread_sigmask"):  # of Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _on_cluster(
    task: Callable[[Item], Result], items: Iterable[Item], address: str
) -> Generator[tuple[Item, Result], None, None]:
    client = _client(address)
    waiting = iter(items)
    pending: dict[Any, Item] = {}

    def submit(count: int) -> list[Any]:
        new = {client.submit(task, i, pure=False): i for i in islice(waiting, count)}
        pending.update(new)
        return list(new)

    from distributed import as_completed

    try:
        with _in_words(address):
            completed = as_completed(submit(_LEAST_UNDER_WAY), loop=client.loop)
            for future in completed:
                room = _room(client) - len(pending) + 1
                for new in submit(room):
                    completed.add(new)
                yield pending.pop(future), future.result()
    finally:
        client.close()


class Crew:
    """A dask.distributed cluster that is handed tasks one by one, as they come.

    Parameters
    ----------
    address
        Of its scheduler.

    Raises
    ------
    SBDError
        If no scheduler answers; from all methods, if it is lost.
    """

    def __init__(self, address: str) -> None:
        self._address, self._client = address, _client(address)
        self._pending: dict[Any, Any] = {}

    def __len__(self) -> int:
        """How many tasks are under way."""
        return len(self._pending)

    def has_room(self) -> bool:
        """Whether another task would find a worker soon."""
        with _in_words(self._address):
            return len(self) < _room(self._client)

    def give(self, ticket: Any, task: Callable[..., Any], *arguments: Any) -> None:
        """Have a function of a module computed; the ticket comes back with its result."""
        with _in_words(self._address):
            self._pending[self._client.submit(task, *arguments, pure=False)] = ticket

    def finished(self) -> list[tuple[Any, Any]]:
        """Tickets and results that have come since the last call."""
        done = [future for future in self._pending if future.done()]
        with _in_words(self._address):
            return [(self._pending.pop(future), future.result()) for future in done]

    def close(self) -> None:
        """Leave the cluster; what is under way there is given up."""
        self._client.close()


def _client(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError as error:
        raise SBDError(
            "A scheduler needs dask.distributed: pip install 'napari-sbd[cluster]'."
        ) from error
    client = Client.__new__(Client)
    try:
        Client.__init__(client, address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        # else half a minute is spent on leaving what was never reached, and a traceback is shown
        client.status = "closed"
        raise SBDError(f"No dask scheduler answers at {address}.") from error
    return client


def _room(client: Any) -> int:
    """How many tasks keep the workers busy."""
    return int(max(_LEAST_UNDER_WAY, 2 * sum(client.ncores().values())))


@contextmanager
def _in_words(address: str) -> Iterator[None]:
    """What goes wrong with a cluster, in sentences."""
    from concurrent.futures import CancelledError

    from distributed import KilledWorker
    from distributed.client import FutureCancelledError
    from distributed.comm import CommClosedError

    try:
        yield
    except KilledWorker as error:
        raise SBDError(
            "Several workers of the cluster ended at the same task, perhaps for lack of memory; "
            "run the same command again: what is finished is kept."
        ) from error
    except (CancelledError, FutureCancelledError, CommClosedError, OSError) as error:
        raise SBDError(
            f"The scheduler at {address} is gone; run the same command again: what is finished is "
            "kept."
        ) from error
    except ImportError as error:
        raise SBDError(
            f"The cluster's workers need the same napari-sbd as this machine: {error}."
        ) from error
