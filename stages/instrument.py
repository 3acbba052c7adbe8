"""What profile, optimize and verify share: whom they measure, with what, and under which names.

A measurement is decided by the solutions, the calls they grow from, the code, the plan, the sandbox's limits,
the machine and the seed; all of these are in the journal's key.
"""

import os
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from pydantic import Field

from pipeline.identity import child_seed, content_id, sources_id
from pipeline.inputs import enlarge
from pipeline.measuring import asker, machine_facts
from pipeline.params import Section
from pipeline.sandbox.params import SandboxParams
from pipeline.sandbox.sandbox import Sandbox
from pipeline.tables import Row
from profiling.answers import Workload
from profiling.bundle import worker_source
from profiling.campaign import Ask, Campaign, Measured, Plan
from profiling.campaign import Base as BaseCall

# From this probability that a test is valid on, its input is worth growing; agreement guards the rest.
LEAST_P_VALID = 0.5
CORES_A_MEASUREMENT = 4
# The code that decides what a measurement, and a verdict on a rewrite, comes to.
DECIDING_SOURCES = (
    "profiling/**/*.py",
    "stages/families.py",
    "pipeline/execution.py",
    "pipeline/outcomes.py",
    "pipeline/inputs/enlarge.py",
    "pipeline/sandbox/**/*.py",
)


class ProfileParams(Section):
    """What is measured, and how far it goes; times are CPU seconds.

    max_solutions: of a task, the best-scored trusted ones.
    workers: tasks, or families of rewrites, measured at a time; 0: one for every four cores, so that what
        else a measurement needs, and other work, need not disturb it.
    base_calls: believed tests' inputs tried as the ground for enlarged ones.
    rounds, sample_s: samples of each program in a process, and their least length.
    first_processes, max_processes: interpreter processes always, and for near-ties at most.
    min_speedup: a speedup is certified when its 95 % interval lies above.
    target_s: inputs grow until the fastest solution takes so long,
    call_s, total_s: or a solution, or one round of all, would take longer than this,
    growth_s: or growing has taken so long.
    """

    max_solutions: int = Field(ge=1)
    workers: int = Field(ge=0)
    base_calls: int = Field(ge=1)
    rounds: int = Field(ge=32)
    sample_s: float = Field(gt=0)
    first_processes: int = Field(ge=2)
    max_processes: int = Field(ge=2)
    min_speedup: float = Field(ge=1)
    target_s: float = Field(gt=0)
    call_s: float = Field(gt=0)
    total_s: float = Field(gt=0)
    growth_s: float = Field(gt=0)

    @property
    def at_a_time(self) -> int:
        """How many are measured at a time here."""
        return self.workers or max(1, len(os.sched_getaffinity(0)) // CORES_A_MEASUREMENT)

    @property
    def plan(self) -> Plan:
        """The part that profiling needs."""
        return Plan(**self.model_dump(exclude={"max_solutions", "workers", "base_calls"}))


@dataclass(frozen=True)
class Subject:
    """A task's trusted solutions, and the believed calls their inputs grow from.

    solutions: (solution_id, code), the best-scored first.
    """

    task_id: str
    entry_point: str
    solutions: tuple[tuple[str, str], ...]
    calls: tuple[str, ...]

    def bases(self, count: int) -> list[BaseCall]:
        """What to grow from."""
        return [
            BaseCall(call, enlarge.shapes(call), enlarge.natural_size(call), enlarge.largest_size(call))
            for call in enlarge.bases(self.calls, count) or sorted(self.calls)[:1]
        ]


def subject_of(task: Row, found: Sequence[list[Row]], max_solutions: int) -> Subject:
    """The best-scored trusted solutions, and the inputs of the public examples and of tests likely valid.

    A test that all solutions pass tells none apart and is not credible, yet nothing is wrong with its input;
    without such inputs, those on which every solution leaves early may be all there is to grow from.
    Solutions that do not all act alike cannot be compared: those that act like the best-scored one stay.
    """
    solutions, scores, tests, test_scores = found
    trusted_scores = [row for row in scores if row["trusted"]]
    best = min(trusted_scores, key=lambda row: (-row["score"], row["solution_id"]), default=None)
    score = {
        row["solution_id"]: row["score"]
        for row in trusted_scores
        if best is not None and row["behavior_id"] == best["behavior_id"]
    }
    likely = {row["test_id"] for row in test_scores if row["p_valid"] >= LEAST_P_VALID}
    trusted = [row for row in solutions if row["solution_id"] in score]
    trusted.sort(key=lambda row: (-score[row["solution_id"]], row["solution_id"]))
    believed = [row for row in tests if row["is_example"] or row["test_id"] in likely]
    plain = (enlarge.plain_call(row["call"], task["entry_point"]) for row in believed if row["call"])
    calls = {call for call in plain if call is not None}
    return Subject(
        task["task_id"],
        task["entry_point"],
        tuple((row["solution_id"], row["code"]) for row in trusted[:max_solutions]),
        tuple(sorted(calls)),
    )


def workload_id(task_id: str, workload: Workload, seed: int) -> str:
    """The id under which a workload stands in every table."""
    return content_id("workload", task_id, *map(str, astuple(workload)), str(seed))


@dataclass(frozen=True)
class Instrument:
    """All that decides every measurement of a run alike; code: names the code that does.

    limits: the sandbox's, which also decide who passes a test.
    """

    code: str
    plan: Plan
    base_calls: int
    seed: int
    isolation: str
    limits: str
    machine: str
    ask: Ask

    def campaign(self, subject: Subject) -> Campaign:
        """How a task's solutions are measured."""
        codes = tuple(code for _, code in subject.solutions)
        return Campaign(codes, subject.entry_point, self.task_seed(subject.task_id), self.plan, self.ask)

    def task_seed(self, task_id: str) -> int:
        """What makes this task's grown inputs."""
        return child_seed(self.seed, "workload", task_id)

    def measured(self, subject: Subject) -> Measured:
        """Measure one task's solutions."""
        return self.campaign(subject).growing(subject.bases(self.base_calls))

    def key(self, subject: Subject) -> str:
        """The journal's name for this measurement."""
        setting = (self.code, repr(self.plan), str(self.base_calls), str(self.seed), self.isolation)
        return content_id("profile", *setting, self.limits, self.machine, repr(subject))


def instrument(
    seed: int, params: ProfileParams, sandbox: Sandbox, sandbox_params: SandboxParams
) -> Instrument:
    """The instrument of this run."""
    source = worker_source(Path(enlarge.__file__))
    return Instrument(
        code=sources_id(*DECIDING_SOURCES),
        plan=params.plan,
        base_calls=params.base_calls,
        seed=seed,
        isolation=sandbox.isolation,
        limits=sandbox_params.model_dump_json(exclude={"isolation", "workers"}),
        machine=machine_facts(),
        ask=asker(sandbox, source, sandbox_params),
    )
