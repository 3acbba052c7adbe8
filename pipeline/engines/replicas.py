"""An engine made of replicas: processes that each hold the model and pull from one queue.

No lock step: a replica gets a request as soon as it has room. What a replica that died was holding goes to
the others; what one is slow at is given to an idle one as well once nothing else is left, and the first
outcome counts. So a dead, hung or slow replica loses nothing and holds nobody up.
"""

import contextlib
import itertools
import multiprocessing
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait

from pipeline.engines.replica import Backend, Done, Ready, Refused, Ticket, Word, serve
from pipeline.engines.types import Answer, Failure, Request
from pipeline.errors import EngineError

Build = Callable[[], Backend]

DEATHS_BEFORE_A_REQUEST_IS_BLAMED = 3
SECONDS_BETWEEN_LOOKS_FOR_SLOW_REPLICAS = 1.0
SECONDS_TO_CLOSE = 15.0


@dataclass
class _Replica:
    process: multiprocessing.process.BaseProcess
    pipe: Connection
    ready: bool = False
    held: dict[int, int] = field(default_factory=dict)  # ticket number -> completions to be made

    @property
    def load(self) -> int:
        return sum(self.held.values())

    def end(self) -> None:
        """Kill what is left of it: vLLM's own processes outlive a replica that was killed."""
        if self.process.pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()  # it may not have its group yet
        self.process.join()


@dataclass
class _Outstanding:
    request: Request
    asked_s: float = 0.0
    holders: int = 0
    deaths: int = 0


class Replicas:
    """An Engine over one process for each of `builds`; the processes start with the first request.

    builds: what loads the model inside each replica; must pickle.
    window: a replica is given requests while it holds fewer completions than this to be made.
    """

    def __init__(self, model: str, context_length: int, builds: Sequence[Build], window: int) -> None:
        self.model, self.context_length = model, context_length
        self._builds, self._window = builds, window
        self._replicas: list[_Replica] = []
        self._numbers = itertools.count()
        self._outstanding: dict[int, _Outstanding] = {}
        self._longest_s = 0.0

    def ask(self, requests: Iterable[Request]) -> Iterator[Answer | Failure]:
        """Each request's outcome as it finishes; a request that three replicas died of is a Failure.

        Raises:
            EngineError: no replica could load the model, or all have died.
        """
        queue: deque[int] = deque()
        source = iter(requests)
        self._outstanding = {}
        while True:
            self._deal(queue, source)
            if not self._outstanding:
                return
            yield from self._hear(queue)

    def close(self) -> None:
        """End the replicas."""
        for replica in self._replicas:
            replica.pipe.close()
        for replica in self._replicas:
            wait([replica.process.sentinel], timeout=SECONDS_TO_CLOSE)
            replica.end()
        self._replicas = []

    def pids(self) -> list[int]:
        """Process ids of the replicas that live."""
        return [replica.process.pid for replica in self._replicas if replica.process.pid is not None]

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        for build in self._builds:
            ours, theirs = context.Pipe()
            process = context.Process(target=serve, args=(theirs, build))
            process.start()
            theirs.close()  # or a dead replica's pipe would never read end-of-file
            self._replicas.append(_Replica(process, ours))

    def _deal(self, queue: deque[int], source: Iterator[Request]) -> None:
        """Fill every window: first with what others lost, then new requests, then copies of slow ones."""
        while True:
            free = [r for r in self._replicas if r.ready and r.load < self._window]
            number = self._next_number(queue, source) if free or not self._replicas else None
            if number is None:
                break
            if not self._replicas:
                self._start()
                queue.append(number)
                return
            self._send(min(free, key=lambda replica: replica.load), number)
        for replica in free:
            while replica.load < self._window and (slow := self._slow(replica)) is not None:
                self._send(replica, slow)

    def _next_number(self, queue: deque[int], source: Iterator[Request]) -> int | None:
        if queue:
            return queue.popleft()
        request = next(source, None)
        if request is None:
            return None
        number = next(self._numbers)
        self._outstanding[number] = _Outstanding(request)
        return number

    def _send(self, replica: _Replica, number: int) -> None:
        entry = self._outstanding[number]
        entry.asked_s = entry.asked_s or time.monotonic()
        entry.holders += 1
        replica.held[number] = entry.request.n
        # A broken pipe is a dead replica: `_hear` reads its end-of-file and gives back what it held.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            replica.pipe.send(Ticket(number, entry.request))

    def _slow(self, replica: _Replica) -> int | None:
        """The oldest ticket another replica alone has held for longer than twice the longest wait so far."""
        overdue = time.monotonic() - 2 * self._longest_s
        for number, entry in self._outstanding.items():
            if entry.holders == 1 and entry.asked_s < overdue and number not in replica.held:
                return number if self._longest_s else None
        return None

    def _hear(self, queue: deque[int]) -> Iterator[Answer | Failure]:
        pipes = {replica.pipe: replica for replica in self._replicas}
        for pipe in wait(list(pipes), timeout=SECONDS_BETWEEN_LOOKS_FOR_SLOW_REPLICAS):
            replica = pipes[pipe]  # type: ignore[index]
            try:
                word: Word = replica.pipe.recv()
            except (EOFError, OSError):  # OSError: it died in the middle of a word
                yield from self._bury(replica, queue)
                continue
            if isinstance(word, Ready):
                replica.ready = True
            elif isinstance(word, Refused):
                self._drop(replica, word.error)
            else:
                yield from self._settle(replica, word)

    def _settle(self, replica: _Replica, word: Done) -> Iterator[Answer | Failure]:
        replica.held.pop(word.number, None)
        entry = self._outstanding.pop(word.number, None)
        if entry is not None:  # else a copy was faster, or the one who asked has gone
            self._longest_s = max(self._longest_s, time.monotonic() - entry.asked_s)
            yield word.outcome

    def _bury(self, replica: _Replica, queue: deque[int]) -> Iterator[Failure]:
        replica.end()
        lost = sorted(number for number in replica.held if number in self._outstanding)
        code = replica.process.exitcode
        died = EngineError(
            "A replica of the model died",
            where=f"process {replica.process.pid}, exit code {code}",
            got=f"{len(lost)} requests in its hands",
            next_step="read its last words above; finished work is kept, so run the stage again",
        )
        for number in lost:
            entry = self._outstanding[number]
            entry.holders -= 1
            entry.deaths += 1
            entry.asked_s = 0.0
            if entry.deaths == DEATHS_BEFORE_A_REQUEST_IS_BLAMED:
                yield Failure(self._outstanding.pop(number).request, "engine_died")
            elif entry.holders == 0:
                queue.append(number)
        self._drop(replica, died)

    def _drop(self, replica: _Replica, error: EngineError) -> None:
        """Go on without a replica.

        Raises:
            EngineError: it was the last one.
        """
        self._replicas.remove(replica)
        replica.pipe.close()
        replica.end()
        if not self._replicas:
            raise error
        print(f"pairsmith: going on with {len(self._replicas)} replicas: {error}", file=sys.stderr)
