"""An engine made of replicas: processes that each hold the model and pull from one queue.

No lock step: a replica gets a request as soon as it has room. What a replica that died was holding goes to
the others; what one is slow at is given to an idle one as well once nothing else is left, and the first
outcome counts. A replica that holds work and gives no sign of life for half an hour is killed. So a dead,
hung or slow replica loses nothing and holds nobody up.

When the last replica is gone, all are started again. A request that two replicas died of is tried once more
with nothing else in that replica's hands; if that dies too, the request is to blame, and to blame alone.
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

from pipeline.engines.replica import Alive, Backend, Done, Ready, Refused, Ticket, Word, serve
from pipeline.engines.types import Answer, Failure, Request
from pipeline.errors import EngineError

Build = Callable[[], Backend]

DEATHS_BEFORE_A_REQUEST_IS_TRIED_ALONE = 2
DEATHS_BEFORE_A_REQUEST_IS_BLAMED = 3
# Without an answer in between. One more than blames a request: the next one may well be answered.
DEATHS_BEFORE_THE_MODEL_IS_BLAMED = 5
SECONDS_OF_SILENCE_BEFORE_A_REPLICA_IS_KILLED = 1800.0
SECONDS_BETWEEN_LOOKS_FOR_SLOW_REPLICAS = 1.0
SECONDS_TO_CLOSE = 15.0


@dataclass
class _Replica:
    process: multiprocessing.process.BaseProcess
    pipe: Connection
    ready: bool = False
    held: dict[int, int] = field(default_factory=dict)  # ticket number -> completions to be made
    on_trial: bool = False  # with a request it was given alone, because others died of it
    silent_s: float = 0.0  # listened to while it held work, without a word

    @property
    def load(self) -> int:
        return sum(self.held.values())

    def wait_for_end(self, timeout_s: float) -> None:
        """Return when its process has ended, but no later; its sentinel would wait for what it forked too."""
        assert self.process.pid is not None
        with contextlib.suppress(ProcessLookupError):
            ended = os.pidfd_open(self.process.pid)
            try:
                wait([ended], timeout_s)
            finally:
                os.close(ended)

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
        self._lost: deque[int] = deque()  # what replicas died of once
        self._suspects: deque[int] = deque()  # what they died of twice
        self._longest_s = 0.0
        self._deaths_in_a_row = 0

    def ask(self, requests: Iterable[Request]) -> Iterator[Answer | Failure]:
        """Each request's outcome as it finishes; a request that three replicas died of is a Failure.

        Raises:
            EngineError: no replica could load the model, or all have died again and again.
        """
        source = iter(requests)
        self._outstanding, self._lost, self._suspects = {}, deque(), deque()
        self._deaths_in_a_row = 0
        while True:
            self._deal(source)
            if not self._outstanding:
                return
            yield from self._hear()

    def close(self) -> None:
        """End the replicas."""
        for replica in self._replicas:
            replica.pipe.close()
        for replica in self._replicas:
            replica.wait_for_end(SECONDS_TO_CLOSE)
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

    def _deal(self, source: Iterator[Request]) -> None:
        """Fill every window: with what others lost, then new requests, then copies of slow ones."""
        while free := [replica for replica in self._replicas if self._has_room(replica)]:
            replica = min(free, key=lambda replica: replica.load)
            number = self._next_number(source, idle=not replica.load)
            if number is None:
                break
            self._send(replica, number)
        for replica in free:
            while replica.load < self._window and (slow := self._slow(replica)) is not None:
                self._send(replica, slow)
        if not self._replicas and (number := self._next_number(source, idle=False)) is not None:
            self._lost.append(number)
            self._start()

    def _has_room(self, replica: _Replica) -> bool:
        return replica.ready and replica.load < self._window and not (replica.held and replica.on_trial)

    def _next_number(self, source: Iterator[Request], *, idle: bool) -> int | None:
        if idle and self._suspects:
            return self._suspects.popleft()
        if self._lost:
            return self._lost.popleft()
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
        replica.on_trial = entry.deaths >= DEATHS_BEFORE_A_REQUEST_IS_TRIED_ALONE
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

    def _hear(self) -> Iterator[Answer | Failure]:
        pipes = {replica.pipe: replica for replica in self._replicas}
        started = time.monotonic()
        spoke = wait(list(pipes), timeout=SECONDS_BETWEEN_LOOKS_FOR_SLOW_REPLICAS)
        # Only the time spent here counts: while the one who asks is busy, nobody listens.
        listened_s = time.monotonic() - started
        for replica in pipes.values():
            silent = replica.held and replica.pipe not in spoke
            replica.silent_s = replica.silent_s + listened_s if silent else 0.0
        for pipe in spoke:
            yield from self._heed(pipes[pipe])  # type: ignore[index]
        for replica in list(self._replicas):
            if replica.silent_s > SECONDS_OF_SILENCE_BEFORE_A_REPLICA_IS_KILLED:
                yield from self._bury(replica, f"killed, {replica.silent_s:.0f} s without a sign of life")

    def _heed(self, replica: _Replica) -> Iterator[Answer | Failure]:
        try:
            word: Word = replica.pipe.recv()
        except (EOFError, OSError):  # OSError: it died in the middle of a word
            yield from self._bury(replica, "it ended by itself")
            return
        match word:
            case Ready():
                replica.ready = True
            case Refused():
                self._drop(replica, word.error, may_start_again=False)
            case Done():
                yield from self._settle(replica, word)
            case Alive():
                pass

    def _settle(self, replica: _Replica, word: Done) -> Iterator[Answer | Failure]:
        self._deaths_in_a_row = 0
        replica.held.pop(word.number, None)
        entry = self._outstanding.pop(word.number, None)
        if entry is not None:  # else a copy was faster, or the one who asked has gone
            self._longest_s = max(self._longest_s, time.monotonic() - entry.asked_s)
            yield word.outcome

    def _bury(self, replica: _Replica, how: str) -> Iterator[Failure]:
        self._deaths_in_a_row += 1
        replica.end()
        lost = sorted(number for number in replica.held if number in self._outstanding)
        died = EngineError(
            "A replica of the model died",
            where=f"process {replica.process.pid}, exit code {replica.process.exitcode}: {how}",
            got=f"{len(lost)} requests in its hands",
            next_step="read its last words above; finished work is kept, so run the stage again",
        )
        for number in lost:
            entry = self._outstanding[number]
            entry.holders -= 1
            entry.deaths += 1
            entry.asked_s = 0.0
            if entry.deaths == DEATHS_BEFORE_A_REQUEST_IS_BLAMED:
                yield Failure(self._outstanding.pop(number).request, "engine_died", f"the last time: {how}")
            elif entry.holders == 0:
                suspect = entry.deaths >= DEATHS_BEFORE_A_REQUEST_IS_TRIED_ALONE
                (self._suspects if suspect else self._lost).append(number)
        self._drop(replica, died, may_start_again=True)

    def _drop(self, replica: _Replica, error: EngineError, *, may_start_again: bool) -> None:
        """Go on without a replica; all are started again when it was the last.

        Raises:
            EngineError: it was the last one, and the model is to blame.
        """
        self._replicas.remove(replica)
        replica.pipe.close()
        replica.end()
        if self._replicas:
            print(f"pairsmith: going on with {len(self._replicas)} replicas: {error}", file=sys.stderr)
        elif not may_start_again or self._deaths_in_a_row >= DEATHS_BEFORE_THE_MODEL_IS_BLAMED:
            raise error
        elif self._outstanding:
            print(f"pairsmith: starting the model again: {error}", file=sys.stderr)
            self._start()
