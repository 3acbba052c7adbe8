"""What only pytest and unittest understand -> plain Python that needs no test runner."""

import ast
import re
from typing import cast

from pipeline.extraction.forms import Given

RAISES = ("raises", "assertRaises", "assertRaisesRegex")
# The defaults of unittest's assertAlmostEqual and of pytest's approx.
PLACES = 7
RELATIVE, ABSOLUTE = 1e-6, 1e-12
# Near to it is itself alone: a part of it is as large, and its distance from itself is no number.
INFINITE = re.compile(r"-?((math|np|numpy)\.)?inf|-?float\('[-+]?inf(inity)?'\)", re.IGNORECASE)


def plain_statement(statement: ast.stmt, given: Given) -> ast.stmt:
    """Expected exceptions, subtests and approximate equality in Python alone; other statements as they are.

    given: what names stand for, such as the list that approx is about.
    """
    return cast(ast.stmt, _Plain(given).visit(statement))


def is_subtest(statement: ast.stmt) -> bool:
    """Whether it is unittest's `with self.subTest(...):`, which changes nothing."""
    match statement:
        case ast.With(items=[ast.withitem(context_expr=ast.Call(func=manager))]):
            return _name(manager) == "subTest"
    return False


def _raises(kind: ast.expr, body: list[ast.stmt]) -> ast.stmt:
    missing = ast.parse("raise AssertionError('no exception')").body
    handler = ast.ExceptHandler(type=kind, name=None, body=[ast.Pass()])
    return ast.Try(body=body, handlers=[handler], orelse=missing, finalbody=[])


def _almost_equal(
    left: ast.expr, right: ast.expr, args: list[ast.expr], keywords: list[ast.keyword]
) -> ast.stmt:
    named = {keyword.arg: keyword.value for keyword in keywords}
    if _is_infinite(left) or _is_infinite(right):
        return ast.Assert(ast.Compare(left, [ast.Eq()], [right]), None)
    if "delta" in named:
        return ast.Assert(ast.Compare(_distance(left, right), [ast.LtE()], [named["delta"]]), None)
    match args[0] if args else named.get("places"):
        case ast.Constant(value=int(places)):
            pass
        case _:
            places = PLACES
    bound = ast.Constant(float(f"5e-{places + 1}"))
    return ast.Assert(ast.Compare(_distance(left, right), [ast.Lt()], [bound]), None)


def _is_infinite(expression: ast.expr) -> bool:
    return bool(INFINITE.fullmatch(ast.unparse(expression)))


def _distance(left: ast.expr, right: ast.expr) -> ast.expr:
    return ast.Call(ast.Name("abs", ast.Load()), [ast.BinOp(left, ast.Sub(), right)], [])


class _Plain(ast.NodeTransformer):
    def __init__(self, given: Given) -> None:
        self.given = given

    def visit_With(self, node: ast.With) -> ast.stmt | list[ast.stmt]:
        self.generic_visit(node)
        match node.items:
            case [ast.withitem(context_expr=ast.Call(func=manager, args=[kind, *_]))]:
                if _name(manager) in RAISES:
                    return _raises(kind, node.body)
        return node.body if is_subtest(node) else node

    def visit_Expr(self, node: ast.Expr) -> ast.stmt:
        self.generic_visit(node)
        match node.value:
            case ast.Call(func=function, args=[kind, _, called, *args], keywords=keywords) if (
                _name(function) == "assertRaisesRegex"
            ):
                return _raises(kind, [ast.Expr(ast.Call(called, args, keywords))])
            case ast.Call(func=function, args=[first, second, *args], keywords=keywords):
                if _name(function) in RAISES:
                    return _raises(first, [ast.Expr(ast.Call(second, args, keywords))])
                if _name(function) == "assertAlmostEqual":
                    return _almost_equal(first, second, args, keywords)
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        """`x == pytest.approx(y)` as a bound on the distance of two numbers, or of each two of two lists."""
        self.generic_visit(node)
        if not isinstance(node.ops[0], ast.Eq):
            return node
        for value, approx in ((node.left, node.comparators[0]), (node.comparators[0], node.left)):
            match approx:
                case ast.Call(func=function, args=[expected, *_]) if _name(function) == "approx":
                    return self._within(value, approx, expected) or node
        return node

    def _within(self, value: ast.expr, approx: ast.Call, expected: ast.expr) -> ast.expr | None:
        meant = self.given.get(expected.id) if isinstance(expected, ast.Name) else expected
        if isinstance(meant, ast.Dict):
            return None
        if _is_infinite(expected):
            return ast.Compare(value, [ast.Eq()], [expected])
        if not isinstance(meant, ast.List | ast.Tuple):
            return ast.Compare(_distance(value, expected), [ast.LtE()], [_tolerance(approx, expected)])
        each = "got", "wanted"
        got, wanted = (ast.Name(name, ast.Load()) for name in each)
        close = ast.Compare(_distance(got, wanted), [ast.LtE()], [_tolerance(approx, wanted)])
        target = ast.Tuple([ast.Name(name, ast.Store()) for name in each], ast.Store())
        strict = ast.keyword("strict", ast.Constant(True))
        pairs = ast.Call(ast.Name("zip", ast.Load()), [value, expected], [strict])
        every = ast.GeneratorExp(close, [ast.comprehension(target, pairs, [], 0)])
        return ast.Call(ast.Name("all", ast.Load()), [every], [])


def _tolerance(approx: ast.Call, expected: ast.expr) -> ast.expr:
    """How far off pytest's approx lets a number be: an absolute tolerance alone counts alone."""
    named = dict(zip(("rel", "abs"), approx.args[1:], strict=False))
    named |= {keyword.arg: keyword.value for keyword in approx.keywords if keyword.arg}
    absolute = named.get("abs", ast.Constant(ABSOLUTE))
    if "abs" in named and "rel" not in named:
        return absolute
    size = ast.Call(ast.Name("abs", ast.Load()), [expected], [])
    relative = ast.BinOp(named.get("rel", ast.Constant(RELATIVE)), ast.Mult(), size)
    return ast.Call(ast.Name("max", ast.Load()), [relative, absolute], [])


def _name(function: ast.expr) -> str:
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""
