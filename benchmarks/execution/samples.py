"""Where the programs and tests of the benchmark come from."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow.parquet as pq

from pipeline.assertions import CodeTest, ValueTest, parse_test


@dataclass(frozen=True)
class Test:
    """A test as its author wrote it, and as the sandbox takes it."""

    code: str
    parsed: ValueTest | CodeTest


@dataclass(frozen=True)
class Sample:
    """One task's solutions and tests; passed: what FILE says about test j and solution i, if it does."""

    task_id: str
    entry_point: str
    programs: tuple[str, ...]
    tests: tuple[Test, ...]
    passed: tuple[tuple[bool, ...], ...] = ()

    def drawn(self, n_programs: int, n_tests: int, rng: random.Random) -> "Sample":
        """The same task with so many random solutions and tests (fewer where it has fewer)."""
        programs = tuple(rng.sample(self.programs, min(n_programs, len(self.programs))))
        tests = tuple(rng.sample(self.tests, min(n_tests, len(self.tests))))
        return replace(self, programs=programs, tests=tests, passed=())

    def __len__(self) -> int:
        return len(self.programs) * len(self.tests)


def read_samples(path: Path | None) -> list[Sample]:
    """The tasks of a Parquet file, of a run's outputs directory, or made-up ones."""
    if path is None:
        return list(made_up())
    return list(_of_run(path) if path.is_dir() else _of_file(path))


def _tests(codes: list[str], entry_point: str) -> dict[int, Test]:
    parsed = {index: parse_test(code, entry_point) for index, code in enumerate(codes)}
    return {
        index: Test(codes[index], test)
        for index, test in parsed.items()
        if isinstance(test, ValueTest | CodeTest)
    }


def _of_file(path: Path) -> Iterator[Sample]:
    for row in pq.read_table(path).to_pylist():
        tests = _tests(row["tests"], row["entry_point"])
        width = len(row["tests"])
        passed = row.get("passed") or []
        yield Sample(
            row["task_id"],
            row["entry_point"],
            tuple(row["prompt"] + solution for solution in row["solutions"]),
            tuple(tests.values()),
            tuple(
                tuple(bool(passed[number * width + index]) for index in tests)
                for number in range(len(row["solutions"]) if passed else 0)
            ),
        )


def _of_run(outputs: Path) -> Iterator[Sample]:
    tables = {name: pq.read_table(outputs / name).to_pylist() for name in ("tasks", "solutions", "tests")}
    for task in tables["tasks"]:
        mine = [row for row in tables["solutions"] if row["task_id"] == task["task_id"]]
        codes = [row["code"] for row in tables["tests"] if row["task_id"] == task["task_id"]]
        programs = tuple(row["code"] for row in mine)
        tests = tuple(_tests(codes, task["entry_point"]).values())
        if programs and tests:
            yield Sample(task["task_id"], task["entry_point"], programs, tests)


def made_up(n_tasks: int = 40, n_programs: int = 100, n_tests: int = 120) -> Iterator[Sample]:
    """Tasks of our own making: small list functions, right and wrong, some of which never end."""
    for number in range(n_tasks):
        rng = random.Random(number)
        programs = tuple(_made_up_program(index, rng) for index in range(n_programs))
        inputs = [[rng.randrange(100) for _ in range(rng.randrange(12))] for _ in range(n_tests)]
        codes = [f"assert total({values}) == {sum(values)}" for values in inputs]
        yield Sample(f"made-up/{number}", "total", programs, tuple(_tests(codes, "total").values()))


def _made_up_program(index: int, rng: random.Random) -> str:
    skipped, start = rng.randrange(100), rng.choice([0, 0, 0, 1])
    never_ends = "        while value == 13: pass\n" if rng.random() < 0.02 else ""
    return (
        "from typing import List\n\n\ndef total(values: List[int]) -> int:\n"
        f'    """Sum of the values, variant {index}."""\n'
        f"    result = {start}\n    for value in values:\n{never_ends}"
        f"        if value != {skipped}:\n            result += value\n    return result\n"
    )
