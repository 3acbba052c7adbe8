"""The shipped weights, and beside them those of every fold, so that no task is judged by what it taught.

`calibration.json` in this folder is data: the stage and the benchmarks read it and pass it in.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ranking.model import Model, model_from_json, model_to_json


@dataclass(frozen=True)
class Fold:
    """A model that was fitted without these tasks."""

    tasks: frozenset[str]
    model: Model


@dataclass(frozen=True)
class Calibration:
    """A model fitted on all its tasks, and one for each fold of them, fitted on the others."""

    model: Model
    folds: tuple[Fold, ...]

    def model_for(self, task_id: str) -> Model:
        """A model that did not learn from this task."""
        return next((fold.model for fold in self.folds if task_id in fold.tasks), self.model)


def calibration_from_json(stored: Mapping[str, Any]) -> Calibration:
    """The calibration `calibration_to_json` stored.

    Raises:
        KeyError: it lacks a weight that this version needs; refit it.
    """
    return Calibration(
        model_from_json(stored["model"]),
        tuple(Fold(frozenset(fold["tasks"]), model_from_json(fold["model"])) for fold in stored["folds"]),
    )


def calibration_to_json(calibration: Calibration) -> dict[str, Any]:
    """All weights by feature name, and each fold's tasks."""
    return {
        "model": model_to_json(calibration.model),
        "folds": [
            {"tasks": sorted(fold.tasks), "model": model_to_json(fold.model)} for fold in calibration.folds
        ],
    }
