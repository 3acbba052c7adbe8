"""Solutions x tests -> observations and verdicts: what every stage that executes code shares.

A trial is one task's solutions and all they are to be tried on. Every distinct call runs once per solution in
the sandbox; what it returned comes back as bytes, and is compared here with the expected value, which was
evaluated without any solution. `judged` streams trials through a sandbox:

    with Sandbox.open(params) as sandbox:
        for done in judged(trials, sandbox):
            sink.append_table(verdict_table([done]))

Ids are content hashes: whoever tries the same call on the same task again gets the same call_id.
"""

import ast
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import islice
from typing import Any

import numpy as np

from pipeline.errors import TableError
from pipeline.identity import child_seed, content_id
from pipeline.inputs.mutate import probe_calls
from pipeline.outcomes import CalledFrom, Judged, Outcome, Places
from pipeline.sandbox.jobs import Call, Check, Job, Program, Result, Seen
from pipeline.sandbox.sandbox import Sandbox
from pipeline.sandbox.statuses import FAIL, PASS, VERDICTS
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
        return [call for test in self.tests for call in _inputs(test.call or test.code, self.entry_point)]

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


def judged(trials: Iterable[Trial], sandbox: Sandbox) -> Iterator[Judged]:
    """What each trial came to, as they finish, in any order; trials are taken as they are needed.

    Raises:
        SandboxError: the sandbox itself broke.
    """
    waiting = iter(trials)
    running: dict[str, Trial] = {}

    def batches() -> Iterator[tuple[Iterable[str], Iterable[Job]]]:
        while batch := list(islice(waiting, TRIALS_PER_BATCH)):
            running.update({trial.task_id: trial for trial in batch})
            tests = (test for trial in batch for test in trial.tests)
            expected = (_runnable(test.expected) for test in tests if test.expected is not None)
            yield expected, map(_job, batch)

    for result, values in sandbox.execute_and_evaluate(batches()):
        yield _judged(running.pop(result.job_id), result, values, sandbox.equal)


@lru_cache(maxsize=4096)  # a trial asks again when it has got its probes
def _inputs(text: str, entry_point: str) -> tuple[str, ...]:
    """Calls of the entry point with literal arguments only, wherever they stand in the text."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    return tuple(
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == entry_point
        and all(map(_is_literal, [*node.args, *(keyword.value for keyword in node.keywords)]))
    )


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


def _judged(
    trial: Trial, result: Result, values: Mapping[str, bytes | None], equal: Callable[[bytes, bytes], bool]
) -> Judged:
    """The result's grids with verdicts beside them, everything in the order of its ids."""
    expected = {
        test.expected: values[_runnable(test.expected)] for test in trial.tests if test.expected is not None
    }
    call_ids = {_call_id(trial.task_id, call): call for call in trial.calls}
    solution_ids = [program.program_id for program in trial.solutions]
    test_ids = [test.test_id for test in trial.tests]
    by_solution, by_call, by_test = map(_ascending, (solution_ids, list(call_ids), test_ids))
    cells = np.ix_(by_solution, by_call)
    shape = len(solution_ids), len(call_ids)
    places: dict[Seen, int] = {}
    # Equal rows of a result are one object: what is worked out about one holds for all of them.
    row_of = {id(row): [places.setdefault(seen, len(places)) for seen in row] for row in result.seen}
    outcome_of = np.array([row_of[id(row)] for row in result.seen], np.int32).reshape(shape)

    def decided(seen: Seen, test: GivenTest) -> int:
        return VERDICTS.index(verdict(seen, expected[str(test.expected)], equal))

    verdict_of = _verdicts(trial, result, outcome_of, list(places), decided)
    without_value = sum(test.expected is not None and expected[test.expected] is None for test in trial.tests)
    reasons = result.reasons + Counter(tests_without_expected_value=without_value)
    return Judged(
        task_id=trial.task_id,
        solution_ids=tuple(solution_ids[index] for index in by_solution),
        calls={call_id: CalledFrom(call, trial.calls[call]) for call_id, call in sorted(call_ids.items())},
        test_ids=tuple(test_ids[index] for index in by_test),
        outcomes=tuple(Outcome(seen.status, seen.digest, seen.repr) for seen in places),
        outcome_of=outcome_of[cells],
        cpu_s=np.array(result.cpu_ns, np.float64).reshape(shape)[cells] * 1e-9,
        peak_bytes=np.array(result.peak_bytes, np.float64).reshape(shape)[cells],
        verdict_of=verdict_of[np.ix_(by_solution, by_test)],
        reasons=Counter(dict(sorted(reasons.items()))),
    )


def _verdicts(
    trial: Trial,
    result: Result,
    outcome_of: Places,
    outcomes: Sequence[Seen],
    decided: Callable[[Seen, GivenTest], int],
) -> Places:
    """(n, m) places in VERDICTS, in the trial's order; equal outcomes are compared once a test."""
    column_of = {call: column for column, call in enumerate(trial.calls)}
    of_checks = iter(zip(*result.verdicts, strict=True))
    found = np.empty((len(trial.solutions), len(trial.tests)), np.int32)
    for index, test in enumerate(trial.tests):
        if test.call is None:
            found[:, index] = [VERDICTS.index(word) for word in next(of_checks, ())]
            continue
        column = outcome_of[:, column_of[test.call]].tolist()
        verdict_of = {place: decided(outcomes[place], test) for place in set(column)}
        found[:, index] = [verdict_of[place] for place in column]
    return found


def verdict(seen: Seen, expected: bytes | None, equal: Callable[[bytes, bytes], bool]) -> str:
    """The verdict of a value test on what was seen; expected: None where the test's own text has no value."""
    if seen.value is None:
        # Opaque and large values were answers, but equal no expected value.
        return seen.status if seen.status in VERDICTS else FAIL
    return PASS if expected is not None and equal(seen.value, expected) else FAIL


def _ascending(ids: Sequence[str]) -> list[int]:
    return sorted(range(len(ids)), key=ids.__getitem__)
