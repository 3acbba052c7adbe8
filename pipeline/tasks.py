"""A programming task as every stage but the report sees it: without its reference tests and solution."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Task:
    """One function to write.

    task_id: slug of the source's id and a hash of the content; stable across runs and machines.
    prompt: the task in plain words.
    entry_point: the function's name, an identifier that `starter_code` defines.
    starter_code: imports, signature and docstring; ends exactly at the docstring's closing quotes.
    example_tests: public `assert f(x) == y` statements, shown to the model; may be empty.
    """

    task_id: str
    prompt: str
    entry_point: str
    starter_code: str
    example_tests: tuple[str, ...]

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Task":
        """The public part of a row of the tasks table."""
        return cls(
            task_id=row["task_id"],
            prompt=row["prompt"],
            entry_point=row["entry_point"],
            starter_code=row["starter_code"],
            example_tests=tuple(row["example_tests"]),
        )
