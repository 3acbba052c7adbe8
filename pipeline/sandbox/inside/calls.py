"""The calls of a job -> functions and their arguments: one compilation and one scan for many texts.

A call of a name with literals, as nearly all are, becomes the name and a tuple of arguments that is made anew
for every program: `((1,), (2, [3]),)` is compiled in half the time that functions take, and needs no frame of
its own. Other calls, and those of which there is much text, become functions without parameters:
`(lambda:f(g(1)), lambda:f(2) is None,)` is compiled in less time than its texts one by one, and called in
less time than `eval` takes.

Both mean the same only if each text is one whole expression: what is closed by its looks goes straight into
such a tuple, everything else is first compiled by itself.
"""

import re
import types
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from pipeline.sandbox.inside import layout, scan
from pipeline.sandbox.inside.arena import Arena
from pipeline.sandbox.inside.names import nested
from pipeline.sandbox.inside.programs import compiled_beside_others, namespace

BATCH_CHARACTERS = 4_096  # compiled in a small part of a call's CPU limit
# Of a job: arguments are made outside of any call, in a small part of that limit.
ARGUMENTS_CHARACTERS = 65_536
# How a text looks, unless it is the name that it calls with literals.
CLOSED, OPEN = "()", ""

T = TypeVar("T")
Column = tuple[int, str]
Function = Callable[..., Any]
Arguments = tuple[Any, ...]
# What makes a function in a namespace, and from what.
Target = tuple[Callable[[types.CodeType, dict[str, Any]], Function], types.CodeType]

# One pair of quotes on one line, with neither a prefix nor another quote beside it.
_STRING = re.compile(
    r"""(?<![\w'"])(?:'(?:[^'\\\n\r\0]|\\[ -~])*'|"(?:[^"\\\n\r\0]|\\[ -~])*")(?!['"])""", re.ASCII
)
_CALL = re.compile(r"[A-Za-z_]\w*\([^\n]*\)(?: is (?:None|True|False))?", re.ASCII)
_LITERAL_CALL = re.compile(
    r"([A-Za-z_]\w*)\((?:\d\w*+|\b(?:True|False|None)\b|[-+ .,:()\[\]{}])*+(?<=\))", re.ASCII
)
_UNUSUAL = re.compile(r"""[^ -~\n]|['"#\\;]|:=|\b(?:yield|await)\b""", re.ASCII)
_NO_BRACKETS = re.compile(r"[^][(){}\n]+")


@dataclass(frozen=True)
class Part:
    """Calls that were compiled together.

    name: evaluates to the function that all of them call, and `code` to their arguments; or it is None, and
        `code` evaluates to functions without parameters.
    """

    columns: list[int]
    name: types.CodeType | None
    code: types.CodeType

    def arguments(self) -> list[Arguments]:
        """Fresh ones for each call."""
        return [()] * len(self.columns) if self.name is None else list(eval(self.code, namespace()))

    def functions(self, space: dict[str, Any]) -> list[Function]:
        """One for each call, to be run in a program's namespace."""
        if self.name is None:
            return list(eval(self.code, space))
        try:
            return [eval(self.name, space)] * len(self.columns)
        except NameError:
            return [_undefined] * len(self.columns)

    def targets(self) -> list[Target]:
        """What makes each function anew in a namespace that it meets alone."""
        if self.name is not None:
            return [(eval, self.name)] * len(self.columns)
        return [(types.FunctionType, function.__code__) for function in eval(self.code, namespace())]


def _undefined(*_: object) -> None:
    raise NameError


@dataclass(frozen=True)
class SharedCalls:
    """Calls that may run next to neighbours; what is given by call is in the order of their columns."""

    parts: list[Part]

    @cached_property
    def columns(self) -> list[int]:
        """The numbers of the calls, ascending."""
        return sorted(column for part in self.parts for column in part.columns)

    @cached_property
    def codes(self) -> list[types.CodeType]:
        """All code that is run for them, but for the programs' own."""
        found = [code for part in self.parts for code in (part.name, part.code) if code is not None]
        return [inner for code in found for inner in nested(code)]

    @cached_property
    def _order(self) -> list[int]:
        columns = [column for part in self.parts for column in part.columns]
        return sorted(range(len(columns)), key=columns.__getitem__)

    @cached_property
    def targets(self) -> list[Target]:
        """See Part."""
        return self._in_order([part.targets() for part in self.parts])

    def arguments(self) -> list[Arguments]:
        """See Part."""
        return self._in_order([part.arguments() for part in self.parts])

    def ready(
        self, space: dict[str, Any], wanted: list[int] | None
    ) -> tuple[list[int], list[Function], list[Arguments]]:
        """(columns, functions, arguments), of the wanted columns if that is not None."""
        functions, arguments = (
            self._in_order([part.functions(space) for part in self.parts]),
            self.arguments(),
        )
        if wanted is None:
            return self.columns, functions, arguments
        kept = [index for index, column in enumerate(self.columns) if column in wanted]
        return _picked(self.columns, kept), _picked(functions, kept), _picked(arguments, kept)

    def _in_order(self, of_parts: list[list[T]]) -> list[T]:
        if len(of_parts) == 1:
            return of_parts[0]
        return _picked([value for of_part in of_parts for value in of_part], self._order)


def _picked(values: list[T], places: list[int]) -> list[T]:
    return [values[place] for place in places]


def shared_calls(job: int, calls: list[Column], arena: Arena, scanner: scan.Scan) -> SharedCalls:
    """Those that may share a process; the others are reported."""
    parts: list[Part] = []
    room = ARGUMENTS_CHARACTERS
    for batch in _batches(calls):
        arena.begin(job, layout.ANY_PROGRAM, batch[0][0])
        size = sum(len(text) for _, text in batch)
        apart = size <= min(room, BATCH_CHARACTERS)
        room -= size if apart else 0
        alike: dict[str, list[Column]] = {}
        for look, call in zip(looks_of([text for _, text in batch]), batch, strict=True):
            alike.setdefault(look if apart or look == OPEN else CLOSED, []).append(call)
        doubtful = alike.pop(OPEN, [])
        for look, group in alike.items():
            part = _part(look, group, scanner)
            if part is None:
                doubtful += group
            else:
                parts.append(part)
        if doubtful:
            parts += _sifted(job, sorted(doubtful), arena, scanner)
    return SharedCalls(parts)


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


def looks_of(texts: list[str]) -> list[str]:
    """How each looks: the name that it calls with literals, or CLOSED, or OPEN.

    CLOSED is a call `name(…)`, or that compared with None, True or False, and nothing else. Judged by
    characters: with strings taken out, on one line, all brackets closed in order, the first one by the last;
    no comment, no backslash, no name bound, nothing that only a function may contain.
    """
    bare = _STRING.sub(" ", "\n".join(texts))
    lines = bare.split("\n")
    if len(lines) != len(texts):
        return [OPEN] * len(texts)
    brackets = _NO_BRACKETS.sub("", bare).split("\n")
    closes = {one: _closes_last(one) for one in set(brackets)}
    usual = not _UNUSUAL.search(bare)
    return [
        _look(line) if closes[inner] and (usual or not _UNUSUAL.search(line)) else OPEN
        for line, inner in zip(lines, brackets, strict=True)
    ]


def _look(line: str) -> str:
    if literal := _LITERAL_CALL.fullmatch(line):
        return literal[1]
    return CLOSED if _CALL.fullmatch(line) else OPEN


def _closes_last(brackets: str) -> bool:
    inner, rest = brackets[1:-1], ""
    while inner != rest:
        rest, inner = inner, inner.replace("()", "").replace("[]", "").replace("{}", "")
    return len(brackets) > 1 and not inner


def _part(look: str, group: list[Column], scanner: scan.Scan) -> Part | None:
    """The closed calls as one; None unless they compile and may share a process."""
    columns, texts = [column for column, _ in group], [text for _, text in group]
    if look == CLOSED:
        code = _functions_code(texts)
        return Part(columns, None, code) if code is not None and scanner.call(code) else None
    name, code = compiled_beside_others(look, "eval"), _arguments_code(look, texts)
    if name is None or code is None or not (scanner.call(name) and scanner.call(code)):
        return None
    part = Part(columns, name, code)
    try:
        complete = len(part.arguments()) == len(columns)
    except Exception:  # such as {[]: 1}; to be raised when it is called
        return None
    return part if complete else None


def _functions_code(texts: list[str]) -> types.CodeType | None:
    return _tuple_code([f"lambda:{text}" for text in texts])


def _arguments_code(name: str, texts: list[str]) -> types.CodeType | None:
    inner = [text[len(name) + 1 : -1].strip() for text in texts]
    return _tuple_code([f"({given})" if given[-1:] in ("", ",") else f"({given},)" for given in inner])


def _tuple_code(items: list[str]) -> types.CodeType | None:
    try:
        return compiled_beside_others("(" + "".join([f"{item},\n" for item in items]) + ")", "eval")
    except MemoryError:  # nested too deeply, in Python 3.11
        return None


def _sifted(job: int, batch: list[Column], arena: Arena, scanner: scan.Scan) -> list[Part]:
    """Those that compile by themselves, and in brackets, and may share; the others are reported."""
    shared = []
    for call, text in batch:
        arena.begin(job, layout.ANY_PROGRAM, call)
        code = compiled_beside_others(text, "eval")
        if code is None:
            arena.put(job, layout.ANY_PROGRAM, call, layout.NOT_COMPILED)
        elif scanner.call(code) and _functions_code([f"(\n{text}\n)"]) is not None:
            shared.append((call, text))
        else:
            arena.put(job, layout.ANY_PROGRAM, call, layout.CALL_NEEDS_ALONE)
    together = _functions_code([f"(\n{text}\n)" for _, text in shared])
    if together is not None:
        return [Part([call for call, _ in shared], None, together)] if shared else []
    for call, _ in shared:
        arena.put(job, layout.ANY_PROGRAM, call, layout.CALL_NEEDS_ALONE)
    return []
