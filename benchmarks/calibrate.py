"""Refit the default ranker's calibration.

    python -m benchmarks.calibrate FILE… [--probes 4] [--out ranking/calibration.json]

FILE is a Parquet file with ground truth, or the outputs/ folder of a run with reference tests (see
`benchmarks.ranked_tasks`); several are fitted together, each task weighing the same. So are several sizes of
draws, that one calibration may serve small and large pools.
"""

import argparse
import json
from pathlib import Path

from benchmarks.ranked_tasks import KnownTask, draws, known_tasks
from benchmarks.ranking_probes import with_probes
from pipeline.errors import TableError
from pipeline.stage import run
from ranking.calibration import calibration_to_json
from ranking.fitting import FOLDS, Case, cross_fitted

# (solutions, tests, draws a task); the whole pool is added once.
SIZES = ((15, 15, 12), (40, 40, 6), (80, 80, 6))
SEED = 1  # benchmarks.ranking draws with another


def main() -> None:
    """Fit on FILE and write the calibration.

    Raises:
        TableError: a file cannot be read, or all hold too few tasks to leave a tenth of them out.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", type=Path, nargs="+", help="Parquet with ground truth, or a run's outputs/")
    parser.add_argument("--out", type=Path, default=Path("ranking/calibration.json"))
    parser.add_argument(
        "--probes", type=int, default=0, help="new inputs to run for each input of a Parquet file"
    )
    arguments = parser.parse_args()
    tasks = [task for file in arguments.files for task in known_tasks(file) if task.matrices.passed.size]
    if len(tasks) < FOLDS:
        raise TableError(
            "There are too few tasks to calibrate on",
            where=", ".join(map(str, arguments.files)),
            got=f"{len(tasks)} tasks with tests and known truths",
            wanted=f"at least {FOLDS}; some hundred for probabilities worth having",
            next_step="add files: python -m benchmarks.calibrate FILE FILE...",
        )
    cases = [case for task in tasks for case in fitting_cases(task)]
    if arguments.probes:
        texts = [task for task in tasks if task.row]  # a run's calls hold its probes already
        cases += [case for task in with_probes(texts, arguments.probes) for case in fitting_cases(task)]
    calibration = cross_fitted(cases)
    stored = {
        "about": "Weights of the default ranker (ranking/model.py); a fold's model never saw its tasks.",
        "refit": "python -m benchmarks.calibrate FILE",
        "fitted_on": {"files": [file.name for file in arguments.files], "tasks": len(tasks)},
        **calibration_to_json(calibration),
    }
    arguments.out.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
    print(f"Fitted on {len(tasks)} tasks; wrote {arguments.out}")


def fitting_cases(task: KnownTask) -> list[Case]:
    """The draws of one task, of every size it can fill at least half, and its whole pool."""
    n_tests = task.matrices.test_count.sum()
    return [
        case
        for n, m, count in SIZES
        if n_tests >= m / 2
        for case in draws(task, n, m, count, seed=(SEED, n, sum(map(ord, task.task_id))))
    ] + [task.case()]


if __name__ == "__main__":
    run(main)
