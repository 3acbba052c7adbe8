"""execute: every solution on every call and test of its task, in the sandbox -> observations and verdicts.

A tool of its own: given tables tasks, solutions and tests of anybody's making under outputs/,

    python -m stages.execute

writes calls, observations and verdicts, outputs/isolation.json (how untrusted code was confined, and its
limits) and counts by reason. Each finished task is journaled under the content of everything that decided it,
so that a killed run goes on where it stopped; the order in which tasks finish leaves no trace in the tables.
"""

import json
import platform
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow as pa
from pydantic import Field

from pipeline.counts import write_counts
from pipeline.execution import Trial, judged
from pipeline.identity import content_id, sources_id
from pipeline.journal import Journal
from pipeline.outcome_rows import call_table, observation_table, verdict_table
from pipeline.outcomes import Judged
from pipeline.params import Base, Section, load
from pipeline.progress import meter
from pipeline.sandbox.params import SandboxParams
from pipeline.sandbox.sandbox import Sandbox
from pipeline.schemas.calls import CALLS
from pipeline.schemas.observations import OBSERVATIONS
from pipeline.schemas.solutions import SOLUTIONS
from pipeline.schemas.tasks import TASKS
from pipeline.schemas.tests import TESTS
from pipeline.schemas.verdicts import VERDICTS
from pipeline.stage import run
from pipeline.tables import by_task, read, writer

JOURNAL = Path(".cache/journal/execute")
ISOLATION = Path("outputs/isolation.json")
TASKS_PER_PART = 256  # of which rows are made at a time
# What decides an observation besides its inputs: code here, and the version of Python that ran it.
DECIDING_SOURCES = (
    "pipeline/execution.py",
    "pipeline/outcomes.py",
    "pipeline/inputs/mutate.py",
    "pipeline/sandbox/**/*.py",
)


class ExecuteParams(Section):
    """How far solutions are tried beyond their tests.

    probes_per_task: new inputs a task, mutated from its tests' inputs; observed, never judged.
    """

    probes_per_task: int = Field(ge=0)


@dataclass(frozen=True)
class Setting:
    """All that decides every trial of a run alike."""

    params: ExecuteParams
    limits: SandboxParams
    seed: int
    isolation: str

    @cached_property
    def setting_id(self) -> str:
        """Names this setting together with the code that executes and the Python that it runs on."""
        sections = (self.params.model_dump_json(), self.limits.model_dump_json())
        code = sources_id(*DECIDING_SOURCES)
        return content_id("setting", *sections, str(self.seed), self.isolation, sys.version, code)

    def key(self, trial: Trial) -> str:
        """The journal's key of a trial: equal where all that decides its outcome is equal."""
        return content_id("trial", self.setting_id, repr(trial))


def main() -> None:
    """Run the stage."""
    params, limits = load("execute", ExecuteParams), load("sandbox", SandboxParams)
    with Journal.open(JOURNAL) as journal, Sandbox.open(limits) as sandbox:
        print(f"execute: isolation: {sandbox.isolation}", file=sys.stderr)
        setting = Setting(params, limits, load("base", Base).seed, sandbox.isolation)
        keys, counts = finish_trials(setting, journal, sandbox)
        counts.update(write_tables(journal, keys))
    write_isolation(setting)
    write_counts("execute", counts)


def finish_trials(setting: Setting, journal: Journal, sandbox: Sandbox) -> tuple[list[str], Counter[str]]:
    """Execute every trial that the journal lacks: the journal's keys of all, in task order, and counts."""
    keys: list[str] = []
    counts: Counter[str] = Counter()
    running: dict[str, str] = {}  # task_id -> key
    with meter("execute", "tasks", n_trials()) as progress:

        def missing() -> Iterator[Trial]:
            for trial in trials(counts):
                keys.append(setting.key(trial))
                if keys[-1] in journal:
                    progress.advance(reused=True)
                else:
                    running[trial.task_id] = keys[-1]
                    yield trial.with_probes(setting.params.probes_per_task, setting.seed)

        n_observations = 0
        for done in judged(missing(), sandbox):
            journal.put(running.pop(done.task_id), done.encoded())
            n_observations += done.outcome_of.size
            progress.advance(note=f"{n_observations} calls observed")
    return keys, counts


def n_trials() -> int:
    """How many tasks have both solutions and tests: as many as `trials` yields."""
    columns = [read(table, ["task_id"]).column("task_id") for table in (TASKS, SOLUTIONS, TESTS)]
    return len(set.intersection(*(set(column.unique().to_pylist()) for column in columns)))


def trials(counts: Counter[str]) -> Iterator[Trial]:
    """Every task that has both solutions and tests, in task order; the others are counted."""
    for _, (tasks, solutions, tests) in by_task(TASKS, SOLUTIONS, TESTS):
        counts["tasks"] += len(tasks)
        counts["solutions_without_task"] += 0 if tasks else len(solutions)
        counts["tests_without_task"] += 0 if tasks else len(tests)
        counts["tasks_without_solutions"] += bool(tasks) and not solutions
        counts["tasks_without_tests"] += bool(tasks) and not tests
        if tasks and solutions and tests:
            yield Trial.from_rows(tasks[0], solutions, tests)


def write_tables(journal: Journal, keys: Sequence[str]) -> Counter[str]:
    """Write calls, observations and verdicts from the journal; how many of each kind there are."""
    counts: Counter[str] = Counter()
    with writer(CALLS) as calls, writer(OBSERVATIONS) as observations, writer(VERDICTS) as verdicts:
        for start in range(0, len(keys), TASKS_PER_PART):
            batch = [_kept(journal, key) for key in keys[start : start + TASKS_PER_PART]]
            made, seen, decided = call_table(batch), observation_table(batch), verdict_table(batch)
            calls.append_table(made)
            observations.append_table(seen)
            verdicts.append_table(decided)
            counts += _counted("calls", made["origin"])
            counts += _counted("observations", seen["status"])
            counts += _counted("verdicts", decided["verdict"])
            counts += sum((done.reasons for done in batch), Counter())
    return counts


def _kept(journal: Journal, key: str) -> Judged:
    value = journal.get(key)
    assert value is not None, f"a finished trial left the journal: {key}"
    return Judged.decoded(value)


def _counted(table: str, column: pa.ChunkedArray) -> Counter[str]:
    """How often each of the column's values occurs."""
    return Counter(
        {f"{table}_{found['values']}": found["counts"] for found in column.value_counts().to_pylist()}
    )


def write_isolation(setting: Setting) -> None:
    """Write outputs/isolation.json: how untrusted code was confined, its limits, and Python's version."""
    ISOLATION.parent.mkdir(parents=True, exist_ok=True)
    told = {
        "isolation": setting.isolation,
        "python": platform.python_version(),
        "limits": setting.limits.model_dump(),
    }
    ISOLATION.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
