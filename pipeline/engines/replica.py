"""The inside of a replica: a process of its own that holds one copy of the model and answers what it is sent.

It ends when its parent does, however the parent ends: the pipe between them then reads end-of-file.
"""

import contextlib
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import NamedTuple, Protocol

from pipeline.engines.types import Answer, Failure, Request
from pipeline.errors import EngineError

SECONDS_TO_LEAVE_IN_ORDER = 5.0
SECONDS_BETWEEN_SIGNS_OF_LIFE = 1.0


class Ticket(NamedTuple):
    """A request under the number its parent knows it by."""

    number: int
    request: Request


class Take(Protocol):
    """Where a backend gets its tickets."""

    def __call__(self, *, wait: bool) -> list[Ticket]:
        """Every ticket that has come in; with `wait`, at least one.

        Raises:
            EOFError: the parent is done or gone.
        """
        ...


class Backend(Protocol):
    """One loaded model."""

    def answers(self, take: Take) -> Iterator[tuple[int, Answer | Failure] | None]:
        """(number, outcome) of every ticket taken, as they finish, until `take` raises EOFError.

        In between, None whenever the model is seen to move: a replica without such signs is taken for hung.
        """
        ...

    def close(self) -> None:
        """Give back what the model holds."""
        ...


class Ready(NamedTuple):
    """First word of a replica whose model is loaded."""

    seconds: float


class Refused(NamedTuple):
    """First and last word of a replica whose model cannot be loaded."""

    error: EngineError


class Done(NamedTuple):
    """A ticket's outcome."""

    number: int
    outcome: Answer | Failure


class Alive(NamedTuple):
    """The model moves, though nothing is finished."""


Word = Ready | Refused | Done | Alive


def serve(pipe: Connection, build: Callable[[], Backend]) -> None:
    """Load the model, then answer tickets until the parent closes the pipe; a replica process's main."""
    # A group of its own: Ctrl-C is the parent's to handle, and what the model starts can be ended with it.
    os.setpgid(0, 0)
    # On GPUs vLLM forks its engine: a pipe held open by that would not read end-of-file when this one dies.
    os.register_at_fork(after_in_child=pipe.close)
    take = _inbox(pipe)
    started = time.monotonic()
    try:
        backend = build()
    except EngineError as error:
        pipe.send(Refused(error))
        return
    except Exception as error:
        pipe.send(Refused(_unexpected(error)))
        return
    with (
        contextlib.closing(backend),
        contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError),
    ):
        pipe.send(Ready(time.monotonic() - started))
        for word in _words(backend, take):
            pipe.send(word)


def _words(backend: Backend, take: Take) -> Iterator[Done | Alive]:
    last_sign_s = time.monotonic()
    for outcome in backend.answers(take):
        if outcome is not None:
            yield Done(*outcome)
        elif time.monotonic() > last_sign_s + SECONDS_BETWEEN_SIGNS_OF_LIFE:
            last_sign_s = time.monotonic()
            yield Alive()


def _inbox(pipe: Connection) -> Take:
    arrived: queue.SimpleQueue[Ticket | None] = queue.SimpleQueue()

    def receive() -> None:
        try:
            while True:
                arrived.put(pipe.recv())
        except (EOFError, OSError):
            arrived.put(None)
        time.sleep(SECONDS_TO_LEAVE_IN_ORDER)
        os.killpg(0, signal.SIGKILL)  # the model is busy with work that nobody waits for any more

    def take(*, wait: bool) -> list[Ticket]:
        tickets = [arrived.get()] if wait else []
        while not arrived.empty():
            tickets.append(arrived.get())
        if None in tickets:
            raise EOFError
        return [ticket for ticket in tickets if ticket is not None]

    threading.Thread(target=receive, daemon=True).start()
    return take


def _unexpected(error: Exception) -> EngineError:
    traceback.print_exc(file=sys.stderr)
    return EngineError("The model could not be loaded", got=f"{type(error).__name__}: {error}"[:2000])
