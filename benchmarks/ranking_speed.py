"""How fast rankers are on one core: `python -m benchmarks.ranking_speed [--tasks 100000]`.

Random tasks of 15 x 15 with five behaviors each; CPU time of every ranker, the closed-form ones together, and
their PageRank against a loop over networkx.pagerank in the same run.
"""

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import networkx as nx
import numpy as np

from pipeline.stage import run
from ranking.calibration import calibration_from_json
from ranking.matrices import Matrices, TaskMatrices
from ranking.model import trust
from ranking.pagerank import graph
from ranking.rankers import CLOSED_FORM, DEFAULT

CALIBRATION = Path("ranking/calibration.json")
SIZE, BEHAVIORS, TASKS_PER_BATCH, NETWORKX_TASKS = 15, 5, 500, 200


def main() -> None:
    """Print seconds for all tasks by ranker, and the ratio to networkx."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", type=int, default=100_000)
    n_tasks = parser.parse_args().tasks
    batch = _random_batch(np.random.default_rng(0))
    model = calibration_from_json(json.loads(CALIBRATION.read_text(encoding="utf-8"))).model
    n_batches = max(n_tasks // TASKS_PER_BATCH, 1)
    seconds = {name: _cpu_seconds(partial(ranker, batch), n_batches) for name, ranker in CLOSED_FORM.items()}
    total = n_batches * TASKS_PER_BATCH
    for name, value in seconds.items():
        print(f"{name:14}{value:8.2f} s for {total} tasks")
    print(f"{'together':14}{sum(seconds.values()):8.2f} s")
    few = max(n_batches // 20, 1)
    own = _cpu_seconds(lambda: trust(batch, [model] * TASKS_PER_BATCH), few) / (few * TASKS_PER_BATCH)
    print(f"{DEFAULT:14}{1000 * own:8.3f} ms a task")
    loop = _cpu_seconds(lambda: _networkx_loop(batch), 1) / NETWORKX_TASKS
    times = loop * total / seconds["pagerank"]
    print(f"networkx.pagerank {1000 * loop:.3f} ms a task, {times:.0f} times as long as here")


def _random_batch(random: np.random.Generator) -> Matrices:
    behaviors = random.integers(0, 4, size=(TASKS_PER_BATCH, BEHAVIORS, SIZE))
    of_solution = random.integers(0, BEHAVIORS, size=(TASKS_PER_BATCH, SIZE, 1))
    outputs = np.take_along_axis(behaviors, of_solution, axis=1)
    expected = random.integers(0, 4, size=(TASKS_PER_BATCH, 1, SIZE))
    ones = np.ones((TASKS_PER_BATCH, SIZE))
    return Matrices(
        passed=outputs == expected,
        outputs=outputs,
        solution_count=ones,
        test_count=ones,
        call_of_test=np.tile(np.arange(SIZE), (TASKS_PER_BATCH, 1)),
        is_example=np.zeros((TASKS_PER_BATCH, SIZE), bool),
        call_used=np.ones((TASKS_PER_BATCH, SIZE), bool),
    )


def _networkx_loop(batch: Matrices) -> None:
    ids = [[f"{side}{place}" for place in range(SIZE)] for side in "st"]
    for index in range(NETWORKX_TASKS):
        task = TaskMatrices(
            batch.passed[index],
            batch.outputs[index],
            batch.solution_count[index],
            batch.test_count[index],
            batch.call_of_test[index],
            batch.is_example[index],
        )
        nx.pagerank(graph(task, *ids))


def _cpu_seconds(work: Callable[[], object], times: int) -> float:
    started = time.process_time()
    for _ in range(times):
        work()
    return time.process_time() - started


if __name__ == "__main__":
    run(main)
