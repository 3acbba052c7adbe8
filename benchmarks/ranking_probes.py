"""Probes for tasks of a Parquet file: new inputs mutated from the tests' inputs, run on all solutions.

Each input gets its own mutations, so that a draw of some tests uses only the probes its inputs would give.
What was executed is kept under .cache/ranking_probes by content, so that a second run executes nothing.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.ranked_tasks import KnownTask
from pipeline.errors import TableError
from pipeline.identity import child_seed, content_id
from pipeline.inputs.mutate import probe_calls
from pipeline.params import load
from pipeline.progress import meter
from pipeline.sandbox.jobs import Call, Job, Program, Result
from pipeline.sandbox.params import SandboxParams
from pipeline.sandbox.sandbox import Sandbox
from ranking.matrices import NO_VALUE, Ints

CACHE = Path(".cache/ranking_probes")
SEED = 20261123


def with_probes(tasks: Sequence[KnownTask], per_input: int) -> list[KnownTask]:
    """The tasks with `per_input` probes for each of their inputs as further columns of outputs.

    Raises:
        TableError: the file's texts are empty, so that nothing can be executed.
    """
    probes = {task.task_id: _probes(task, per_input) for task in tasks}
    jobs = {task.task_id: _job(task, [call for call, _ in probes[task.task_id]]) for task in tasks}
    _execute([job for job in jobs.values() if not _path(job).exists()])
    return [_widened(task, probes[task.task_id], np.load(_path(jobs[task.task_id]))) for task in tasks]


def _probes(task: KnownTask, per_input: int) -> list[tuple[str, int]]:
    """(call, column of the input it comes from), each call once and none that is an input already."""
    inputs = list(task.row.get("inputs", ()))
    known = set(inputs)
    found = []
    for column, text in enumerate(inputs):
        for call in probe_calls([text], per_input, child_seed(SEED, text)):
            if call not in known:
                known.add(call)
                found.append((call, column))
    return found


def _job(task: KnownTask, calls: Sequence[str]) -> Job:
    solutions = task.row.get("solutions", ())
    if not any(solutions):
        raise TableError(
            "Probes need the solutions' texts",
            where=task.task_id,
            got="empty texts",
            next_step="drop --probes",
        )
    return Job(
        task.task_id,
        task.row["entry_point"],
        tuple(Program(str(place), task.row["prompt"] + code) for place, code in enumerate(solutions)),
        tuple(Call(str(place), call) for place, call in enumerate(calls)),
    )


def _path(job: Job) -> Path:
    return CACHE / f"{content_id('ranking_probes', repr(job))}.npy"


def _execute(jobs: Sequence[Job]) -> None:
    if not jobs:
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    by_id = {job.job_id: job for job in jobs}
    with (
        Sandbox.open(load("sandbox", SandboxParams)) as sandbox,
        meter("probes", "tasks", len(jobs)) as gauge,
    ):
        for result in sandbox.execute(jobs):
            np.save(_path(by_id[result.job_id]), _outputs(by_id[result.job_id], result))
            gauge.advance()


def _outputs(job: Job, result: Result) -> Ints:
    outputs = np.full((len(job.programs), len(job.calls)), NO_VALUE, np.int64)
    known: dict[tuple[int, str], int] = {}
    for seen in result.observations:
        if seen.digest is not None:
            row, column = int(seen.program_id), int(seen.call_id)
            outputs[row, column] = known.setdefault((column, seen.digest), len(known))
    return outputs


def _widened(task: KnownTask, probes: Sequence[tuple[str, int]], outputs: Ints) -> KnownTask:
    parents = np.array([parent for _, parent in probes], np.int64)
    matrices = replace(task.matrices, outputs=np.concatenate([task.matrices.outputs, outputs], axis=1))
    return replace(task, matrices=matrices, parent_of_probe=parents)
