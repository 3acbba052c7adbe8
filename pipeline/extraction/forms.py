"""The forms in which models write several tests at once -> the statements of each single test.

Tables, loops over tables, pytest's parametrize, unittest's `self`, expected exceptions: each is turned into
plain statements that need no test runner.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

INPUT_KEYS = ("input", "inputs", "args", "arguments", "params")
EXPECTED_KEYS = ("expected", "output", "expected_output", "result", "answer")


def substituted(statement: ast.stmt, values: Mapping[str, ast.expr]) -> ast.stmt:
    """The statement with names replaced by expressions; `f(*(1, 2))` then reads `f(1, 2)`."""
    return cast(ast.stmt, _Substituted(values).visit(statement))


def without_self(function: ast.FunctionDef) -> ast.FunctionDef:
    """A test class's method with `self.x` as plain `x`."""
    return cast(ast.FunctionDef, _WithoutSelf().visit(function))


def without_solution(statement: ast.stmt, entry_point: str) -> ast.stmt:
    """The statement with `Solution().f(x)` and `solution.f(x)` as `f(x)`, where f is the entry point."""
    return cast(ast.stmt, _WithoutSolution(entry_point).visit(statement))


def repeated(loop: ast.For, table: ast.expr | None) -> list[list[ast.stmt]] | None:
    """The loop's body once for each row of the literal table, with the row put in; None where unclear."""
    rows = _elements(table)
    if rows is None or loop.orelse or any(isinstance(n, ast.Break | ast.Continue) for n in ast.walk(loop)):
        return None
    return _filled_by_each(rows, loop.target, loop.body)


def parametrized(function: ast.FunctionDef) -> list[list[ast.stmt]] | None:
    """The function's body once for each case of its pytest.mark.parametrize, or None without one."""
    for decorator in function.decorator_list:
        match decorator:
            case ast.Call(func=ast.Attribute(attr="parametrize"), args=[names, table, *_]):
                target, rows = _targets(names), _elements(table)
                return _filled_by_each(rows, target, function.body) if target and rows else None
    return None


def table_tests(table: ast.expr, entry_point: str, parameter_count: int) -> Iterator[ast.stmt]:
    """An assert for each row of a table of (input, expected), in any usual layout; nothing if it is none.

    Rows are pairs, tuples of all arguments and the result, or dicts with keys such as `input` and `expected`.
    """
    one_row = isinstance(table, ast.Dict) and _by_key(table, INPUT_KEYS) is not None
    for row in [table] if one_row else _elements(table) or []:
        parts = _input_and_expected(row, parameter_count)
        if parts is None:
            return
        call = ast.Call(ast.Name(entry_point, ast.Load()), parts[0], [])
        yield ast.Assert(ast.Compare(call, [ast.Eq()], [parts[1]]), None)


def written_tests(node: ast.expr) -> list[str]:
    """The texts of a list of strings that hold asserts."""
    strings = [
        e.value for e in _elements(node) or [] if isinstance(e, ast.Constant) and isinstance(e.value, str)
    ]
    return [text for text in strings if "assert" in text]


def plain_statement(statement: ast.stmt) -> ast.stmt:
    """Expected exceptions and approximate equality of unittest and pytest in Python alone."""
    match statement:
        case ast.With(items=[ast.withitem(context_expr=ast.Call(func=raising, args=[kind, *_]))], body=body):
            if _name(raising) in ("raises", "assertRaises", "assertRaisesRegex"):
                return _raises(kind, body)
        case ast.Expr(value=ast.Call(func=function, args=[kind, callee, *args], keywords=keywords)):
            if _name(function) in ("raises", "assertRaises"):
                return _raises(kind, [ast.Expr(ast.Call(callee, args, keywords))])
            if _name(function) == "assertAlmostEqual":
                return _almost_equal(kind, callee)
    return statement


def _raises(kind: ast.expr, body: list[ast.stmt]) -> ast.stmt:
    missing = ast.parse("raise AssertionError('no exception')").body
    handler = ast.ExceptHandler(type=kind, name=None, body=[ast.Pass()])
    return ast.Try(body=body, handlers=[handler], orelse=missing, finalbody=[])


def _almost_equal(left: ast.expr, right: ast.expr) -> ast.stmt:
    distance = ast.Call(ast.Name("abs", ast.Load()), [ast.BinOp(left, ast.Sub(), right)], [])
    return ast.Assert(ast.Compare(distance, [ast.Lt()], [ast.Constant(5e-8)]), None)


def _name(function: ast.expr) -> str:
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _elements(node: ast.expr | None) -> list[ast.expr] | None:
    match node:
        case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements):
            return None if any(isinstance(element, ast.Starred) for element in elements) else elements
        case ast.Dict(keys=keys, values=values):
            return [ast.Tuple([k, v], ast.Load()) for k, v in zip(keys, values, strict=True) if k is not None]
    return None


def _spread(argument: ast.expr) -> list[ast.expr]:
    inner = _elements(argument.value) if isinstance(argument, ast.Starred) else None
    return [argument] if inner is None else inner


def _targets(names: ast.expr) -> ast.expr | None:
    match names:
        case ast.Constant(value=str(text)):
            listed = [name.strip() for name in text.split(",")]
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            listed = [str(element.value) for element in elements if isinstance(element, ast.Constant)]
        case _:
            return None
    stored: list[ast.expr] = [ast.Name(name, ast.Store()) for name in listed]
    return stored[0] if len(stored) == 1 else ast.Tuple(stored, ast.Store())


def _filled_by_each(
    rows: Sequence[ast.expr], target: ast.expr, body: Sequence[ast.stmt]
) -> list[list[ast.stmt]] | None:
    filled = [_filled(target, row, body) for row in rows]
    whole = [statements for statements in filled if statements is not None]
    return whole if len(whole) == len(filled) else None


def _filled(target: ast.expr, row: ast.expr, body: Sequence[ast.stmt]) -> list[ast.stmt] | None:
    values = _matched(target, row)
    if values is None:
        return None
    fresh = ast.parse(ast.unparse(ast.Module(list(body), []))).body
    return [substituted(statement, values) for statement in fresh]


def _matched(target: ast.expr, row: ast.expr) -> dict[str, ast.expr] | None:
    """The names of a target with the parts of the row they stand for."""
    if isinstance(target, ast.Name):
        return {target.id: row}
    parts, elements = _elements(target), _elements(row)
    if parts is None or elements is None or len(parts) != len(elements):
        return None
    values: dict[str, ast.expr] = {}
    for part, element in zip(parts, elements, strict=True):
        inner = _matched(part, element)
        if inner is None:
            return None
        values |= inner
    return values


def _input_and_expected(row: ast.expr, parameter_count: int) -> tuple[list[ast.expr], ast.expr] | None:
    if isinstance(row, ast.Dict):
        given, expected = _by_key(row, INPUT_KEYS), _by_key(row, EXPECTED_KEYS)
        return (_arguments(given, parameter_count), expected) if given and expected else None
    elements = _elements(row)
    if elements is None or len(elements) < 2:
        return None
    *given_parts, expected = elements
    if len(given_parts) == 1:
        return _arguments(given_parts[0], parameter_count), expected
    return (given_parts, expected) if len(given_parts) == parameter_count else None


def _by_key(row: ast.Dict, names: Sequence[str]) -> ast.expr | None:
    """The value under the first of the names that the row has as a key."""
    keys = [str(key.value).lower() if isinstance(key, ast.Constant) else "" for key in row.keys]
    return next((row.values[keys.index(name)] for name in names if name in keys), None)


def _arguments(given: ast.expr, parameter_count: int) -> list[ast.expr]:
    inner = _elements(given)
    spread = isinstance(given, ast.Tuple) or parameter_count > 1
    return inner if spread and inner is not None and len(inner) == parameter_count else [given]


class _Substituted(ast.NodeTransformer):
    def __init__(self, values: Mapping[str, ast.expr]) -> None:
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.values.get(node.id, node) if isinstance(node.ctx, ast.Load) else node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        node.args = [part for argument in node.args for part in _spread(argument)]
        return node


class _WithoutSelf(ast.NodeTransformer):
    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        self.generic_visit(node)
        is_self = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
        return ast.Name(node.attr, node.ctx) if is_self else node


class _WithoutSolution(ast.NodeTransformer):
    def __init__(self, entry_point: str) -> None:
        self.entry_point = entry_point

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        self.generic_visit(node)
        return ast.Name(node.attr, node.ctx) if node.attr == self.entry_point else node
