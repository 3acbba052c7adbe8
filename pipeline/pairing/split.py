"""Which tasks are held out of training."""

from collections.abc import Iterable

from pipeline.identity import content_id


def held_out(task_ids: Iterable[str], share: float) -> frozenset[str]:
    """The tasks of the validation split: `share` of them, rounded, those whose hash is lowest.

    With a share above 0, of two tasks or more at least one is held out and one is not: a share of few tasks
    rounds to none. By hash, not by draw: the order of two tasks does not depend on what others there are, so
    that of a task held out before only those at the edge ever change sides.
    """
    ordered = sorted(set(task_ids), key=lambda task_id: content_id("split", task_id))
    wanted = max(round(share * len(ordered)), 1) if share else 0
    return frozenset(ordered[: max(min(wanted, len(ordered) - 1), 0)])
