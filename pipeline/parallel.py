"""A function over many items at once, in order and in little memory: in processes, or in waiting threads."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import chain, islice
from multiprocessing.connection import wait
from typing import TypeVar

from pipeline.errors import WorkerError

A = TypeVar("A")
B = TypeVar("B")

ITEMS_A_BATCH = 32
BATCHES_AHEAD = 2  # of each process, or thread
MOST_PROCESSES = 16  # more would wait for this one, which hands out and takes in


def map_in_order(function: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
    """function(item) for each item; items are drawn no further ahead than keeps all processes at work.

    The function, items and values go from process to process: they must pickle. Where there is one core, or
    one batch of items, all is done here.

    Raises:
        What the function raises; WorkerError: a process was killed from outside.
    """
    remaining = iter(items)
    first = list(islice(remaining, ITEMS_A_BATCH))
    n_processes = min(len(os.sched_getaffinity(0)), MOST_PROCESSES)
    if n_processes == 1 or len(first) < ITEMS_A_BATCH:
        yield from map(function, chain(first, remaining))
        return
    # Spawned, not forked: an engine's threads may hold locks here.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(n_processes, mp_context=context, initializer=_follow_parent)
    under_way: deque[Future[list[B]]] = deque()
    try:
        for batch in chain([first], iter(lambda: list(islice(remaining, ITEMS_A_BATCH)), [])):
            under_way.append(pool.submit(_each, function, batch))
            if len(under_way) == BATCHES_AHEAD * n_processes:
                yield from under_way.popleft().result()
        while under_way:
            yield from under_way.popleft().result()
    except BrokenProcessPool as error:
        raise WorkerError(
            "A process that worked for this stage was killed from outside",
            got=str(error),
            wanted=f"memory for a process a core, at most {MOST_PROCESSES}",
            next_step="look for the kernel's out-of-memory killer in dmesg, then dvc repro: no work is lost",
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def in_threads(function: Callable[[A], B], items: Iterable[A], n_threads: int) -> Iterator[tuple[A, B]]:
    """(item, function(item)) for each item, for a function that waits for other processes most of the time.

    Items are drawn here, as many ahead as keep all threads at work.

    Raises:
        What the function raises.
    """
    remaining = iter(items)
    under_way: deque[tuple[A, Future[B]]] = deque()
    pool = ThreadPoolExecutor(n_threads)
    try:
        while True:
            for item in islice(remaining, BATCHES_AHEAD * n_threads - len(under_way)):
                under_way.append((item, pool.submit(function, item)))
            if not under_way:
                return
            item, future = under_way.popleft()
            yield item, future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _each(function: Callable[[A], B], batch: list[A]) -> list[B]:
    return list(map(function, batch))


def _follow_parent() -> None:
    """In a process of the pool: Ctrl-C is the parent's to hear, and no process outlives it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
