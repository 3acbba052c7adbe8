"""The rankers by the names of their columns in solution_scores."""

from collections.abc import Callable, Mapping

from ranking.class_truth import class_truth
from ranking.closed_form import Scores, b4, codedpo, codet, consensus, mbr_exec, tests_passed
from ranking.matrices import Matrices
from ranking.pagerank import pagerank

DEFAULT = "pairsmith"  # ranking.model: fitted, so it needs more than a batch

CLOSED_FORM: Mapping[str, Callable[[Matrices], Scores]] = {
    "tests_passed": tests_passed,
    "codedpo": codedpo,
    "codet": codet,
    "b4": b4,
    "mbr_exec": mbr_exec,
    "pagerank": pagerank,
    "consensus": consensus,
    "class_truth": class_truth,
}
