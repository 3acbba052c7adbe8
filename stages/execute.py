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
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field

from pipeline.counts import write_counts
from pipeline.execution import Judged, Trial, judged
from pipeline.identity import content_id, sources_id
from pipeline.journal import Journal
from pipeline.params import Base, Section, load
from pipeline.progress import meter
from pipeline.sandbox.jobs import Observation
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
# What decides an observation besides its inputs: code here, and the version of Python that ran it.
DECIDING_SOURCES = ("pipeline/execution.py", "pipeline/inputs/mutate.py", "pipeline/sandbox/**/*.py")


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
    n_tasks = len(read(SOLUTIONS, ["task_id"]).column("task_id").unique())
    with meter("execute", "tasks", n_tasks) as progress:

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
            journal.put(running.pop(done.task_id), encoded(done))
            n_observations += len(done.observations)
            progress.advance(note=f"{n_observations} calls observed")
    return keys, counts


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


def write_tables(journal: Journal, keys: Iterable[str]) -> Counter[str]:
    """Write calls, observations and verdicts from the journal; how many of each kind there are."""
    counts: Counter[str] = Counter()
    with writer(CALLS) as calls, writer(OBSERVATIONS) as observations, writer(VERDICTS) as verdicts:
        for key in keys:
            value = journal.get(key)
            assert value is not None, f"a finished trial left the journal: {key}"
            done = decoded(value)
            calls.append(done.call_rows())
            observations.append(done.observation_rows())
            verdicts.append(done.verdict_rows())
            counts.update(counted(done))
    return counts


def counted(done: Judged) -> Counter[str]:
    """How often each origin, status and verdict occurs, and what else there is to report."""
    counts = Counter(f"calls_{origin}" for _, origin in done.calls.values())
    counts += Counter(f"observations_{seen.status}" for seen in done.observations.values())
    counts += Counter(f"verdicts_{verdict}" for verdict in done.verdicts.values())
    return counts + done.reasons


def write_isolation(setting: Setting) -> None:
    """Write outputs/isolation.json: how untrusted code was confined, its limits, and Python's version."""
    ISOLATION.parent.mkdir(parents=True, exist_ok=True)
    told = {
        "isolation": setting.isolation,
        "python": platform.python_version(),
        "limits": setting.limits.model_dump(),
    }
    ISOLATION.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


def encoded(done: Judged) -> bytes:
    """A Judged as compact bytes: equal outcomes are written once, ids once a row or column."""
    seen = list(done.observations.values())
    outcomes = dict.fromkeys((found.status, found.digest, found.repr) for found in seen)
    index = {outcome: number for number, outcome in enumerate(outcomes)}
    content = {
        "task_id": done.task_id,
        "calls": done.calls,
        "programs": list(dict.fromkeys(solution_id for solution_id, _ in done.observations)),
        "outcomes": list(outcomes),
        "outcome_of": [index[found.status, found.digest, found.repr] for found in seen],
        "cpu_s": [found.cpu_s for found in seen],
        "peak_bytes": [found.peak_bytes for found in seen],
        "verdicts": [[*ids, verdict] for ids, verdict in done.verdicts.items()],
        "reasons": done.reasons,
    }
    return json.dumps(content, separators=(",", ":")).encode()


def decoded(value: bytes) -> Judged:
    """The Judged that `encoded` wrote, less the values themselves."""
    content: dict[str, Any] = json.loads(value)
    ids = ((program, call) for program in content["programs"] for call in content["calls"])
    columns = (content["outcome_of"], content["cpu_s"], content["peak_bytes"])
    observations = {}
    for (program, call), number, cpu_s, peak_bytes in zip(ids, *columns, strict=True):
        status, digest, shown = content["outcomes"][number]
        observations[program, call] = Observation(
            program, call, status, None, digest, shown, cpu_s, peak_bytes
        )
    return Judged(
        task_id=content["task_id"],
        calls={call_id: (call, origin) for call_id, (call, origin) in content["calls"].items()},
        observations=observations,
        verdicts={(solution_id, test_id): verdict for solution_id, test_id, verdict in content["verdicts"]},
        reasons=Counter(content["reasons"]),
    )


if __name__ == "__main__":
    run(main)
