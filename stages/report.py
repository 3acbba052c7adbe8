"""report: what was made, how much of it is true, and what was dropped; metrics.json, plots, report page.

The only stage that reads reference tests and solutions. Without any, it reports all that needs none.
"""

import json
import sys
from collections import Counter
from collections.abc import Container, Iterator, Mapping
from pathlib import Path

import pandas as pd

from pipeline.counts import read_counts
from pipeline.execution import Trial, judged
from pipeline.pairing.card import clearest
from pipeline.pairing.export import TEXTS
from pipeline.params import load
from pipeline.progress import meter
from pipeline.reporting.figures import (
    Figures,
    amounts,
    calibration_figures,
    pair_truth,
    pair_truth_figures,
    ranking_figures,
    speed_figures,
    truth_figures,
    verdict_mix,
)
from pipeline.reporting.plots import Predictions, write_plots
from pipeline.reporting.summary import report_page, summary
from pipeline.reporting.truth import correct_of, reference_trial, solution_trial, valid_of
from pipeline.sandbox.params import SandboxParams
from pipeline.sandbox.sandbox import Sandbox
from pipeline.schemas.pairs import PAIRS
from pipeline.schemas.profiles import PROFILES
from pipeline.schemas.rewrites import REWRITES
from pipeline.schemas.solution_scores import RANKERS, SOLUTION_SCORES
from pipeline.schemas.solutions import SOLUTIONS
from pipeline.schemas.tasks import TASKS
from pipeline.schemas.test_scores import TEST_SCORES
from pipeline.schemas.tests import TESTS
from pipeline.schemas.truths import TRUTHS
from pipeline.schemas.verdicts import VERDICTS
from pipeline.schemas.verified import VERIFIED
from pipeline.stage import run
from pipeline.tables import OUTPUTS, ROWS_PER_GROUP, Row, Table, by_task, read, rows, writer
from stages.overheads import measured_tasks, overhead_figures, rewrite_figures

REPORT = OUTPUTS / "report"
SCORE_COLUMNS = ["solution_id", "task_id", *RANKERS, "score", "p_correct", "trusted"]
COUNTED_STAGES = ("tasks", "generate", "execute", "rank", "profile", "optimize", "verify", "pairs")


def main() -> None:
    """Write the truths table and outputs/report, and print the summary."""
    dropped = {stage: read_counts(stage) for stage in COUNTED_STAGES}
    with Sandbox.open(load("sandbox", SandboxParams)) as sandbox:
        isolation = sandbox.isolation
        correct, valid, dropped["report"] = _truth(sandbox)
    tables, verdicts = _tables(), _verdict_counts()
    figures, predictions = _figures(tables, dropped["generate"], correct, valid)
    figures |= verdict_mix(verdicts)
    figures |= _efficiency_figures(correct)
    pairs = [clearest(rows(PAIRS))] if len(tables["pairs"]) else []
    REPORT.mkdir(parents=True, exist_ok=True)
    _write(REPORT / "metrics.json", json.dumps(figures, indent=2) + "\n")
    _write(REPORT / "report.md", report_page(figures, dropped, pairs, isolation))
    _write(REPORT / "summary.txt", summary(figures, pairs, isolation))
    write_plots(REPORT / "plots", predictions, tables["pairs"], verdicts)
    print((REPORT / "summary.txt").read_text(encoding="utf-8"), file=sys.stderr)


def _truth(sandbox: Sandbox) -> tuple[pd.Series, pd.Series, Counter[str]]:
    """solution_id -> right, test_id -> valid, and counts; the truths table is written on the way."""
    counts: Counter[str] = Counter(
        dropped_reference_tests_that_test_nothing=0, tasks_whose_reference_solution_fails_their_tests=0
    )
    truths: dict[str, dict[str, bool]] = {}  # task_id -> solution_id -> right
    doubtful = set()
    valid: dict[str, bool] = {}
    with meter("report", "tasks with references") as progress:
        for done in judged(_solution_trials(counts), sandbox):
            progress.advance()
            correct = correct_of(done)
            if correct is None:
                counts["tasks_whose_reference_solution_fails_their_tests"] += 1
                doubtful.add(done.task_id)
                continue
            truths[done.task_id] = correct
    for done in judged(_reference_trials(doubtful), sandbox):
        valid |= valid_of(done)
    with writer(TRUTHS) as sink:
        for task_id, correct in sorted(truths.items()):
            sink.append(
                {"solution_id": solution_id, "task_id": task_id, "correct": is_correct}
                for solution_id, is_correct in sorted(correct.items())
            )
    known = pd.Series(
        {one: right for correct in truths.values() for one, right in correct.items()}, dtype=bool
    )
    return known, pd.Series(valid, dtype=bool), counts


def _solution_trials(counts: Counter[str]) -> Iterator[Trial]:
    for _, (tasks, solutions, rewrites) in by_task(TASKS, SOLUTIONS, REWRITES):
        for task in tasks:
            trial = solution_trial(task, [*solutions, *rewrites], counts)
            if trial is None:
                counts["tasks_without_reference_tests_or_solutions"] += 1
            else:
                yield trial


def _reference_trials(doubtful: Container[str]) -> Iterator[Trial]:
    for _, (tasks, tests) in by_task(TASKS, TESTS):
        for task in tasks:
            trial = reference_trial(task, tests)
            if trial is not None and trial.task_id not in doubtful:
                yield trial


def _tables() -> dict[str, pd.DataFrame]:
    return {
        "tasks": read(TASKS, ["task_id"]).to_pandas(),
        "solutions": read(SOLUTIONS, ["solution_id", "task_id", "sample_count"]).to_pandas(),
        "tests": read(TESTS, ["test_id", "sample_count"]).to_pandas(),
        "solution_scores": read(SOLUTION_SCORES, SCORE_COLUMNS).to_pandas(),
        "test_scores": read(TEST_SCORES, ["test_id", "p_valid", "credible"]).to_pandas(),
        "verified": read(VERIFIED).to_pandas(),
        "pairs": read(PAIRS, [name for name in PAIRS.schema.names if name not in TEXTS]).to_pandas(),
    }


def _efficiency_figures(correct: pd.Series) -> Figures:
    solutions, scores = _rows(SOLUTIONS, "sample_count"), _rows(SOLUTION_SCORES, "score")
    tasks = measured_tasks(rows(PROFILES), solutions, scores)
    known = {str(solution_id): bool(right) for solution_id, right in correct.items()}
    return overhead_figures(tasks, known) | rewrite_figures(read(VERIFIED).to_pylist())


def _rows(table: Table, column: str) -> Iterator[Row]:
    """A column and its ids, one batch of rows in memory at a time."""
    for batch in read(table, ["task_id", "solution_id", column]).to_batches(max_chunksize=ROWS_PER_GROUP):
        yield from batch.to_pylist()


def _verdict_counts() -> dict[str, int]:
    # Counted in Arrow: this is the one table with a row for every solution on every test.
    counted = read(VERDICTS, ["verdict"]).column("verdict").value_counts().to_pylist()
    return dict(sorted((row["values"], row["counts"]) for row in counted))


def _figures(
    tables: Mapping[str, pd.DataFrame], drawn: Counter[str], correct: pd.Series, valid: pd.Series
) -> tuple[Figures, Predictions]:
    pairs, scores, tests = tables["pairs"], tables["solution_scores"], tables["test_scores"]
    is_true = pair_truth(pairs, correct)
    predictions = {
        "solutions": _outcomes(scores.set_index("solution_id").p_correct, correct),
        "tests": _outcomes(tests.set_index("test_id").p_valid, valid),
        "pairs": _outcomes(pairs.set_index("pair_id").confidence, is_true),
    }
    figures = {
        **amounts(tables, drawn),
        **truth_figures(tables, drawn, correct, valid),
        **pair_truth_figures(pairs, is_true),
        **calibration_figures(predictions),
        **ranking_figures(scores, correct),
        **speed_figures(pairs, tables["verified"]),
    }
    return figures, predictions


def _outcomes(probability: pd.Series, outcome: pd.Series) -> tuple[list[float], list[bool]]:
    known = probability[probability.index.isin(outcome.index)]
    return known.tolist(), outcome.loc[known.index].tolist()


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    run(main)
