"""Engines and replicas without a model: what they answer is a function of the request alone."""

import os
import signal
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from pipeline.engines.types import Answer, Completion, Failure, Request, Sampling
from pipeline.errors import EngineError

SAMPLING = Sampling(temperature=0.8, top_p=0.95, max_tokens=16)


def request(number: int, n: int = 2, text: str = "") -> Request:
    return Request((), text or f"prompt {number}", n, SAMPLING, seed=1024 * number)


def answer(asked: Request) -> Answer:
    texts = [f"{asked.prefill} -> {asked.seed + index}" for index in range(asked.n)]
    return Answer(
        asked, tuple(Completion(text, len(text), "stop", None) for text in texts), len(asked.prefill)
    )


class EchoEngine:
    """An Engine that answers at once and remembers what it was asked."""

    def __init__(self, model: str = "echo@1") -> None:
        self.model, self.context_length = model, 1024
        self.asked: list[Request] = []

    def ask(self, requests: Iterable[Request]) -> Iterator[Answer | Failure]:
        for asked in requests:
            self.asked.append(asked)
            yield Failure(asked, "refused") if "refuse" in asked.prefill else answer(asked)

    def close(self) -> None:
        pass


@dataclass
class FakeBackend:
    """A replica that kills itself, hangs or dawdles as its prompts say.

    `hangs`: it does not answer. `seconds_each`: it takes so long. `moves`: meanwhile, it shows that it does.
    `child`: a file for the process id of a child it forks, as vLLM does on GPUs.
    `once`: a file; the first prompt to say `die once` makes it and dies.
    """

    child: Path | None = None
    once: Path | None = None
    hangs: bool = False
    seconds_each: float = 0.0
    moves: bool = False

    def answers(self, take):
        if self.child:
            self.child.write_text(str(forked_sleeper()))
        while True:
            for number, asked in take(wait=True):
                if self.hangs:
                    time.sleep(1000)
                ready_s = time.monotonic() + self.seconds_each
                while self.moves and time.monotonic() < ready_s:
                    time.sleep(0.05)
                    yield None
                time.sleep(max(0.0, ready_s - time.monotonic()))
                self._perhaps_die(asked.prefill)
                yield number, answer(asked)

    def close(self) -> None:
        pass

    def _perhaps_die(self, text: str) -> None:
        if "die answering" in text and self.once and not self.once.exists():
            self.once.touch()
            Connection._send = send_half_and_die
        if "die always" in text or ("die once" in text and self.once and not self.once.exists()):
            if self.once:
                self.once.touch()
            os.kill(os.getpid(), signal.SIGKILL)


def forked_sleeper() -> int:
    pid = os.fork()
    if pid == 0:
        time.sleep(1000)
        os._exit(0)
    return pid


def send_half_and_die(connection: Connection, message: bytes) -> None:
    os.write(connection.fileno(), message[: len(message) // 2])
    os.kill(os.getpid(), signal.SIGKILL)


def build_refusing() -> FakeBackend:
    raise EngineError("The model is not here", where="nowhere")


def build_raising() -> FakeBackend:
    raise ValueError("no such dtype")
