"""Every number of metrics.json: one flat name -> number, or None where there is nothing to take it from.

docs/report.md says what each name means. Frames are pandas views of the tables with the columns named here.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from pipeline.pairing.candidates import PASS
from pipeline.reporting.calibration import auc, brier_score, expected_calibration_error, reliability
from pipeline.schemas.pairs import CORRECTNESS, EFFICIENCY, VALIDATION
from pipeline.schemas.solution_scores import RANKERS

Figures = dict[str, float | int | None]


def amounts(tables: Mapping[str, pd.DataFrame], drawn: Counter[str]) -> Figures:
    """How much was made, from the tables by name.

    Args:
        tables: by name.
        drawn: the counts of `generate`; no table has a row for a sample that held nothing.
    """
    solutions, tests, pairs = tables["solutions"], tables["tests"], tables["pairs"]
    return {
        "tasks": len(tables["tasks"]),
        "solution_samples": drawn["solution_samples"],
        "solutions_sampled": int(solutions.sample_count.sum()),
        "solutions": len(solutions),
        "test_samples": drawn["test_samples"],
        "tests_sampled": int(tests.sample_count.sum()),
        "tests": len(tests),
        "solutions_trusted": int(tables["solution_scores"].trusted.sum()),
        "tests_credible": int(tables["test_scores"].credible.sum()),
        "rewrites": len(tables["verified"]),
        "rewrites_accepted": int(tables["verified"].accepted.sum()),
        "pairs": len(pairs),
        "pairs_correctness": int((pairs.kind == CORRECTNESS).sum()),
        "pairs_efficiency": int((pairs.kind == EFFICIENCY).sum()),
        "pairs_efficiency_rewritten": int(pairs.is_rewrite.sum()),
        "pairs_validation": int((pairs.split == VALIDATION).sum()),
        "tasks_with_pairs": int(pairs.task_id.nunique()),
    }


def verdict_mix(counts: Mapping[str, int]) -> Figures:
    """verdicts_<verdict>: how many (solution, test) ended so; verdicts_pass_share of them all."""
    mix: Figures = {f"verdicts_{name}": count for name, count in counts.items()}
    mix["verdicts_pass_share"] = _ratio(counts.get(PASS, 0), sum(counts.values()))
    return mix


def truth_figures(
    tables: Mapping[str, pd.DataFrame], drawn: Counter[str], correct: pd.Series, valid: pd.Series
) -> Figures:
    """What is true by reference tests and solutions.

    Args:
        tables: by name.
        drawn: the counts of `generate`.
        correct: solution_id -> whether it passes its task's reference tests; only of tasks that have any.
        valid: test_id -> whether the task's reference solution passes it; only of tasks that have one.
    """
    solutions = tables["solutions"]
    judged = solutions[solutions.solution_id.isin(correct.index)]
    right = judged.solution_id.map(correct).to_numpy(bool)
    samples_right = judged.sample_count[right].sum()
    # Samples without a solution are counted over all tasks, so pass@1 is known only where all are judged.
    all_judged = len(judged) == len(solutions)
    scores, tests = tables["solution_scores"], tables["test_scores"]
    trusted = scores.solution_id[scores.trusted & scores.solution_id.isin(correct.index)]
    known = tests[tests.test_id.isin(valid.index)]
    validity = known.test_id.map(valid).astype(bool)
    return {
        "tasks_with_reference": int(judged.task_id.nunique()),
        "tasks_with_a_right_sample": int(judged.task_id[right].nunique()),
        "samples_right_share": _ratio(samples_right, drawn["solution_samples"]) if all_judged else None,
        "solutions_sampled_right_share": _ratio(samples_right, judged.sample_count.sum()),
        "trusted_right_share": mean(trusted.map(correct)),
        "tests_valid_share": mean(validity),
        "credible_tests_valid_share": mean(validity[known.credible]),
    }


def pair_truth(pairs: pd.DataFrame, correct: pd.Series) -> pd.Series:
    """pair_id -> whether the pair is true, for the pairs of tasks with reference tests.

    A correctness pair is true when chosen is right and rejected wrong, an efficiency pair when
    both are right.
    """
    judged = pairs[pairs.chosen_id.isin(correct.index) & pairs.rejected_id.isin(correct.index)]
    chosen = judged.chosen_id.map(correct).to_numpy(bool)
    rejected = judged.rejected_id.map(correct).to_numpy(bool)
    is_true = chosen & np.where(judged.kind == EFFICIENCY, rejected, ~rejected)
    return pd.Series(is_true, index=judged.pair_id, dtype=bool)


def pair_truth_figures(pairs: pd.DataFrame, is_true: pd.Series) -> Figures:
    """Of each kind: pairs judged, pairs true, and their share."""
    figures: Figures = {}
    for kind in (CORRECTNESS, EFFICIENCY):
        of_kind = is_true[is_true.index.isin(pairs.pair_id[pairs.kind == kind])]
        figures[f"pairs_{kind}_judged"] = len(of_kind)
        figures[f"pairs_{kind}_true"] = int(of_kind.sum())
        figures[f"pairs_{kind}_true_share"] = mean(of_kind)
    return figures


def calibration_figures(predictions: Mapping[str, tuple[Sequence[float], Sequence[bool]]]) -> Figures:
    """<what>_ece and <what>_brier of each named list of probabilities and outcomes."""
    figures: Figures = {}
    for what, (probabilities, came_true) in predictions.items():
        figures[f"{what}_ece"] = expected_calibration_error(reliability(probabilities, came_true))
        figures[f"{what}_brier"] = brier_score(probabilities, came_true)
    return figures


def ranking_figures(scores: pd.DataFrame, correct: pd.Series) -> Figures:
    """auc_<ranker>: within-task AUC of each ranker, averaged over the tasks with right and wrong solutions.

    top1_right: share of those tasks whose highest score is a right solution's; equal scores share the place.
    """
    known = scores[scores.solution_id.isin(correct.index)].copy()
    known["correct"] = known.solution_id.map(correct).astype(bool)
    values: dict[str, list[float | None]] = {ranker: [] for ranker in ("score", *RANKERS)}
    tops = []
    for _, task in known.groupby("task_id"):  # one at a time: a frame takes ten times what it holds
        if task.correct.nunique() < 2:
            continue
        for ranker, of_tasks in values.items():
            of_tasks.append(auc(task[ranker].tolist(), task.correct.tolist()))
        tops.append(mean(task.correct[task.score == task.score.max()]))
    figures: Figures = {"tasks_mixed": len(tops)}
    figures |= {f"auc_{ranker}": mean(pd.Series(aucs, dtype=float)) for ranker, aucs in values.items()}
    figures["top1_right"] = mean(pd.Series(tops, dtype=float))
    return figures


def speed_figures(pairs: pd.DataFrame, verified: pd.DataFrame) -> Figures:
    """Speedups of the efficiency pairs, and how many of the rewrites were an improvement."""
    fast = pairs[pairs.speedup.notna()]
    return {
        "speedup_median": _finite(fast.speedup.median()),
        "speedup_geometric_mean": _finite(np.exp(np.log(fast.speedup).mean())),
        "speedup_max": _finite(fast.speedup.max()),
        "memory_ratio_median": _finite(pairs.memory_ratio.median()),
        "rewrites_accepted_share": mean(verified.accepted),
    }


def mean(values: pd.Series) -> float | None:
    """The mean, or None of nothing."""
    return _finite(values.astype(float).mean())


def _ratio(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
