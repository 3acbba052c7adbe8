"""How good a ranking is: figures of one ranker over many cases with known answers.

Where scores tie, figures are expectations over a random choice among the tied. A solution that stands for c
samples counts c times. Every case with right and wrong solutions counts the same (no mean by task).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from ranking.matrices import Bools, Floats

ECE_BINS = 10
KEPT_SHARES = (100, 80, 50, 20)
SAME_BEHAVIOR = 1e-9  # a smaller gap only orders solutions that behave alike, which make no pair


@dataclass(frozen=True)
class Ranked:
    """One case as one ranker sees it.

    scores, count, correct: (n,).
    confidence: in the pair of the best- against the worst-scored solution; any scale.
    p_correct: (n,) where the ranker gives probabilities.
    """

    scores: Floats
    count: Floats
    correct: Bools
    confidence: float
    p_correct: Floats | None = None

    @property
    def is_mixed(self) -> bool:
        """There is something to rank: right and wrong solutions."""
        return bool(self.correct.any() and not self.correct.all())

    @property
    def offers_pair(self) -> bool:
        """Its best- and its worst-scored solution differ in what they do."""
        return bool(self.scores.max() - self.scores.min() > SAME_BEHAVIOR)


def figures(cases: Sequence[Ranked]) -> dict[str, float | None]:
    """top1, spearman, auc, p100 … p20 over mixed cases; ece, brier, ece_pair over all cases."""
    mixed = [case for case in cases if case.is_mixed]
    found: dict[str, float | None] = {
        "top1": _mean([_right_at(case, case.scores.max()) for case in mixed]),
        "spearman": _mean([_spearman(case) for case in mixed]),
        "auc": _mean([_auc(case) for case in mixed]),
    }
    curve = precision_by_yield(mixed)
    for share in KEPT_SHARES:
        found[f"p{share}"] = float(curve[int(np.ceil(len(curve) * share / 100)) - 1]) if len(curve) else None
    return found | _calibration(cases)


def precision_by_yield(mixed: Sequence[Ranked]) -> Floats:
    """Element i: the precision of the i + 1 most confident pairs; one pair a case.

    A case where all solutions tie offers no pair. Equal confidences share their precision evenly.
    """
    offered = [case for case in mixed if case.offers_pair]
    if not offered:
        return np.zeros(0)
    confidence = np.array([case.confidence for case in offered])
    right = np.array([pair_right(case) for case in offered])
    order = np.argsort(-confidence, kind="stable")
    _, group = np.unique(-confidence[order], return_inverse=True)
    evened = (np.bincount(group, weights=right[order]) / np.bincount(group))[group]
    return np.asarray(np.cumsum(evened) / np.arange(1, len(evened) + 1))


def pair_right(case: Ranked) -> float:
    """P(a best-scored solution is right and a worst-scored one is wrong)."""
    return _right_at(case, case.scores.max()) * (1 - _right_at(case, case.scores.min()))


def expected_calibration_error(probability: Floats, outcome: Floats, weight: Floats) -> float:
    """Mean |probability - outcome| over ten bins of equal width, each weighed by what falls in it."""
    place = np.minimum((probability * ECE_BINS).astype(int), ECE_BINS - 1)
    gaps = np.bincount(place, weights=weight * (probability - outcome), minlength=ECE_BINS)
    return float(np.abs(gaps).sum() / weight.sum())


def _calibration(cases: Sequence[Ranked]) -> dict[str, float | None]:
    known = [(case, case.p_correct) for case in cases if case.p_correct is not None]
    if not known:
        return {"ece": None, "brier": None, "ece_pair": None, "ece_top_pair": None}
    probability = np.concatenate([p for _, p in known])
    outcome = np.concatenate([case.correct for case, _ in known]).astype(np.float64)
    weight = np.concatenate([case.count / case.count.sum() for case, _ in known])
    pairs = [_candidate_pairs(case, p) for case, p in known]
    p_pair, pair_outcome, pair_weight = (np.concatenate(column) for column in zip(*pairs, strict=True))
    offered = [case for case in cases if case.offers_pair]
    top_confidence = np.array([case.confidence for case in offered])
    top_right = np.array([pair_right(case) for case in offered])
    return {
        "ece": expected_calibration_error(probability, outcome, weight),
        "brier": float(np.average((probability - outcome) ** 2, weights=weight)),
        "ece_pair": expected_calibration_error(p_pair, pair_outcome, pair_weight),
        "ece_top_pair": expected_calibration_error(top_confidence, top_right, np.ones(len(offered))),
    }


def _candidate_pairs(case: Ranked, p_correct: Floats) -> tuple[Floats, Floats, Floats]:
    """Every pair of samples the selector may form: any solution over any lower-scored one."""
    above, below = np.nonzero(case.scores[:, None] - case.scores[None, :] > SAME_BEHAVIOR)
    weight = case.count[above] * case.count[below]
    return (
        p_correct[above] * (1 - p_correct[below]),
        (case.correct[above] & ~case.correct[below]).astype(np.float64),
        weight / max(weight.sum(), 1.0),
    )


def _right_at(case: Ranked, score: float) -> float:
    weight = case.count * (case.scores == score)
    return float(weight @ case.correct / weight.sum())


def _auc(case: Ranked) -> float:
    right, wrong = case.correct, ~case.correct
    gap = case.scores[right][:, None] - case.scores[wrong][None, :]
    weight = np.outer(case.count[right], case.count[wrong])
    return float((weight * ((gap > 0) + 0.5 * (gap == 0))).sum() / weight.sum())


def _spearman(case: Ranked) -> float:
    count = case.count.astype(int)
    ranks = rankdata(np.repeat(case.scores, count))
    truth = np.repeat(case.correct, count)
    if ranks.min() == ranks.max():
        return 0.0
    return float(np.corrcoef(ranks, truth)[0, 1])


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
