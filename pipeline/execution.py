"""Solutions x tests -> observations and verdicts: what every stage that executes code shares.

A trial is one task's solutions and all they are to be tried on. Every distinct call runs once per solution in
the sandbox; what it returned comes back as bytes, and is compared here with the expected value, which was
evaluated without any solution. `judged` streams trials through a sandbox:

    with Sandbox.open(params) as sandbox:
        for verdict_of_task in judged(trials, sandbox):
            sink.append(verdict_of_task.verdict_rows())

Ids are content hashes: whoever tries the same call on the same task again gets the same call_id.
"""

import ast
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Any

from pipeline.errors import TableError
from pipeline.identity import child_seed, content_id
from pipeline.inputs.mutate import probe_calls
from pipeline.sandbox.jobs import Call, Check, Job, Observation, Program, Result
from pipeline.sandbox.sandbox import Sandbox
from pipeline.sandbox.statuses import FAIL, OK, PASS, VERDICTS
from pipeline.schemas.tests import CODE, VALUE

# Trials whose expected values are evaluated together, before their solutions run.
TRIALS_PER_BATCH = 256

# No model writes a longer program, call or test; the sandbox takes a whole group of jobs at once, in 8 MiB.
MAX_TEXT_CHARS = 100_000
# Stands for a longer text: as the parser's refusal of it would be, its status is `syntax`.
TOO_LONG = "a text that is too long to be run"

# Where a call came from.
TEST = "test"
PROBE = "probe"

Row = dict[str, Any]


@dataclass(frozen=True)
class GivenTest:
    """A test as it is run: `call` against `expected`, or, where they are None, `code` as it stands."""

    test_id: str
    code: str
    call: str | None
    expected: str | None

    @classmethod
    def from_row(cls, row: Row) -> "GivenTest":
        """A row of the tests table.

        Raises:
            TableError: its kind is unknown, or a value test lacks its call or expected expression.
        """
        is_value = row["kind"] == VALUE
        if row["kind"] not in (VALUE, CODE) or (is_value and None in (row["call"], row["expected"])):
            raise TableError(
                "A test cannot be run",
                where=f"tests, test_id {row['test_id']}",
                got=f"kind {row['kind']!r}, call {row['call']!r}, expected {row['expected']!r}",
                wanted=f"kind {VALUE!r} with call and expected, or kind {CODE!r}",
            )
        call, expected = (row["call"], row["expected"]) if is_value else (None, None)
        return cls(row["test_id"], row["code"], call, expected)


@dataclass(frozen=True)
class Trial:
    """One task's solutions, and the tests and further calls to try them on."""

    task_id: str
    entry_point: str
    solutions: tuple[Program, ...]
    tests: tuple[GivenTest, ...]
    probes: tuple[str, ...] = ()

    @classmethod
    def from_rows(
        cls,
        task: Row,
        solutions: Iterable[Row],
        tests: Iterable[Row],
    ) -> "Trial":
        """A task's row with its rows of the tables solutions and tests (or of any table with their columns).

        Raises:
            TableError: as `GivenTest.from_row`.
        """
        return cls(
            task_id=task["task_id"],
            entry_point=task["entry_point"],
            solutions=tuple(Program(row["solution_id"], row["code"]) for row in solutions),
            tests=tuple(GivenTest.from_row(row) for row in tests),
        )

    def with_probes(self, count: int, seed: int) -> "Trial":
        """The same trial with up to `count` new inputs, mutated from its tests' inputs."""
        return replace(self, probes=probe_calls(self.inputs, count, child_seed(seed, self.task_id, "probes")))

    @cached_property
    def inputs(self) -> list[str]:
        """Calls of the entry point with literal arguments only, wherever they stand in the tests."""
        return [call for test in self.tests for call in _inputs(test, self.entry_point)]

    @cached_property
    def calls(self) -> dict[str, str]:
        """Each distinct call -> its origin; those of the tests come first.

        A solution is given up after a few timeouts: so no probe decides what a test says about it. An input
        that stands in a test in another form than `f(x) == y` is called by itself as well: what solutions
        return says more than whether they pass.
        """
        tested = [test.call for test in self.tests if test.call is not None]
        of_tests = dict.fromkeys([*tested, *self.inputs], TEST)
        return of_tests | {probe: PROBE for probe in self.probes if probe not in of_tests}


@dataclass(frozen=True)
class Judged:
    """What a trial came to.

    calls: call_id -> (call, origin), sorted by call_id.
    observations: (solution_id, call_id) -> Observation, sorted.
    verdicts: (solution_id, test_id) -> of pipeline.sandbox.statuses.VERDICTS, sorted.
    reasons: how often what happened that a report should tell.
    """

    task_id: str
    calls: dict[str, tuple[str, str]]
    observations: dict[tuple[str, str], Observation]
    verdicts: dict[tuple[str, str], str]
    reasons: Counter[str]

    def call_rows(self) -> Iterator[Row]:
        """Rows of the table calls, sorted."""
        for call_id, (call, origin) in self.calls.items():
            yield {"call_id": call_id, "task_id": self.task_id, "call": call, "origin": origin}

    def observation_rows(self) -> Iterator[Row]:
        """Rows of the table observations, sorted."""
        for (solution_id, call_id), seen in self.observations.items():
            yield {
                "solution_id": solution_id,
                "call_id": call_id,
                "task_id": self.task_id,
                "status": seen.status,
                "value_digest": seen.digest,
                "value_repr": seen.repr if seen.status == OK else None,
                "cpu_s": seen.cpu_s,
                "peak_bytes": seen.peak_bytes,
            }

    def verdict_rows(self) -> Iterator[Row]:
        """Rows of the table verdicts, sorted."""
        for (solution_id, test_id), verdict in self.verdicts.items():
            yield {
                "solution_id": solution_id,
                "test_id": test_id,
                "task_id": self.task_id,
                "verdict": verdict,
            }


def judged(trials: Iterable[Trial], sandbox: Sandbox) -> Iterator[Judged]:
    """What each trial came to, as they finish, in any order; trials are taken as they are needed.

    Raises:
        SandboxError: the sandbox itself broke.
    """
    waiting = iter(trials)
    while batch := {trial.task_id: trial for trial in islice(waiting, TRIALS_PER_BATCH)}:
        expected = _expected_values(batch.values(), sandbox)
        for result in sandbox.execute(map(_job, batch.values())):
            yield _judged(batch[result.job_id], result, expected, sandbox.equal)


def _inputs(test: GivenTest, entry_point: str) -> Iterator[str]:
    text = test.code if test.call is None else test.call
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == entry_point:
            arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
            if all(map(_is_literal, arguments)):
                yield ast.unparse(node)


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def _call_id(task_id: str, call: str) -> str:
    return content_id("call", task_id, call)


def _job(trial: Trial) -> Job:
    return Job(
        job_id=trial.task_id,
        entry_point=trial.entry_point,
        programs=tuple(Program(program.program_id, _runnable(program.code)) for program in trial.solutions),
        calls=tuple(Call(_call_id(trial.task_id, call), _runnable(call)) for call in trial.calls),
        checks=tuple(Check(test.test_id, _runnable(test.code)) for test in trial.tests if test.call is None),
    )


def _runnable(text: str) -> str:
    return text if len(text) <= MAX_TEXT_CHARS else TOO_LONG


def _expected_values(trials: Iterable[Trial], sandbox: Sandbox) -> dict[str, bytes | None]:
    """Each distinct expected expression -> its canonical value; None where it has none."""
    tests = (test for trial in trials for test in trial.tests)
    texts = dict.fromkeys(test.expected for test in tests if test.expected is not None)
    return dict(zip(texts, sandbox.evaluate(map(_runnable, texts)), strict=True))


def _judged(
    trial: Trial, result: Result, expected: Mapping[str, bytes | None], equal: Callable[[bytes, bytes], bool]
) -> Judged:
    calls = {_call_id(trial.task_id, call): (call, origin) for call, origin in trial.calls.items()}
    seen = {(found.program_id, found.call_id): found for found in result.observations}
    verdicts = {(found.program_id, found.check_id): found.verdict for found in result.check_results}
    for test in trial.tests:
        if test.call is not None and test.expected is not None:
            call_id, wanted = _call_id(trial.task_id, test.call), expected[test.expected]
            actual = {solution.program_id: seen[solution.program_id, call_id] for solution in trial.solutions}
            for solution_id, verdict in _verdicts(actual, wanted, equal).items():
                verdicts[solution_id, test.test_id] = verdict
    without_value = sum(test.expected is not None and expected[test.expected] is None for test in trial.tests)
    reasons = result.reasons + Counter(tests_without_expected_value=without_value)
    return Judged(
        trial.task_id, _sorted(calls), _sorted(seen), _sorted(verdicts), Counter(dict(_sorted(reasons)))
    )


def _verdicts(
    actual: Mapping[str, Observation], expected: bytes | None, equal: Callable[[bytes, bytes], bool]
) -> dict[str, str]:
    """The verdict of one value test on each solution; equal values are compared once."""
    by_digest: dict[str | None, str] = {}
    verdicts = {}
    for solution_id, seen in actual.items():
        if seen.value is None:
            # Opaque and large values were answers, but equal no expected value.
            verdicts[solution_id] = seen.status if seen.status in VERDICTS else FAIL
            continue
        if seen.digest not in by_digest:
            by_digest[seen.digest] = PASS if expected is not None and equal(seen.value, expected) else FAIL
        verdicts[solution_id] = by_digest[seen.digest]
    return verdicts


def _sorted(found: Mapping[Any, Any]) -> dict[Any, Any]:
    return {key: found[key] for key in sorted(found)}
