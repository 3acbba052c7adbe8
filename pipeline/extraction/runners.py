"""What only pytest and unittest understand -> plain Python that needs no test runner."""

import ast
import math
import unittest
from collections.abc import Iterable, Iterator, Sequence, Set

from pipeline.extraction.definitions import used
from pipeline.extraction.syntax import call_of, name_of

RAISES = frozenset({"raises", "assertRaises"})
RAISES_REGEX = frozenset({"assertRaisesRegex", "assertRaisesRegexp"})
SUBTEST = "subTest"
# Where what was caught stands: pytest's `error.value`, unittest's `error.exception`.
CAUGHT = ("value", "exception")
RAISED = "raised"
# The defaults of pytest's approx.
RELATIVE, ABSOLUTE = 1e-6, 1e-12
APPROX = "approx"
# What a test needs that uses approx for more than numbers that stand there: pytest's, without its reports.
DEFINITIONS = {
    APPROX: """\
def approx(expected, rel=None, abs=None, nan_ok=False, *, size=abs):

    def near(got, wanted):
        if isinstance(wanted, bool):
            return isinstance(got, bool) and got == wanted
        if got == wanted:
            return True
        try:
            off, whole = (size(got - wanted), float(size(wanted)))
        except TypeError:
            return False
        if whole != whole or whole == float('inf'):
            return nan_ok and whole != whole and (got != got)
        within = float(1e-12 if abs is None else abs)
        if rel is not None or abs is None:
            within = max(within, float(1e-06 if rel is None else rel) * whole)
        return off <= within

    class Near:

        def __eq__(self, got):
            if isinstance(expected, dict):
                same = isinstance(got, dict) and got.keys() == expected.keys()
                return same and all((near(got[key], expected[key]) for key in expected))
            if not isinstance(expected, (list, tuple, range)):
                return near(got, expected)
            try:
                return len(got) == len(expected) and all(map(near, got, expected))
            except TypeError:
                return False
    return Near()"""
}


def plain_statement(statement: ast.stmt, caught: Set[str] = frozenset()) -> ast.stmt:
    """Expected exceptions, subtests and approximate equality in Python alone; other statements as they are.

    caught: the names of exceptions that statements before it caught.
    """
    plain: ast.stmt = _Plain(caught).visit(statement)
    return plain


def plain_body(body: Iterable[ast.stmt]) -> list[ast.stmt]:
    """The statements as `plain_statement` has them, after the definitions that they need."""
    plainer = _Plain(frozenset())
    plain: list[ast.stmt] = [plainer.visit(statement) for statement in body]
    needed = [code for name, code in DEFINITIONS.items() if any(name in used(s) for s in plain)]
    return [*(part for code in needed for part in ast.parse(code).body), *plain]


def subtest(statement: ast.stmt) -> list[ast.stmt] | None:
    """What stands in unittest's `with self.subTest(...):`, which changes nothing; None if it is none."""
    if not isinstance(statement, ast.With):
        return None
    others = [item for item in statement.items if not _makes_subtest(item.context_expr)]
    if len(others) == len(statement.items):
        return None
    return [ast.With(others, statement.body)] if others else statement.body


def needs_runner(statement: ast.stmt) -> bool:
    """Whether it imports pytest, which no test needs once it is plain."""
    match statement:
        case ast.Import(names=[ast.alias(name=module)]) | ast.ImportFrom(module=str(module)):
            return module.partition(".")[0] in ("pytest", "_pytest")
    return False


def caught_by(statement: ast.stmt) -> Iterator[str]:
    """The names it gives to an exception that was expected."""
    match statement:
        case ast.Try(
            handlers=[ast.ExceptHandler(name=name, body=[ast.Assign([ast.Name(target)], value), *_])]
        ):
            if name == RAISED and isinstance(value, ast.Name) and value.id == RAISED:
                yield target


def expecting(
    kind: ast.expr, body: Sequence[ast.stmt], *, then: Sequence[ast.stmt] = (), name: str | None = None
) -> ast.Try:
    """Python for: the body raises such an exception, of which, as `raised`, the other statements hold.

    name: what it is called by later statements.
    """
    missing = ast.parse("raise AssertionError('no exception')").body
    kept: list[ast.stmt] = []
    if name:
        kept = [ast.Assign([ast.Name(name, ast.Store())], ast.Name(RAISED, ast.Load()))]
    checks = [*kept, *then]
    handler = ast.ExceptHandler(type=kind, name=RAISED if checks else None, body=checks or [ast.Pass()])
    return ast.Try(body=list(body), handlers=[handler], orelse=missing, finalbody=[])


def _matches(pattern: ast.expr, error: str) -> ast.stmt:
    """An assert that the pattern is in the message; `re` is imported where a test is read."""
    search = ast.Attribute(ast.Name("re", ast.Load()), "search", ast.Load())
    text = ast.Call(ast.Name("str", ast.Load()), [ast.Name(error, ast.Load())], [])
    return ast.Assert(ast.Call(search, [pattern, text], []), None)


class _Plain(ast.NodeTransformer):
    def __init__(self, caught: Set[str]) -> None:
        self.caught = set(caught)

    def visit_With(self, node: ast.With) -> ast.stmt | list[ast.stmt]:
        """A body that is expected to raise."""
        if (inner := subtest(node)) is not None:
            return [part for statement in inner for part in self._visited(statement)]
        if len(node.items) > 1:
            node.items, node.body = node.items[:1], [ast.With(node.items[1:], node.body)]
        self.generic_visit(node)
        match node.items:
            case [ast.withitem(ast.Call(func=manager, args=[kind, *args], keywords=keywords), target)]:
                patterns = args[:1] if name_of(manager) in RAISES_REGEX else _given(keywords, "match")
                if name_of(manager) in RAISES | RAISES_REGEX:
                    name = target.id if isinstance(target, ast.Name) else None
                    self.caught |= {name} if name else set()
                    checks = [_matches(pattern, RAISED) for pattern in patterns]
                    return expecting(kind, node.body, then=checks, name=name)
        return node

    def _visited(self, statement: ast.stmt) -> list[ast.stmt]:
        plain = self.visit(statement)
        return plain if isinstance(plain, list) else [plain]

    def visit_Expr(self, node: ast.Expr) -> ast.stmt:
        self.generic_visit(node)
        match node.value:
            case ast.Call(func=function, args=[kind, pattern, called, *args], keywords=keywords) if (
                name_of(function) in RAISES_REGEX
            ):
                checks = [_matches(pattern, RAISED)]
                return expecting(kind, [ast.Expr(ast.Call(called, args, keywords))], then=checks)
            case ast.Call(func=function, args=[kind, called, *args], keywords=keywords) if (
                name_of(function) in RAISES
            ):
                return expecting(kind, [ast.Expr(ast.Call(called, args, keywords))])
            case ast.Call(func=ast.Attribute(value=ast.Name(id=error), attr="match"), args=[pattern]):
                return _matches(pattern, error) if error in self.caught else node
            case ast.Call(func=ast.Name("fail") | ast.Attribute(attr="fail"), args=args):
                return ast.Raise(ast.Call(ast.Name("AssertionError", ast.Load()), args[:1], []), None)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        self.generic_visit(node)
        match node:
            case ast.Attribute(value=ast.Name(id=error) as whole, attr=attribute) if error in self.caught:
                if attribute in CAUGHT:
                    return whole
                if attribute in ("type", "typename"):
                    kind = call_of("type", whole)
                    return kind if attribute == "type" else ast.Attribute(kind, "__name__", ast.Load())
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """`pytest.approx` is a definition of the test's own, and nobody's but unittest's is `assertEqual`."""
        self.generic_visit(node)
        name = name_of(node.func)
        if name == APPROX or (name.startswith("assert") and hasattr(unittest.TestCase, name)):
            node.func = ast.Name(name, ast.Load())
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        """`x == pytest.approx(2.5)` as a bound on the distance of two numbers."""
        self.generic_visit(node)
        if len(node.ops) > 1 or not isinstance(node.ops[0], ast.Eq):
            return node
        for value, approx in ((node.left, node.comparators[0]), (node.comparators[0], node.left)):
            match approx:
                case ast.Call(func=function, args=[expected, *tolerances], keywords=keywords) if name_of(
                    function
                ) == APPROX and all(map(_is_number, [expected, *tolerances])):
                    if not _given(keywords, "nan_ok"):
                        return _near(value, expected, _tolerance(approx, expected))
        return node


def _makes_subtest(manager: ast.expr) -> bool:
    return isinstance(manager, ast.Call) and name_of(manager.func) == SUBTEST


def _near(value: ast.expr, expected: ast.expr, tolerance: ast.expr) -> ast.expr:
    """The value, made once, equals what is expected, as a Decimal may, or is as near as that."""
    wanted, within = ast.unparse(expected), ast.unparse(tolerance)
    condition = f"any(got == ({wanted}) or abs(got - ({wanted})) <= {within} for got in [()])"
    whole = ast.parse(condition, mode="eval").body
    for node in ast.walk(whole):
        if isinstance(node, ast.List):
            node.elts = [value]
    return whole


def _is_number(expression: ast.expr) -> bool:
    """Whether it is a finite number, as it stands."""
    match expression:
        case ast.Constant(value=int() | float() as value):
            return not isinstance(value, bool) and math.isfinite(value)
        case ast.UnaryOp(operand=operand):
            return _is_number(operand)
        case ast.BinOp(left=left, right=right):
            return _is_number(left) and _is_number(right)
        case ast.Attribute(value=ast.Name("math"), attr="pi" | "e" | "tau"):
            return True
        case ast.Call(func=ast.Attribute(value=ast.Name("math"), attr="sqrt"), args=args):
            return all(map(_is_number, args))
    return False


def _tolerance(approx: ast.Call, expected: ast.expr) -> ast.expr:
    """How far off pytest's approx lets a number be: an absolute tolerance alone counts alone."""
    named = dict(zip(("rel", "abs"), approx.args[1:], strict=False))
    named |= {keyword.arg: keyword.value for keyword in approx.keywords if keyword.arg}
    absolute = named.get("abs", ast.Constant(ABSOLUTE))
    if "abs" in named and "rel" not in named:
        return absolute
    relative = ast.BinOp(named.get("rel", ast.Constant(RELATIVE)), ast.Mult(), call_of("abs", expected))
    return call_of("max", relative, absolute)


def _given(keywords: Iterable[ast.keyword], name: str) -> list[ast.expr]:
    return [keyword.value for keyword in keywords if keyword.arg == name]
