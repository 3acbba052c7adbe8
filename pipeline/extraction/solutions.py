"""A completion -> the code of a solution, or the reason why it holds none.

What is kept is the entry point and what it needs: imports, the functions, classes and variables it reaches,
and what the starter code defines.
Examples of use, tests and prints fall away, so that samples that differ in them alone are one solution.

    several blocks         the last one that defines the entry point wins, as a model's final word; where the
                           completion continues a prefilled function it is the first; what that needs from
                           other blocks or from the starter code is taken from there
    a broken-off tail      is dropped where the entry point is whole before it: its last statement returns
    a wrong name           is mended if one function only can be meant: not called by another one, with as
                           many parameters, and the right name is used for nothing else
    class Solution         gets a function that calls its method
    a bare body            is put under the starter code
    a forgotten import     of the standard library is added

Each mend is counted, and each loss has one of the reasons below.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from pipeline.extraction import repairs
from pipeline.extraction.blocks import Block, after_thinking, blocks, without_session_marks
from pipeline.extraction.definitions import (
    FUNCTIONS,
    IMPORTS,
    SCOPES,
    Definition,
    definitions,
    forgotten_imports,
    needed,
    unresolved,
)
from pipeline.extraction.syntax import Piece, compiles, parsed, pieces
from pipeline.tasks import Task

# Reasons of a loss, a closed vocabulary.
EMPTY = "empty"  # nothing, or only whitespace
UNFINISHED_THINKING = "unfinished_thinking"  # the thought was never closed
NO_CODE = "no_code"  # no function anywhere
WRONG_NAME = "wrong_name"  # functions, but none that can be taken for the entry point
STUB = "stub"  # the entry point has no body but a docstring, `pass`, `...` or NotImplementedError
DOES_NOT_PARSE = "does_not_parse"  # the entry point is begun, but breaks off or is not Python
DOES_NOT_COMPILE = "does_not_compile"  # it parses and still is no module, as with `break` outside a loop
LOSSES = (EMPTY, UNFINISHED_THINKING, NO_CODE, WRONG_NAME, STUB, DOES_NOT_PARSE, DOES_NOT_COMPILE)

# Mends, a closed vocabulary.
CUT_TAIL = "cut_tail"
RENAMED = "renamed"
METHOD = "method"
BODY_ONLY = "body_only"
JOINED_BLOCKS = "joined_blocks"
ADDED_IMPORT = "added_import"
MENDS = (CUT_TAIL, RENAMED, METHOD, BODY_ONLY, JOINED_BLOCKS, ADDED_IMPORT)

BEGUN = re.compile(r"^\s*(?:async )?def (\w+)", re.MULTILINE)


@dataclass(frozen=True)
class Extracted:
    """A solution's code, a module that defines the entry point, and what was mended to get it."""

    code: str
    mends: tuple[str, ...] = ()


@dataclass(frozen=True)
class Loss:
    """A completion that gave nothing; `reason` is one of LOSSES."""

    reason: str


Outcome = Extracted | Loss


def extract_solution(task: Task, prefill: str, text: str) -> Outcome:
    """The solution in `prefill + text`. Runs nothing and never raises: `text` may be anything."""
    if not text.strip():
        return Loss(EMPTY)
    answer = after_thinking(prefill + text)
    if answer is None:
        return Loss(UNFINISHED_THINKING)
    if not answer.strip():
        return Loss(EMPTY)
    try:
        return _search(task, answer, continues=bool(prefill.strip())).outcome()
    except RecursionError:  # a chain of thousands of branches: it parses, and is too deep to be walked
        return Loss(DOES_NOT_PARSE)


def _search(task: Task, answer: str, *, continues: bool) -> "_Search":
    places = blocks(answer)
    parts = [part for b in places for part in pieces(without_session_marks(b.text), fenced=b.fenced)]
    found = [part for part in parts if isinstance(part, Piece)]
    if not continues:
        found = [p for fenced in (True, False) for p in reversed(found) if p.fenced == fenced]
    begun = frozenset(name for b in places for name in BEGUN.findall(b.text))
    defined = {n.name for piece in found for s in piece.body for n in ast.walk(s) if isinstance(n, FUNCTIONS)}
    return _Search(task, places, found, begun - defined, frozenset(defined), continues)


@dataclass(frozen=True)
class _Search:
    """What a completion holds, and the attempts to find the entry point in it.

    found: its pieces, the likeliest first.
    broken: functions that were begun and do not parse.
    defined: functions that do, at any depth.
    continues: whether the completion goes on where a prefilled function began.
    """

    task: Task
    places: Sequence[Block]
    found: Sequence[Piece]
    broken: frozenset[str]
    defined: frozenset[str]
    continues: bool

    def outcome(self) -> Outcome:
        """The first attempt that gives code, else the first one's loss, else why there was nothing to try."""
        losses: list[Loss] = []
        for outcome in self._attempts():
            if isinstance(outcome, Extracted):
                return outcome
            losses.append(outcome)
        if losses:
            return losses[0]
        if self.task.entry_point in self.broken:
            return Loss(DOES_NOT_PARSE)
        return Loss(WRONG_NAME if self.broken or self.defined else NO_CODE)

    def _attempts(self) -> Iterator[Outcome]:
        for piece in self.found:
            yield from self._by_name(piece)
        for piece in self.found:
            yield from self._by_method(piece)
        for piece in self.found:
            yield from self._by_another_name(piece)
        for place in () if self.continues else self.places:
            yield from self._by_body(place)

    def _by_name(self, piece: Piece, *mends: str) -> Iterator[Outcome]:
        module = definitions(piece.text, piece.body)
        named = [d for d in module if self._defines(d)]
        for chosen in named if self.continues else reversed(named):
            at_end = chosen is module[-1]
            cut = piece.cut and at_end
            broken = repairs.trails_off(chosen.statement) if at_end else False
            if broken or (cut and not _is_whole(chosen.statement)):
                yield Loss(DOES_NOT_PARSE)
            elif repairs.is_stub(chosen.statement):
                yield Loss(STUB)
            else:
                yield self._assembled(piece, module, chosen, [*mends, CUT_TAIL] if cut else list(mends))

    def _defines(self, definition: Definition) -> bool:
        """Whether it makes the entry point: a function, or a name for another one (`add = operator.add`)."""
        if self.task.entry_point not in definition.binds:
            return False
        match definition.statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                return True
            case (
                ast.Assign(value=(ast.Lambda() | ast.Name() | ast.Attribute() | ast.Call()) as value)
                | ast.AnnAssign(value=(ast.Lambda() | ast.Name() | ast.Attribute() | ast.Call()) as value)
            ):
                return self.task.entry_point not in _read_at_once(value)  # but not `add = add(1, 2)`
        return False

    def _by_method(self, piece: Piece) -> Iterator[Outcome]:
        meant = repairs.meant_method(self.task, piece.body)
        caller = repairs.calling_method(self.task, *meant) if meant else None
        if meant is None or caller is None:
            return
        cls, method = meant
        if piece.cut and cls is piece.body[-1] and method is cls.body[-1] and not _is_whole(method):
            yield Loss(DOES_NOT_PARSE)
        elif repairs.is_stub(method):
            yield Loss(STUB)
        else:
            (chosen,) = definitions(caller, ast.parse(caller).body)
            module = [*definitions(piece.text, piece.body), chosen]
            yield self._assembled(piece, module, chosen, [METHOD])

    def _by_another_name(self, piece: Piece) -> Iterator[Outcome]:
        name = repairs.meant_function(self.task, piece.body)
        if name is None or len(self._meant_anywhere) > 1:
            return
        text = repairs.renamed(piece.text, name, self.task.entry_point)
        tree = parsed(text)
        if isinstance(tree, ast.Module):
            yield from self._by_name(Piece(text, tree.body, piece.cut, piece.fenced), RENAMED)

    @cached_property
    def _meant_anywhere(self) -> set[str | None]:
        return {repairs.meant_function(self.task, piece.body) for piece in self.found} - {None}

    def _by_body(self, place: Block) -> Iterator[Outcome]:
        for piece in pieces(repairs.under_starter(self.task, place.text), fenced=True):
            if isinstance(piece, Piece) and any(map(repairs.returns_value, piece.body)):
                yield from self._by_name(piece, BODY_ONLY)

    def _assembled(
        self, piece: Piece, module: Sequence[Definition], chosen: Definition, mends: list[str]
    ) -> Outcome:
        """The chosen definition with all that it needs: from its own piece, then others, then the starter.

        What the starter code defines is there as well, needed or not: a test may use it.
        """
        entry_point, starter = self.task.entry_point, repairs.starter_definitions(self.task)
        promised = {n for d in starter if not isinstance(d.statement, IMPORTS) for n in d.binds}
        kept = needed(module, promised, entry_point, chosen)
        missing = unresolved(kept)
        for other in self.found:
            if other is piece or not missing:
                continue
            more = needed(definitions(other.text, other.body), missing, entry_point)
            if any(d.binds & missing for d in more):
                kept, mends = [*more, *kept], [*mends, JOINED_BLOCKS]
                missing = unresolved(kept)
        if missing & self.broken:
            return Loss(DOES_NOT_PARSE)
        promised -= {name for definition in kept for name in definition.binds}
        given = needed(starter, missing | promised, entry_point) if missing or promised else []
        if any(definition.binds & missing for definition in given):
            mends = [*mends, ADDED_IMPORT]
        kept = [*given, *kept]
        if imports := forgotten_imports(kept):
            mends = [*mends, ADDED_IMPORT]
        code = _written(imports, kept)
        return Extracted(code, tuple(dict.fromkeys(mends))) if compiles(code) else Loss(DOES_NOT_COMPILE)


def _read_at_once(value: ast.expr) -> set[str]:
    """The names that are read when the value is made: a lambda reads its own only when it is called."""
    names, pending = set[str](), list[ast.AST]([value])
    while pending:
        node = pending.pop()
        names |= {node.id} if isinstance(node, ast.Name) else set()
        pending += [] if isinstance(node, ast.Lambda) else ast.iter_child_nodes(node)
    return names


def _is_whole(statement: ast.stmt) -> bool:
    return not isinstance(statement, FUNCTIONS) or repairs.always_leaves(statement.body)


def _written(imports: Sequence[str], kept: Sequence[Definition]) -> str:
    """Imports first, `from __future__` before all, then the rest with two empty lines around definitions."""
    heads = [d.code for d in kept if isinstance(d.statement, IMPORTS)]
    heads = list(dict.fromkeys([*heads, *imports]))
    heads.sort(key=lambda head: not head.startswith("from __future__"))
    code, after_scope = "\n".join(heads), bool(heads)
    for definition in (d for d in kept if not isinstance(d.statement, IMPORTS)):
        is_scope = isinstance(definition.statement, SCOPES)
        code += ("\n\n\n" if is_scope or after_scope else "\n") if code else ""
        code, after_scope = code + definition.code, is_scope
    return code + "\n"
