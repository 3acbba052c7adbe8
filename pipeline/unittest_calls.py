"""Calls of unittest's methods, such as `self.assertEqual(f(1), 2)` -> the asserts that they stand for."""

import ast
import inspect
import unittest
from collections.abc import Mapping
from typing import cast

from pipeline.vacuity import is_name

# Names of an older unittest.
ALIASES = {
    "assert_": "assertTrue",
    "assertEquals": "assertEqual",
    "assertNotEquals": "assertNotEqual",
    "assertAlmostEquals": "assertAlmostEqual",
    "assertNotAlmostEquals": "assertNotAlmostEqual",
    "assertItemsEqual": "assertCountEqual",
    "assertRegexpMatches": "assertRegex",
}
OPERATORS: dict[str, type[ast.cmpop]] = {
    **dict.fromkeys(("assertEqual", "assertMultiLineEqual"), ast.Eq),
    **dict.fromkeys(("assertListEqual", "assertTupleEqual", "assertDictEqual", "assertSetEqual"), ast.Eq),
    "assertNotEqual": ast.NotEq,
    "assertIs": ast.Is,
    "assertIsNot": ast.IsNot,
    "assertIn": ast.In,
    "assertNotIn": ast.NotIn,
    "assertGreater": ast.Gt,
    "assertGreaterEqual": ast.GtE,
    "assertLess": ast.Lt,
    "assertLessEqual": ast.LtE,
}
NEGATED = {
    "assertFalse": "assertTrue",
    "assertNotIsInstance": "assertIsInstance",
    "assertNotRegex": "assertRegex",
}
# By equality alone: lists and None have neither an order nor, lists, a hash.
SAME_COUNTS = "all(got.count(item) == wanted.count(item) for got, wanted in [()] for item in got + wanted)"
NEAR_BY_PLACES = "any(got == wanted or round(abs(got - wanted), places) == 0 for got, wanted, places in [()])"
NEAR_BY_DELTA = "any(got == wanted or abs(got - wanted) <= delta for got, wanted, delta in [()])"
# Of a number that is none, neither holds.
FAR_BY_DELTA = "any(not got == wanted and abs(got - wanted) > delta for got, wanted, delta in [()])"
PLACES = 7


def without_unittest(statement: ast.stmt) -> ast.stmt:
    """The statement with such calls, at any depth, as asserts; an assert that it is without its message."""
    plain = cast(ast.stmt, _WithoutUnittest().visit(statement))
    return ast.Assert(test=plain.test, msg=None) if isinstance(plain, ast.Assert) else plain


class _WithoutUnittest(ast.NodeTransformer):
    def visit_Expr(self, node: ast.Expr) -> ast.stmt:
        match node.value:
            case ast.Call(func=ast.Attribute(value=owner, attr=name)) as call if is_name(owner, "self"):
                pass
            case ast.Call(func=ast.Name(id=name)) as call:
                pass
            case _:
                return node
        name = ALIASES.get(name, name)
        arguments = _arguments(name, call)
        meant = _condition(name, arguments) if arguments else None
        return node if meant is None else ast.Assert(test=meant, msg=None)


def _arguments(name: str, call: ast.Call) -> dict[str, ast.expr] | None:
    """What the method's parameters are given, in their order, its message left out."""
    method = getattr(unittest.TestCase, name, None)
    named = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    spread = len(named) < len(call.keywords) or any(isinstance(arg, ast.Starred) for arg in call.args)
    if method is None or spread:
        return None
    try:
        given = inspect.signature(method).bind(None, *call.args, **named).arguments
    except TypeError:
        return None
    return {parameter: value for parameter, value in given.items() if parameter not in ("self", "msg")}


def _condition(name: str, arguments: Mapping[str, ast.expr]) -> ast.expr | None:
    meant: ast.expr | None = None
    match name, list(arguments.values()):
        case _ if name in NEGATED:
            denied = _condition(NEGATED[name], arguments)
            meant = denied and ast.UnaryOp(ast.Not(), denied)
        case "assertTrue", [first]:
            meant = first
        case "assertIsNone", [first]:
            meant = ast.Compare(first, [ast.Is()], [ast.Constant(None)])
        case "assertIsNotNone", [first]:
            meant = ast.Compare(first, [ast.IsNot()], [ast.Constant(None)])
        case "assertIsInstance", [first, kind]:
            meant = _called("isinstance", first, kind)
        case "assertSequenceEqual", [first, second, *_]:  # a tuple may equal a list
            meant = ast.Compare(_called("list", first), [ast.Eq()], [_called("list", second)])
        case "assertCountEqual", [first, second]:
            meant = _with_values(SAME_COUNTS, _called("list", first), _called("list", second))
        case "assertAlmostEqual" | "assertNotAlmostEqual", [first, second, *_]:
            meant = _near(first, second, arguments, denied=name == "assertNotAlmostEqual")
        case "assertRegex", [text, pattern]:
            meant = _searched(pattern, text)
        case _, [first, second, *_] if name in OPERATORS:
            meant = ast.Compare(first, [OPERATORS[name]()], [second])
    return meant


def _near(first: ast.expr, second: ast.expr, arguments: Mapping[str, ast.expr], *, denied: bool) -> ast.expr:
    given = {n: value for n, value in arguments.items() if not _is_none(value)}
    if "delta" in given:
        return _with_values(FAR_BY_DELTA if denied else NEAR_BY_DELTA, first, second, given["delta"])
    near = _with_values(NEAR_BY_PLACES, first, second, given.get("places", ast.Constant(PLACES)))
    return ast.UnaryOp(ast.Not(), near) if denied else near


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def _with_values(condition: str, *values: ast.expr) -> ast.expr:
    """The condition, which is about `got` and `wanted`, with the values in their places, each made once."""
    whole = ast.parse(condition, mode="eval").body
    for node in ast.walk(whole):
        match node:
            case ast.List(elts=[ast.Tuple(elts=[]) as given]):
                given.elts = list(values)
    return whole


def _searched(pattern: ast.expr, text: ast.expr) -> ast.Call:
    search = ast.Attribute(ast.Name("re", ast.Load()), "search", ast.Load())
    return ast.Call(search, [pattern, text], [])


def _called(function: str, *args: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(function, ast.Load()), list(args), [])
