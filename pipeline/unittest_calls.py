"""Calls of unittest's methods, such as `self.assertEqual(f(1), 2)` -> the asserts that they stand for."""

import ast
from typing import cast

from pipeline.vacuity import is_name

OPERATORS: dict[str, type[ast.cmpop]] = {
    **dict.fromkeys(("assertEqual", "assertEquals", "assertMultiLineEqual"), ast.Eq),
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
# By equality alone: lists and None have neither an order nor, lists, a hash.
SAME_COUNTS = "all(got.count(item) == wanted.count(item) for got, wanted in [()] for item in got + wanted)"


def without_unittest(statement: ast.stmt) -> ast.stmt:
    """The statement with such calls, at any depth, as asserts; an assert that it is without its message."""
    plain = cast(ast.stmt, _WithoutUnittest().visit(statement))
    return ast.Assert(test=plain.test, msg=None) if isinstance(plain, ast.Assert) else plain


class _WithoutUnittest(ast.NodeTransformer):
    def visit_Expr(self, node: ast.Expr) -> ast.stmt:
        match node.value:
            case ast.Call(func=ast.Attribute(value=owner, attr=name), args=args):
                known = is_name(owner, "self")
            case ast.Call(func=ast.Name(id=name), args=args):
                known = True
            case _:
                return node
        if not known or not args or any(isinstance(arg, ast.Starred) for arg in args):
            return node
        meant = _condition(name, args)
        return node if meant is None else ast.Assert(test=meant, msg=None)


def _condition(name: str, args: list[ast.expr]) -> ast.expr | None:
    meant: ast.expr | None = None
    match name, args:
        case "assertTrue", [first, *_]:
            meant = first
        case "assertFalse", [first, *_]:
            meant = ast.UnaryOp(ast.Not(), first)
        case "assertIsNone", [first, *_]:
            meant = ast.Compare(first, [ast.Is()], [ast.Constant(None)])
        case "assertIsNotNone", [first, *_]:
            meant = ast.Compare(first, [ast.IsNot()], [ast.Constant(None)])
        case "assertIsInstance", [first, kind, *_]:
            meant = _called("isinstance", first, kind)
        case "assertNotIsInstance", [first, kind, *_]:
            meant = ast.UnaryOp(ast.Not(), _called("isinstance", first, kind))
        case "assertSequenceEqual", [first, second, *_]:  # a tuple may equal a list
            meant = ast.Compare(_called("list", first), [ast.Eq()], [_called("list", second)])
        case "assertCountEqual", [first, second, *_]:
            meant = _with_values(SAME_COUNTS, _called("list", first), _called("list", second))
        case "assertRegex", [text, pattern, *_]:
            meant = _searched(pattern, text)
        case "assertNotRegex", [text, pattern, *_]:
            meant = ast.UnaryOp(ast.Not(), _searched(pattern, text))
        case _, [first, second, *_] if name in OPERATORS:
            meant = ast.Compare(first, [OPERATORS[name]()], [second])
    return meant


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
