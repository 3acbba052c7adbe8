"""tasks: programming tasks from their source, checked as a whole, without repetitions and benchmark tasks."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import Field

from pipeline.counts import write_counts
from pipeline.errors import TaskSourceError
from pipeline.params import Section, load
from pipeline.schemas.tasks import TASKS
from pipeline.sources.check import COLUMNS, Checked, check
from pipeline.sources.files import Entry, Problem, read_file
from pipeline.sources.hub import read_dataset
from pipeline.sources.novelty import contaminated, near_duplicates
from pipeline.stage import run
from pipeline.tables import Row, write

PROBLEMS_SHOWN = 20


class TasksParams(Section):
    """Which tasks to take.

    path: a .jsonl or .parquet file.
    dataset: a `datasets` id or a local folder of data files, instead of `path`; with its subset and split.
    columns: our column name -> the source's, where they differ.
    limit: take only so many tasks of the source; null for all.
    max_prompt_chars: longest prompt and starter code, in characters.
    near_duplicate_similarity: Jaccard similarity of word 3-grams at which a task repeats an earlier one.
    decontaminate: files (.jsonl, .parquet) of benchmark tasks; a task sharing 10 words in a row is dropped.
    """

    path: Path
    dataset: str | None
    subset: str | None
    split: str
    columns: dict[str, str]
    limit: int | None = Field(ge=1)
    max_prompt_chars: int = Field(ge=1)
    near_duplicate_similarity: float = Field(gt=0, le=1)
    decontaminate: list[Path]


def main() -> None:
    """Write the tasks table, or refuse the source and leave the table of the last good run in place."""
    params = load("tasks", TasksParams)
    source = params.dataset or str(params.path)
    checked = check(
        _entries(params), source=source, columns=params.columns, max_prompt_chars=params.max_prompt_chars
    )
    _refuse(checked, source, params)
    counts = Counter({"read": len(checked.rows)})
    taken = checked.rows[: params.limit]
    counts["dropped_over_limit"] = len(checked.rows) - len(taken)
    new = _without_near_duplicates(taken, params.near_duplicate_similarity)
    counts["dropped_near_duplicate"] = len(taken) - len(new)
    kept = _without_contamination(new, params.decontaminate)
    counts["dropped_contaminated"] = len(new) - len(kept)
    counts["kept"] = len(kept)
    write(TASKS, kept)
    write_counts("tasks", counts)
    print(_told(counts, source, checked.ignored_columns), file=sys.stderr)


def _entries(params: TasksParams) -> Iterator[Entry | Problem]:
    if params.dataset is not None:
        return read_dataset(params.dataset, params.subset, params.split)
    return read_file(params.path)


def _refuse(checked: Checked, source: str, params: TasksParams) -> None:
    unknown = set(params.columns) - set(COLUMNS)
    if unknown:
        raise TaskSourceError(
            "tasks.columns maps onto columns that tasks do not have",
            where="params.yaml",
            got=", ".join(sorted(unknown)),
            wanted=", ".join(COLUMNS),
        )
    if checked.problems:
        shown = [str(problem) for problem in checked.problems[:PROBLEMS_SHOWN]]
        more = len(checked.problems) - len(shown)
        count = f"{len(checked.problems)} problem{'s' if len(checked.problems) > 1 else ''}"
        raise TaskSourceError(
            f"{count} in the tasks; none was taken, earlier outputs are untouched",
            where=source,
            got="\n         ".join([*shown, *([f"and {more} more"] if more else [])]),
            wanted=f"the columns that docs/tasks.md names: {', '.join(COLUMNS)}",
            next_step="mend these rows (or tasks.columns in params.yaml), then: dvc repro",
        )
    if not checked.rows:
        raise TaskSourceError("The source holds no task", where=source, wanted="at least one row")


def _without_near_duplicates(tasks: list[Row], similarity: float) -> list[Row]:
    repeats = near_duplicates([_text(task) for task in tasks], similarity)
    return [task for number, task in enumerate(tasks) if number not in repeats]


def _without_contamination(tasks: list[Row], benchmarks: Iterable[Path]) -> list[Row]:
    texts = [text for path in benchmarks for text in _benchmark_texts(path)]
    found = contaminated((_text(task) for task in tasks), texts)
    return [task for task, is_known in zip(tasks, found, strict=True) if not is_known]


def _benchmark_entries(path: Path) -> Iterator[Entry | Problem]:
    try:
        yield from read_file(path)
    except TaskSourceError as error:
        raise TaskSourceError(
            "A benchmark to leave out cannot be read",
            where=f"{error.where}, which tasks.decontaminate names",
            got=f"{error.what}: {error.got}" if error.got else error.what,
            wanted=error.wanted,
            next_step=error.next_step,
        ) from None


def _benchmark_texts(path: Path) -> Iterator[str]:
    for entry in _benchmark_entries(path):
        if isinstance(entry, Problem):
            raise TaskSourceError("A benchmark to leave out cannot be read", where=str(path), got=str(entry))
        # HumanEval calls it prompt, MBPP text; whatever it is called, the task is told in one of these.
        found = (entry.values.get(name) for name in ("prompt", "text", "question"))
        texts = [text for text in found if isinstance(text, str) and text]
        if not texts:
            raise TaskSourceError(
                "A benchmark to leave out has a row without a prompt",
                where=f"{path}, {entry.place}",
                got=", ".join(entry.values),
                wanted="a text in a column prompt, text or question",
            )
        yield from texts


def _text(task: Row) -> str:
    return f"{task['prompt']}\n{task['starter_code']}"


def _told(counts: Counter[str], source: str, ignored: set[str]) -> str:
    dropped = ", ".join(
        f"{count} {reason.removeprefix('dropped_').replace('_', ' ')}"
        for reason, count in counts.items()
        if reason.startswith("dropped_") and count
    )
    unread = f"; columns not read: {', '.join(sorted(ignored))}" if ignored else ""
    return f"tasks: {counts['kept']} of {counts['read']} from {source} (dropped: {dropped or 'none'}){unread}"


if __name__ == "__main__":
    run(main)
