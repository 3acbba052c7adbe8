"""Entries -> rows of the tasks table, or every problem with its place, column and reason.

Columns a source may give (`tasks.columns` maps other names onto these):

    id                  text or whole number, unique in the source              required
    prompt              the task in plain words                                 required
    entry_point         the function's name                                     required
    starter_code        imports, signature, docstring (see starter.py)          made from the example test
    example_tests       list of public `assert f(x) == y` statements            may be missing
    tags                list of words                                           may be missing
    reference_tests     list of tests, for evaluation only                      may be missing
    reference_solution  code, for evaluation only                               may be missing
"""

import ast
import keyword
import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.assertions import Degenerate, parse_test
from pipeline.identity import content_id
from pipeline.sources.files import Entry, Problem
from pipeline.sources.starter import UnusableStarterError, starter
from pipeline.tables import Row

REQUIRED = ("id", "prompt", "entry_point")
COLUMNS = (*REQUIRED, "starter_code", "example_tests", "tags", "reference_tests", "reference_solution")
LISTS = {"example_tests", "tags", "reference_tests"}


@dataclass
class Checked:
    """What came of a source's entries.

    rows: rows of the tasks table, in the source's order.
    problems: why entries were refused, in the source's order.
    ignored_columns: the source's columns that nothing reads.
    """

    rows: list[Row] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    ignored_columns: set[str] = field(default_factory=set)


def check(
    entries: Iterable[Entry | Problem], *, source: str, columns: Mapping[str, str], max_prompt_chars: int
) -> Checked:
    """Rows for the entries that can be taken, problems for the others.

    Args:
        entries: as a reader of this package gives them.
        source: what to write into the rows' `source`.
        columns: our column name -> the source's, where they differ.
        max_prompt_chars: the longest prompt and the longest starter code that is taken, in characters.
    """
    checked = Checked()
    place_of_id: dict[str, str] = {}
    seen: set[str] = set()
    theirs = {name: columns.get(name, name) for name in COLUMNS}
    for entry in entries:
        if isinstance(entry, Problem):
            checked.problems.append(entry)
            continue
        seen |= set(entry.values)
        values = {name: entry.values.get(column) for name, column in theirs.items()}
        with warnings.catch_warnings():
            # "\\d" in somebody's docstring is his to mend, and no reason to refuse the task.
            warnings.simplefilter("ignore")
            problems = _problems(entry.place, values, theirs, place_of_id, max_prompt_chars)
            if not problems:
                try:
                    checked.rows.append(_row(values, source))
                except UnusableStarterError as error:
                    problems = [Problem(entry.place, f"column {theirs[error.column]}", str(error))]
        checked.problems.extend(problems)
    checked.ignored_columns = seen - set(theirs.values())
    checked.problems = _missing_told_once(checked.problems, seen, theirs)
    return checked


def _missing_told_once(problems: list[Problem], seen: set[str], theirs: Mapping[str, str]) -> list[Problem]:
    """The problems, those of a needed column that no row has replaced by a single one."""
    needed = [*REQUIRED, *(["starter_code"] if theirs["example_tests"] not in seen else [])]
    missing = {f"column {theirs[name]}": name for name in needed if theirs[name] not in seen}
    if not seen or not missing:
        return problems
    there = ", ".join(sorted(seen))[:300]
    told = [
        Problem(
            "every row",
            f"{column} or {theirs['example_tests']}" if name == "starter_code" else column,
            f"missing; there are {there}; say in tasks.columns which one it is: {{{name}: ...}}",
        )
        for column, name in missing.items()
    ]
    return [*told, *(problem for problem in problems if problem.column not in missing)]


def _problems(
    place: str, values: Row, theirs: Mapping[str, str], place_of_id: dict[str, str], max_prompt_chars: int
) -> list[Problem]:
    found = []
    entry_point = values["entry_point"]
    for name, value in values.items():
        reason = _type_reason(name, value) or (
            None if value is None else _content_reason(name, value, entry_point, max_prompt_chars)
        )
        if reason:
            found.append(Problem(place, f"column {theirs[name]}", reason))
    if not any(problem.column == f"column {theirs['id']}" for problem in found):
        first = place_of_id.setdefault(str(values["id"]), place)
        if first != place:
            found.append(
                Problem(place, f"column {theirs['id']}", f"{values['id']!r} is the id of {first} already")
            )
    return found


def _type_reason(name: str, value: object) -> str | None:
    if value is None:
        return "missing" if name in REQUIRED else None
    if name in LISTS:
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return _first(_lone_surrogate, value)
        return f"{_shown(value)} is not a list of texts"
    if isinstance(value, str):
        return _lone_surrogate(value)
    is_number_id = name == "id" and isinstance(value, int) and not isinstance(value, bool)
    return None if is_number_id else f"{_shown(value)} is not a text"


def _content_reason(name: str, value: object, entry_point: object, max_prompt_chars: int) -> str | None:
    checks: dict[str, Callable[[Any], str | None]] = {
        "id": _empty,
        "prompt": lambda text: _empty(text) or _too_long(text, max_prompt_chars),
        "starter_code": lambda text: _empty(text) or _too_long(text, max_prompt_chars),
        "entry_point": _no_identifier,
        "example_tests": lambda tests: _first(lambda test: _no_example(test, entry_point), tests),
        "reference_tests": lambda tests: _first(_no_python, tests),
        "reference_solution": _no_python,
    }
    return checks[name](value) if name in checks else None


def _lone_surrogate(text: str) -> str | None:
    # JSON's \ud800 is half a character: no file and no model can take it.
    halves = [char for char in text if "\ud800" <= char <= "\udfff"]
    return f"holds half a character, \\u{ord(halves[0]):x}" if halves else None


def _empty(value: object) -> str | None:
    return None if str(value).strip() else "empty"


def _too_long(text: str, max_chars: int) -> str | None:
    if len(text) <= max_chars:
        return None
    return f"{len(text):,} characters, more than tasks.max_prompt_chars = {max_chars:,}"


def _no_identifier(text: str) -> str | None:
    is_name = text.isidentifier() and not keyword.iskeyword(text)
    return None if is_name else f"{_shown(text)} is not a name Python can define"


def _no_python(code: str) -> str | None:
    try:
        ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return f"not valid Python: {error}"
    return None


def _no_example(code: str, entry_point: object) -> str | None:
    reason = _no_python(code)
    if reason:
        return reason
    body = ast.parse(code).body
    if len(body) != 1 or not isinstance(body[0], ast.Assert):
        return f"{_shown(code)} is not one assert statement"
    if not isinstance(entry_point, str) or _no_identifier(entry_point):
        return None  # told of its own column
    parsed = parse_test(code, entry_point)
    if isinstance(parsed, Degenerate):
        return f"{_shown(code)} tells nothing about {entry_point}: {parsed.reason.replace('_', ' ')}"
    return None


def _first(reason_of: Callable[[str], str | None], tests: list[str]) -> str | None:
    reasons = ((number, reason_of(test)) for number, test in enumerate(tests, start=1))
    return next((f"item {number}: {reason}" for number, reason in reasons if reason), None)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _row(values: Row, source: str) -> Row:
    examples = values["example_tests"] or []
    source_id, prompt, entry_point = str(values["id"]), values["prompt"].strip(), values["entry_point"]
    code = starter(values["starter_code"], entry_point, prompt, examples)
    return {
        "task_id": f"{_slug(source_id)}-{content_id('task', prompt, entry_point, code, *examples)[:10]}",
        "source_id": source_id,
        "prompt": prompt,
        "entry_point": entry_point,
        "starter_code": code,
        "example_tests": examples,
        "source": source,
        "tags": values["tags"] or [],
        "reference_tests": values["reference_tests"] or [],
        "reference_solution": values["reference_solution"],
    }


def _slug(source_id: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", source_id.lower()).strip("-")[:40].strip("-") or "task"
