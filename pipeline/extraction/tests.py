"""A completion -> the single tests it holds, each a piece of code that stands by itself.

    asserts                one a test; `assert a and b` is two, several on a line are several
    test functions         one test an assert, with the assignments it needs before it
    checkers               `def check(x, y): assert f(x) == y`, one test a call of it
    unittest classes       methods without `self`, setUp before each, subTest, assertRaises
    fixtures               what they give, before the tests that ask for it
    tables                 lists of (input, expected), with or without a loop, JSON, pytest's parametrize
    doctests               `>>> f(x)` and the value below it
    prose, bullets, lists  of asserts, as strings or in backticks

A solution that the model wrote beside its tests is left out. Whether a test says anything about the function
is not asked here: pipeline.assertions does.
"""

import ast
import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache

from pipeline.extraction.blocks import after_thinking, blocks, opens_fence
from pipeline.extraction.definitions import (
    FORGOTTEN,
    FUNCTIONS,
    IMPORTS,
    bound,
    unresolved,
    used,
    used_as_modules,
)
from pipeline.extraction.dependence import Context, needed
from pipeline.extraction.facts import Facts, asserts, is_called, shows
from pipeline.extraction.forms import (
    conjuncts,
    defaulted,
    is_set_aside,
    parametrized,
    repeated,
    table_tests,
    written_tests,
)
from pipeline.extraction.repairs import signature, starter_definitions
from pipeline.extraction.replacing import substituted, without_solution
from pipeline.extraction.rounds import ASSIGNING
from pipeline.extraction.runners import (
    DEFINITIONS,
    needs_runner,
    plain_statement,
    subtest,
)
from pipeline.extraction.sessions import examples
from pipeline.extraction.suites import is_fixture, suite, with_fixtures
from pipeline.extraction.syntax import Piece, parsed, pieces
from pipeline.tasks import Task

# Reasons of a loss, a closed vocabulary. The first three are about a completion, the others about a test.
EMPTY = "empty"  # nothing, or only whitespace
UNFINISHED_THINKING = "unfinished_thinking"  # the thought was never closed
NO_TEST = "no_test"  # nothing in it looks like a test
DOES_NOT_PARSE = "does_not_parse"  # an assert that is not Python, or was cut off
NEEDS_FIXTURE = "needs_fixture"  # a test function with parameters that nothing here fills
UNDEFINED_NAME = "undefined_name"  # it reads a name that nothing defines, so that no solution can pass it
TOO_MANY_BEFORE = "too_many_before"  # more tests before it than MAX_BEFORE use what it uses
LOSSES = (
    *(EMPTY, UNFINISHED_THINKING, NO_TEST),
    *(DOES_NOT_PARSE, NEEDS_FIXTURE, UNDEFINED_NAME, TOO_MANY_BEFORE),
)

# Of the tests before one, those about its objects are run in it: a model that repeats itself must not make
# that quadratic.
MAX_BEFORE = 20

TABLE_NAME = re.compile(r"test|case|example|assert|check", re.IGNORECASE)
# Counts the statements beside one that read each name: few bodies of statements need to be asked.
Readers = Callable[[], Counter[str]]
# A return type of what may be read only once.
LAZY = re.compile(r"Iter|Generator")
ASSERT = re.compile(r"\bassert\b(?=[\s(])")


def extract_tests(task: Task, prefill: str, text: str) -> tuple[list[str], Counter[str]]:
    """The tests that `text`, which continues `prefill`, holds, in order, and why others were lost.

    Runs nothing and never raises: `text` may be anything. A test may occur more than once.
    """
    if not text.strip():
        return [], Counter([EMPTY])
    # The prefill's whole lines show the model what is wanted; only its last one is continued.
    begun = prefill.rpartition("\n")[2] + text
    answer = after_thinking("```python\n" + begun if opens_fence(prefill) else begun)
    if answer is None:
        return [], Counter([UNFINISHED_THINKING])
    reader = _Reader(task)
    for block in blocks(answer):
        try:
            reader.read(block.text, fenced=block.fenced)
        except RecursionError:  # an expression of a thousand terms: it parses, and is too deep to be walked
            reader.losses[DOES_NOT_PARSE] += 1
    losses = reader.losses
    return reader.tests, losses if reader.tests or losses else Counter([NO_TEST])


class _Reader:
    """Collects the tests of one completion."""

    def __init__(self, task: Task) -> None:
        declared = signature(task)
        self.entry_point = task.entry_point
        self.parameters = [argument.arg for argument in declared.args.args] if declared else ["it"]
        returned = declared.returns if declared else None
        self.lazy = bool(returned and LAZY.search(ast.unparse(returned)))
        starter = starter_definitions(task)
        imports = [d for d in starter if isinstance(d.statement, IMPORTS)]
        self.imports = {name: d.code for d in imports for name in d.binds}
        # Solutions have what the starter code defines, but only the imports that they need.
        given = {name for definition in starter for name in definition.binds} - self.imports.keys()
        self.given = given | {task.entry_point}
        self.context = Context(task.entry_point, self.lazy)
        self.tests: list[str] = []
        self.losses: Counter[str] = Counter()

    def read(self, text: str, *, fenced: bool) -> None:
        """Take the tests of one block, which may use what blocks before it define."""
        before = len(self.tests)
        for part in pieces(text, fenced=fenced):
            if isinstance(part, Piece):
                self._statements(part.body, self.context)
            elif ASSERT.search(part):
                self._loose_line(part)
        if len(self.tests) == before:
            self._session(text)

    def _statements(self, body: Sequence[ast.stmt], context: Context) -> None:
        """Take the tests among statements that run in order, after those of `context`, which grows."""

        @cache
        def readers() -> Counter[str]:
            return Counter(name for statement in body for name in used(statement))

        for written in body:
            statement = self._plain(written, context)
            match statement:
                case ast.FunctionDef():
                    self._function(statement, context, readers)
                case ast.ClassDef():
                    self._class(statement, context)
                case ast.If() | ast.With() if inside := _transparent(statement):
                    self._statements(inside, context)
                case ast.For():
                    self._loop(statement, context)
                case ast.Import(names=[_, _, *_] as names):  # one may be pytest, which the sandbox lacks
                    self._statements([ast.Import([name]) for name in names], context)
                case ast.Expr(value=ast.List() | ast.Tuple() as table):
                    self._table(table)
                case (
                    ast.Assign(value=ast.List() | ast.Tuple() | ast.Dict() as table)
                    | ast.AnnAssign(value=ast.List() | ast.Tuple() | ast.Dict() as table)
                ) if _is_table(statement, readers):
                    self._table(table)
                case _ if asserts(statement) or _is_check(statement, context):
                    for single in conjuncts(statement):
                        self._take(context, single)
                        context.leave(single)
                case _ if shows(statement):
                    context.leave(statement)
                case _ if not needs_runner(statement) and self.entry_point not in bound(statement):
                    context.append(statement)

    def _plain(self, written: ast.stmt, context: Context) -> ast.stmt:
        """The statement in plain Python, unless its parts are read one by one."""
        statement = without_solution(written, self.entry_point)
        if aliases := context.aliases - bound(statement):
            entry = ast.Name(self.entry_point, ast.Load())
            statement = substituted(statement, dict.fromkeys(aliases, entry))
        by_parts = isinstance(statement, ast.FunctionDef | ast.ClassDef | ast.For) or subtest(statement)
        return statement if by_parts else plain_statement(statement, context.caught)

    def _function(self, function: ast.FunctionDef, context: Context, readers: Readers) -> None:
        """Take a function's tests; readers: of each name, how many statements where it stands read it."""
        if function.name == self.entry_point or is_set_aside(function.decorator_list):
            return
        if is_fixture(function):
            context.fixtures[function.name] = function
            return
        function = with_fixtures(function, context.fixtures)
        names = [node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)]
        if not asserts(function) and not _uses_checker(function, context):
            context.append(plain_statement(function, context.caught))
        elif cases := parametrized(function, context.values):
            for case in cases:
                self._statements(case, context.copy())
        elif not names:
            self._statements(function.body, context.copy())
        elif len(names) == 1 and is_called(names[0], function):  # HumanEval's check(candidate)
            entry = {names[0]: ast.Name(self.entry_point, ast.Load())}
            self._statements([substituted(statement, entry) for statement in function.body], context.copy())
        elif readers()[function.name] > (function.name in used(function)):
            context.append(plain_statement(function, context.caught))
        elif body := defaulted(function):
            self._statements(body, context.copy())
        else:
            self.losses[NEEDS_FIXTURE] += 1

    def _class(self, cls: ast.ClassDef, context: Context) -> None:
        context.classes[cls.name] = cls
        if not asserts(cls):
            if not any(isinstance(s, FUNCTIONS) and s.name == self.entry_point for s in cls.body):
                context.append(cls)
            return
        read = suite(cls, context.classes)
        before = context.copy()
        before.fixtures.update(read.fixtures)
        for statement in read.prepared:
            if self.entry_point not in bound(statement):  # as in `self.f = Solution().f`
                before.append(plain_statement(statement, context.caught))
        for method in read.tests:
            if asserts(method) or _uses_checker(method, before):
                self._function(method, before, Counter)

    def _loop(self, loop: ast.For, context: Context) -> None:
        if not asserts(loop) and not _uses_checker(loop, context):
            context.append(loop)
            return
        bodies = repeated(loop, context.values)
        if bodies is None:
            test = plain_statement(loop, context.caught)
            self._take(context, test)
            context.leave(test)
        for body in bodies or []:
            self._statements(body, context)
        if bodies and not context.facts_of(loop).hands.isdisjoint(context.values):
            context.leave(plain_statement(loop, context.caught))  # its rows are no longer what they were

    def _table(self, table: ast.expr) -> None:
        for text in written_tests(table):
            self._loose_line(text)
        for test in table_tests(table, self.entry_point, self.parameters):
            self._take(Context(self.entry_point, self.lazy), test)

    def _loose_line(self, line: str) -> None:
        """Take the asserts of a line that is not Python as a whole: a bullet, a quotation, a cut-off list."""
        starts = [match.start() for match in ASSERT.finditer(line)]
        for start, end in zip(starts, [*starts[1:], None], strict=True):
            if self.entry_point not in line[start:end]:
                continue  # prose: "we assert that it works"
            tree = _assert_in(line[start:end])
            if tree is None:
                self.losses[DOES_NOT_PARSE] += 1
            else:
                self._statements(tree.body, Context(self.entry_point, self.lazy))

    def _session(self, text: str) -> None:
        """Take the examples of interpreter sessions."""
        context = Context(self.entry_point, self.lazy)
        for body in examples(text):
            if body is None:
                self.losses[DOES_NOT_PARSE] += 1
            self._statements([ast.fix_missing_locations(s) for s in body or []], context)

    def _take(self, context: Context, statement: ast.stmt) -> None:
        """Add the test that the statement makes, with what it needs of the context, or count its loss."""
        test = context.facts_of(statement)
        whole = [*needed(context, test), test]
        if sum(facts.left for facts in whole) > MAX_BEFORE:
            self.losses[TOO_MANY_BEFORE] += 1
            return
        try:
            text = "".join(facts.code for facts in whole).lstrip("\n")
        except (RecursionError, ValueError):
            self.losses[DOES_NOT_PARSE] += 1
            return
        missing = self._missing(whole)
        helpers = [DEFINITIONS[name] for name in DEFINITIONS if name in missing]
        missing -= DEFINITIONS.keys()
        if missing <= FORGOTTEN.keys() | self.imports.keys():
            imports = [self.imports.get(n) or f"from {FORGOTTEN[n]} import {n}" for n in sorted(missing)]
            self.tests.append("\n".join([*dict.fromkeys(imports), *helpers, text]))
        else:
            self.losses[UNDEFINED_NAME] += 1

    def _missing(self, test: Sequence[Facts]) -> set[str]:
        """The names that a test of the entry point reads and nothing defines, unittest's methods aside."""
        read = [facts.definition for facts in test if facts.definition]
        if len(read) < len(test) or not any(self.entry_point in facts.uses for facts in test):
            return set()  # pipeline.assertions says why that is no test
        missing = unresolved(read) - self.given - used_as_modules(read)
        return {name for name in missing if not name.startswith("assert")}


def _transparent(statement: ast.If | ast.With) -> list[ast.stmt] | None:
    """What stands in `if __name__ == "__main__":` or in unittest's `with self.subTest(...):`."""
    if isinstance(statement, ast.With):
        return subtest(statement)
    return statement.body if "__name__" in used(statement.test) else None


def _is_check(statement: ast.stmt, context: Context) -> bool:
    """Whether it calls a checker for nothing else than that it may fail."""
    return not isinstance(statement, ASSIGNING) and _uses_checker(statement, context)


def _uses_checker(node: ast.AST, context: Context) -> bool:
    """Whether it uses a function of the context that asserts."""
    return bool(context.checkers) and not used(node).isdisjoint(context.checkers)


def _is_table(assignment: ast.Assign | ast.AnnAssign, readers: Readers) -> bool:
    """Whether its name says that it holds tests, and no loop reads them."""
    names = bound(assignment)
    return any(TABLE_NAME.search(name) for name in names) and not any(readers()[name] for name in names)


def _assert_in(text: str) -> ast.Module | None:
    """The assert that `text` begins with, less what quotations and lists leave at its end."""
    text = text.partition("`")[0].rstrip()
    for candidate in (text, text.rstrip(";,. "), text.rstrip("\"',.; ")):
        tree = parsed(candidate)
        if isinstance(tree, ast.Module):
            return tree
    return None
