"""A worker's answer, checked: bytes from a process that ran untrusted code -> typed figures, or nothing."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

MAX_ANSWER_BYTES = 4_000_000
MAX_WHOLE = 2**63 - 1  # what a column of a table holds


@dataclass(frozen=True)
class Workload:
    """Grown arguments, named by what makes them again together with a seed."""

    call: str
    shape: str
    size: int


@dataclass(frozen=True)
class LineCost:
    """One source line of a solution: CPU seconds, times run, bytes it left in use (may be negative)."""

    number: int
    seconds: float
    hits: int
    grown_bytes: int


@dataclass(frozen=True)
class Answer:
    """What one worker process reported; see profiling.inside.worker for the meaning of each.

    The sequences run over the request's programs; None for one that was dropped or not asked about.
    """

    dropped: dict[int, str]
    workload: Workload | None
    ended: str
    digest: str
    ladder: tuple[tuple[int, tuple[float, ...]], ...]
    checks: tuple[Workload, ...]
    seconds: tuple[tuple[float | None, ...] | None, ...]
    loops: tuple[int | None, ...]
    peaks: tuple[int | None, ...]
    lines: tuple[tuple[LineCost, ...] | None, ...]
    fills: tuple[float | None, ...]
    effects: tuple[str | None, ...]


def parsed_answer(output: bytes, n_programs: int) -> Answer | None:
    """The answer, or None if the bytes are not a well-formed one about `n_programs` programs."""
    if len(output) > MAX_ANSWER_BYTES:
        return None
    try:
        found = json.loads(output)
        json.dumps(found, ensure_ascii=False).encode()  # half of a surrogate pair is no text
        return Answer(
            dropped={_whole(int(i), n_programs - 1): str(why) for i, why in found["dropped"].items()},
            workload=_workload(found["workload"]),
            ended=str(found["ended"]),
            digest=_digest(found.get("digest", "")),
            ladder=tuple(_rung(size, taken, n_programs) for size, taken in found["ladder"]),
            checks=tuple(check for check in map(_workload, found["checks"]) if check is not None),
            seconds=_each(found.get("seconds"), n_programs, _rounds),
            loops=_each(found.get("loops"), n_programs, _whole),
            peaks=_each(found.get("peaks"), n_programs, _whole),
            lines=_each(found.get("lines"), n_programs, _lines),
            fills=_each(found.get("fills"), n_programs, float),
            effects=_each(found.get("effects"), n_programs, _digest),
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        return None


def _each(values: Any, count: int, convert: Any) -> tuple[Any, ...]:  # noqa: ANN401  # hostile JSON
    if values is None:
        return (None,) * count
    if not isinstance(values, list) or len(values) != count:
        raise ValueError("a list of another length")
    return tuple(None if value is None else convert(value) for value in values)


def _rounds(values: list[object]) -> tuple[float | None, ...]:
    return tuple(None if value is None else _positive(value) for value in values)


def _rung(size: object, taken: Sequence[object], n_programs: int) -> tuple[int, tuple[float, ...]]:
    if len(taken) != n_programs:
        raise ValueError("a rung of other programs")
    return _whole(size), tuple(map(_positive, taken))


def _whole(value: object, most: int = MAX_WHOLE) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError("not a whole number in its range")
    return value


def _positive(value: object) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ValueError("not a number of seconds")
    return max(float(value), 1e-9)


def _digest(value: object) -> str:
    return str(value)[:64]


def _workload(value: object) -> Workload | None:
    if value is None:
        return None
    if not isinstance(value, list) or [type(part) for part in value] != [str, str, int]:
        raise ValueError("not a workload")
    return Workload(value[0], value[1], _whole(value[2]))


def _lines(rows: Sequence[Sequence[Any]]) -> tuple[LineCost, ...]:
    return tuple(LineCost(int(n), float(s), int(hits), int(grown)) for n, s, hits, grown in rows)
