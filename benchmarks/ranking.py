"""Every ranker side by side, on tasks with known answers.

    python -m benchmarks.ranking FILE [--draws 20] [--json OUT] [--probes 4] [--plot OUT.svg]

FILE: a Parquet file with ground truth or the outputs/ folder of a run with reference tests
(`benchmarks.ranked_tasks`); texts in it may be empty. Prints one table for each n x m and one for the whole
pool; the precision-yield plot goes beside OUT (or to --plot).

Protocol. A draw takes n solution samples and m test samples without replacement, or as many as there are,
from every task that has tests; samples of one text are one row with a count. top-1, Spearman, AUC and P@x are
means over the draws with right and wrong solutions (whole pool: over such tasks); ties count as a random
choice. A pair is the best-scored against the worst-scored solution of a draw, and P@x is the share of right
pairs (chosen right *and* rejected wrong) among the x % most confident. Confidence is P(pair right) where the
ranker gives probabilities, else the gap between the two scores. ECE and Brier are over every draw, mixed or
not: ECE of p_correct over samples, ece_pair of P(pair right) over every pair the selector could form (any
solution over any lower-scored one), ece_top_pair over the best-against-worst pairs alone; ten bins of equal
width. The default ranker is cross-fitted: a task that taught the calibration is scored by the fold that did
not see it.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.ranked_tasks import KnownTask, draws, known_tasks
from benchmarks.ranking_figures import Ranked, figures, precision_by_yield
from benchmarks.ranking_plot import yield_plot
from benchmarks.ranking_probes import with_probes
from pipeline.stage import run
from ranking.calibration import Calibration, calibration_from_json
from ranking.class_truth import posterior
from ranking.fitting import Case
from ranking.matrices import Floats, Matrices, stack
from ranking.model import pair_confidence, trust
from ranking.rankers import CLOSED_FORM, DEFAULT

CALIBRATION = Path("ranking/calibration.json")
CASES_PER_BATCH = 64
SEED = 0
COLUMNS = (
    "top1",
    "spearman",
    "auc",
    "p100",
    "p80",
    "p50",
    "p20",
    "ece",
    "brier",
    "ece_pair",
    "ece_top_pair",
    "ms",
)

Probabilities = Floats | None
Ranker = Callable[[Matrices, Sequence[str]], tuple[Floats, Probabilities]]


@dataclass(frozen=True)
class Setting:
    """Cases judged together, in batches of like size."""

    name: str
    cases: list[Case]


def main() -> None:
    """Print the tables; write the JSON and the plot."""
    arguments = _arguments()
    tasks = known_tasks(arguments.file)
    if arguments.probes:
        tasks = with_probes([task for task in tasks if task.matrices.passed.size], arguments.probes)
    calibration = calibration_from_json(json.loads(arguments.calibration.read_text(encoding="utf-8")))
    settings = [drawn(tasks, n, m, arguments.draws) for n, m in arguments.sizes] + [whole_pool(tasks)]
    answers: dict[str, object] = {"default": DEFAULT}
    curves: dict[str, dict[str, Floats]] = {}
    for setting in settings:
        table, curves[setting.name] = judged(setting, rankers(calibration))
        answers[setting.name] = table
        print(_text(setting, table))
    plot = arguments.plot or (arguments.json or Path("outputs/ranking")).with_suffix(".svg")
    plot.parent.mkdir(parents=True, exist_ok=True)
    plot.write_text(yield_plot(curves, highlighted=DEFAULT), encoding="utf-8")
    if arguments.json:
        arguments.json.write_text(json.dumps(answers, indent=1) + "\n", encoding="utf-8")


def drawn(tasks: Sequence[KnownTask], n: int, m: int, count: int) -> Setting:
    """`count` draws of n solutions x m tests, or as many as there are, of every task that has tests."""
    able = [task for task in tasks if task.matrices.passed.size]
    cases = [
        case for place, task in enumerate(able) for case in draws(task, n, m, count, seed=(SEED, n, m, place))
    ]
    return Setting(f"{n}x{m}", cases)


def whole_pool(tasks: Sequence[KnownTask]) -> Setting:
    """Every task that has tests, with all its samples."""
    return Setting("all", [task.case() for task in tasks if task.matrices.passed.size])


def rankers(calibration: Calibration) -> dict[str, Ranker]:
    """Every ranker as a function of a batch and its task ids, to scores and, where it has them, p_correct."""

    def closed_form(name: str) -> Ranker:
        return lambda batch, _: (CLOSED_FORM[name](batch).solutions, None)

    def class_truth(batch: Matrices, _: Sequence[str]) -> tuple[Floats, Probabilities]:
        return CLOSED_FORM["class_truth"](batch).solutions, posterior(batch)[0]

    def default(batch: Matrices, task_ids: Sequence[str]) -> tuple[Floats, Probabilities]:
        found = trust(batch, [calibration.model_for(task_id) for task_id in task_ids])
        return found.scores, found.p_correct

    return {name: closed_form(name) for name in CLOSED_FORM} | {"class_truth": class_truth, DEFAULT: default}


def judged(
    setting: Setting, by_name: dict[str, Ranker]
) -> tuple[dict[str, dict[str, float | None]], dict[str, Floats]]:
    """Figures and precision-yield curve by ranker; `ms` is CPU time a case, all cases in batches."""
    table, curves = {}, {}
    for name, ranker in by_name.items():
        ranked: list[Ranked] = []
        seconds = 0.0
        for cases, batch in _batches(setting.cases):
            started = time.process_time()
            scores, p_correct = ranker(batch, [case.task_id for case in cases])
            seconds += time.process_time() - started
            ranked += [
                _ranked(case, scores[index], None if p_correct is None else p_correct[index])
                for index, case in enumerate(cases)
            ]
        curves[name] = precision_by_yield([case for case in ranked if case.is_mixed])
        table[name] = figures(ranked) | {"ms": 1000 * seconds / max(len(setting.cases), 1)}
    return table, curves


def _batches(cases: Sequence[Case]) -> Iterator[tuple[list[Case], Matrices]]:
    ordered = sorted(cases, key=lambda case: case.matrices.passed.size + case.matrices.outputs.size)
    for start in range(0, len(ordered), CASES_PER_BATCH):
        chunk = ordered[start : start + CASES_PER_BATCH]
        yield chunk, stack([case.matrices for case in chunk])


def _ranked(case: Case, scores: Floats, p_correct: Probabilities) -> Ranked:
    count = case.matrices.solution_count
    own = scores[: len(count)]
    best, worst = int(np.argmax(own)), int(np.argmin(own))
    if p_correct is None:
        return Ranked(own, count, case.correct, float(own[best] - own[worst]))
    own_p = p_correct[: len(count)]
    return Ranked(own, count, case.correct, float(pair_confidence(own_p[best], own_p[worst])), own_p)


def _text(setting: Setting, table: dict[str, dict[str, float | None]]) -> str:
    mixed = sum(bool(case.correct.any() and not case.correct.all()) for case in setting.cases)
    n_tasks = len({case.task_id for case in setting.cases})
    lines = [
        f"\n{setting.name}: {len(setting.cases)} cases of {n_tasks} tasks, {mixed} of them mixed",
        f"{'':14}" + "".join(f"{name:>13}" for name in COLUMNS),
    ]
    for name, found in table.items():
        cells = ("-" if found[column] is None else f"{found[column]:.3f}" for column in COLUMNS)
        lines.append(f"{name:14}" + "".join(f"{cell:>13}" for cell in cells))
    return "\n".join(lines)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--sizes", type=_sizes, default=[(15, 15)], help="such as 15x15,30x30")
    parser.add_argument(
        "--probes", type=int, default=0, help="new inputs to run for each input (needs texts)"
    )
    parser.add_argument("--calibration", type=Path, default=CALIBRATION)
    return parser.parse_args()


def _sizes(text: str) -> list[tuple[int, int]]:
    return [(int(n), int(m)) for n, m in (size.split("x") for size in text.split(","))]


if __name__ == "__main__":
    run(main)
