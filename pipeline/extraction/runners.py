"""What only pytest and unittest understand -> plain Python that needs no test runner."""

import ast
from typing import cast

RAISES = ("raises", "assertRaises", "assertRaisesRegex")
# The defaults of unittest's assertAlmostEqual and of pytest's approx.
PLACES = 7
RELATIVE, ABSOLUTE = 1e-6, 1e-12


def plain_statement(statement: ast.stmt) -> ast.stmt:
    """Expected exceptions and approximate equality in Python alone; other statements as they are."""
    statement = cast(ast.stmt, _WithoutApprox().visit(statement))
    match statement:
        case ast.With(items=[ast.withitem(context_expr=ast.Call(func=manager, args=[kind, *_]))], body=body):
            if _name(manager) in RAISES:
                return _raises(kind, body)
        case ast.Expr(value=ast.Call(func=function, args=[first, second, *args], keywords=keywords)):
            if _name(function) in RAISES:
                return _raises(first, [ast.Expr(ast.Call(second, args, keywords))])
            if _name(function) == "assertAlmostEqual":
                return _almost_equal(first, second, args, keywords)
    return statement


def is_subtest(statement: ast.With) -> bool:
    """Whether it is unittest's `with self.subTest(...):`, which changes nothing."""
    match statement.items:
        case [ast.withitem(context_expr=ast.Call(func=manager))]:
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
    if "delta" in named:
        return ast.Assert(ast.Compare(_distance(left, right), [ast.LtE()], [named["delta"]]), None)
    match args[0] if args else named.get("places"):
        case ast.Constant(value=int(places)):
            pass
        case _:
            places = PLACES
    bound = ast.Constant(float(f"5e-{places + 1}"))
    return ast.Assert(ast.Compare(_distance(left, right), [ast.Lt()], [bound]), None)


def _distance(left: ast.expr, right: ast.expr) -> ast.expr:
    return ast.Call(ast.Name("abs", ast.Load()), [ast.BinOp(left, ast.Sub(), right)], [])


class _WithoutApprox(ast.NodeTransformer):
    """`x == pytest.approx(y)` of two numbers as a bound on their distance."""

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        if not isinstance(node.ops[0], ast.Eq):
            return node
        for value, approx in ((node.left, node.comparators[0]), (node.comparators[0], node.left)):
            match approx:
                case ast.Call(func=function, args=[expected, *_]) if _name(function) == "approx":
                    if not isinstance(expected, ast.List | ast.Tuple | ast.Dict):
                        bound = _tolerance(approx)
                        return ast.Compare(_distance(value, expected), [ast.LtE()], [bound])
        return node


def _tolerance(approx: ast.Call) -> ast.expr:
    """How far off pytest's approx lets a number be: an absolute tolerance alone counts alone."""
    expected, *given = approx.args
    named = dict(zip(("rel", "abs"), given, strict=False))
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
