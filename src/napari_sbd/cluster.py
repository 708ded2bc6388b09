"""Tasks on this machine's processors, or on a dask.distributed cluster."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Generator, Iterable, Sequence
from itertools import islice
from typing import Any, TypeVar

from .errors import SBDError

_logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")

_CONNECT_SECONDS = 15
_LEAST_UNDER_WAY = 8  # on a cluster, whose workers may come and go


def run(
    task: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int = 1,
    scheduler: str | None = None,
    preload: Sequence[str] = (),
) -> Generator[tuple[Item, Result], None, None]:
    """Apply a task to items and yield each with its result, in the order of completion.

    Only as many as keep the workers busy are under way or wait to be taken.

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
    pool = ProcessPoolExecutor(workers, context, _leave_interrupts_to_parent)
    waiting = iter(items)
    try:
        pending = {pool.submit(task, i): i for i in islice(waiting, 2 * workers)}
        while pending:
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                item = pending.pop(future)
                pending |= {pool.submit(task, i): i for i in islice(waiting, 1)}
                yield item, future.result()
    except BrokenProcessPool as error:
        raise SBDError(
            "A worker process ended, perhaps for lack of memory; run the same command again with "
            "fewer workers: what is finished is kept. In a Python script the call must stand under "
            "if __name__ == '__main__':"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _leave_interrupts_to_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _on_cluster(
    task: Callable[[Item], Result], items: Iterable[Item], address: str
) -> Generator[tuple[Item, Result], None, None]:
    from concurrent.futures import CancelledError

    try:
        from distributed import Client, KilledWorker, as_completed
        from distributed.client import FutureCancelledError
        from distributed.comm import CommClosedError
    except ImportError as error:
        raise SBDError(
            "A scheduler needs dask.distributed: pip install 'napari-sbd[cluster]'."
        ) from error
    try:
        client: Any = Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise SBDError(f"No dask scheduler answers at {address}.") from error
    waiting = iter(items)
    pending: dict[Any, Item] = {}

    def submit(count: int) -> list[Any]:
        new = {client.submit(task, i, pure=False): i for i in islice(waiting, count)}
        pending.update(new)
        return list(new)

    try:
        completed = as_completed(submit(_LEAST_UNDER_WAY), loop=client.loop)
        for future in completed:
            room = max(_LEAST_UNDER_WAY, 2 * sum(client.ncores().values())) - len(pending) + 1
            for new in submit(room):
                completed.add(new)
            yield pending.pop(future), future.result()
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
    finally:
        client.close()
