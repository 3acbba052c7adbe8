"""The calls of a job -> functions without parameters: one compilation and one scan for many texts.

`(lambda:f(1), lambda:f(2))` is compiled in less time than its texts one by one, and a program calls the
functions in less time than `eval` takes. It means the same only if each text is one whole expression: what is
closed by its looks goes straight into such a tuple, everything else is first compiled by itself.
"""

import re
import types
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

from pipeline.sandbox.inside import layout, scan
from pipeline.sandbox.inside.arena import Arena
from pipeline.sandbox.inside.programs import compiled_beside_others, namespace

BATCH_CHARACTERS = 4_096  # compiled in a small part of a call's CPU limit

Column = tuple[int, str]

# One pair of quotes on one line, with neither a prefix nor another quote beside it.
_STRING = re.compile(
    r"""(?<![\w'"])(?:'(?:[^'\\\n\r\0]|\\[ -~])*'|"(?:[^"\\\n\r\0]|\\[ -~])*")(?!['"])""", re.ASCII
)
_CALL = re.compile(r"[A-Za-z_]\w*\([^\n]*\)(?: is (?:None|True|False))?", re.ASCII)
_UNUSUAL = re.compile(r"""[^ -~\n]|['"#\\;]|:=|\b(?:yield|await)\b""", re.ASCII)
_NO_BRACKETS = re.compile(r"[^][(){}\n]+")


@dataclass(frozen=True)
class SharedCalls:
    """Calls that may run next to neighbours.

    columns: their numbers, ascending; parts: code of expressions, whose values are tuples of functions.
    """

    columns: list[int]
    parts: list[types.CodeType]

    def functions(self, space: dict[str, Any]) -> list[Callable[[], Any]]:
        """One for each column, to be run in a program's namespace."""
        return list(chain.from_iterable([eval(part, space) for part in self.parts]))

    @cached_property
    def codes(self) -> list[types.CodeType]:
        """The functions' code, for namespaces that meet one call each."""
        return [function.__code__ for function in self.functions(namespace())]


def shared_calls(job: int, calls: list[Column], arena: Arena, scanner: scan.Scan) -> SharedCalls:
    """Those that may share a process; the others are reported."""
    columns: list[int] = []
    parts: list[types.CodeType] = []
    for batch in _batches(calls):
        arena.begin(job, layout.ANY_PROGRAM, batch[0][0])
        part = _compiled_together(batch, scanner)
        if part is None:
            kept = _sifted(job, batch, arena, scanner)
            part = _compiled([f"(\n{text}\n)" for _, text in kept])
            if part is None:
                for call, _ in kept:
                    arena.put(job, layout.ANY_PROGRAM, call, layout.CALL_NEEDS_ALONE)
                continue
            columns += [call for call, _ in kept]
        else:
            columns += [call for call, _ in batch]
        parts.append(part)
    return SharedCalls(columns, parts)


def _batches(calls: list[Column]) -> list[list[Column]]:
    batches: list[list[Column]] = []
    room = 0
    for call in calls:
        room -= len(call[1])
        if room < 0:
            batches.append([])
            room = BATCH_CHARACTERS - len(call[1])
        batches[-1].append(call)
    return batches


def _compiled(texts: list[str]) -> types.CodeType | None:
    try:
        return compiled_beside_others("(" + "".join([f"lambda:{text},\n" for text in texts]) + ")", "eval")
    except MemoryError:  # nested too deeply, in Python 3.11
        return None


def _compiled_together(batch: list[Column], scanner: scan.Scan) -> types.CodeType | None:
    """None unless all are closed, compile, and may share a process."""
    texts = [text for _, text in batch]
    part = _compiled(texts) if are_closed(texts) else None
    return part if part is not None and scanner.call(part) else None


def _sifted(job: int, batch: list[Column], arena: Arena, scanner: scan.Scan) -> list[Column]:
    """Those that compile by themselves, and in brackets, and may share a process; the others are reported."""
    shared = []
    for call, text in batch:
        arena.begin(job, layout.ANY_PROGRAM, call)
        code = compiled_beside_others(text, "eval")
        if code is None:
            arena.put(job, layout.ANY_PROGRAM, call, layout.NOT_COMPILED)
        elif scanner.call(code) and _compiled([f"(\n{text}\n)"]) is not None:
            shared.append((call, text))
        else:
            arena.put(job, layout.ANY_PROGRAM, call, layout.CALL_NEEDS_ALONE)
    return shared


def are_closed(texts: list[str]) -> bool:
    """Whether each is a call `name(…)`, or that compared with None, True or False, and nothing else.

    Judged by characters: with strings taken out, on one line, all brackets closed in order, the first one by
    the last; no comment, no backslash, no name bound, nothing that only a function may contain.
    """
    bare = _STRING.sub(" ", "\n".join(texts))
    lines = bare.split("\n")
    if len(lines) != len(texts) or _UNUSUAL.search(bare) or not all(map(_CALL.fullmatch, lines)):
        return False
    return all(map(_closes_last, set(_NO_BRACKETS.sub("", bare).split("\n"))))


def _closes_last(brackets: str) -> bool:
    inner, rest = brackets[1:-1], ""
    while inner != rest:
        rest, inner = inner, inner.replace("()", "").replace("[]", "").replace("{}", "")
    return not inner
