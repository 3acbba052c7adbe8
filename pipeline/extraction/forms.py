"""The forms in which models write several tests at once -> the statements of each single test.

Tables, loops over tables, pytest's parametrize: each is turned into plain statements.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence

from pipeline.extraction.replacing import elements_of, substituted
from pipeline.extraction.rounds import can_stand_for, leaves_something, names_of

INPUT_KEYS = ("input", "inputs", "args", "arguments", "params")
EXPECTED_KEYS = ("expected", "output", "expected_output", "result", "answer")
# Marks of a test that a runner is not to run, or that is known to fail.
SET_ASIDE = ("skip", "xfail", "expectedFailure")
# What a name was given by a plain assignment, and still is.
Given = Mapping[str, ast.expr]
JSON_CONSTANTS = {
    name: ast.Constant(value) for name, value in (("true", True), ("false", False), ("null", None))
}


def conjuncts(statement: ast.stmt) -> Iterator[ast.stmt]:
    """`assert a and b` as two asserts, without messages; a bare comparison as an assert."""
    if any(isinstance(node, ast.NamedExpr) for node in ast.walk(statement)):
        yield statement
        return
    match statement:
        case ast.Assert(test=ast.BoolOp(op=ast.And(), values=values)):
            for value in values:
                yield from conjuncts(ast.Assert(value, None))
        case ast.Assert(
            test=ast.Call(func=ast.Name(id="all"), args=[ast.List(elts=values) | ast.Tuple(elts=values)])
        ):
            for value in values:
                yield from conjuncts(ast.Assert(value, None))
        case ast.Assert(test=ast.Tuple(elts=[test, ast.Constant(value=str())])) | ast.Assert(test=test):
            yield ast.Assert(test, None)
        case ast.Expr(value=ast.Compare() as test):
            yield ast.Assert(test, None)
        case _:
            yield statement


def repeated(loop: ast.For, given: Given) -> list[list[ast.stmt]] | None:
    """The loop's body once for each row of a literal table, with the row put in; None where unclear.

    The table stands in the loop or is `given` to a name, and may be gone over with enumerate, zip or
    `.items()`. Where one round leaves something to the next, such as a count, the loop is one test.
    """
    rows = _rows(loop.iter, given)
    if rows is None or loop.orelse or any(isinstance(n, ast.Break | ast.Continue) for n in ast.walk(loop)):
        return None
    if leaves_something(loop.body, names_of(loop.target)):
        return None
    return _filled_by_each(rows, loop.target, loop.body)


def is_set_aside(marks: Sequence[ast.expr]) -> bool:
    """Whether one of the decorators or marks says that the test is not to count."""
    for mark in marks:
        match mark.func if isinstance(mark, ast.Call) else mark:
            case ast.Name(id=name) | ast.Attribute(attr=name) if name in SET_ASIDE:
                return True
    return False


def parametrized(function: ast.FunctionDef, given: Given) -> list[list[ast.stmt]] | None:
    """The function's body once for each case of pytest.mark.parametrize, or None where there is none.

    Several decorators stand for all combinations. A table may be `given` to a name. Where its rows do not
    stand there, as in `range(9)`, the body is repeated by a loop.
    """
    bodies: list[list[ast.stmt]] | None = None
    for decorator in function.decorator_list:
        match decorator:
            case ast.Call(func=ast.Attribute(attr="parametrize")) if asked := _asked(decorator):
                (names, table), rows = asked, _rows(asked[1], given)
                target = _targets(names)
                if target is None or rows == [] or (rows is None and _makes_param(table, given)):
                    return None
                unfilled = bodies or [function.body]
                if rows is None:
                    loops = [ast.For(target, table, list(body), []) for body in unfilled]
                    bodies = [[ast.fix_missing_locations(loop)] for loop in loops]
                    continue
                alone = isinstance(target, ast.Name)
                rows = [_without_param(row, alone=alone) for row in rows if not is_set_aside(_marks(row))]
                filled = [_filled_by_each(rows, target, body) for body in unfilled]
                bodies = [body for found in filled for body in found or []]
                if not bodies:
                    return None
    return bodies


def defaulted(function: ast.FunctionDef) -> list[ast.stmt] | None:
    """Its body, with what its parameters are if nobody fills them; None where one has to be filled."""
    args = function.args
    named = [arg.arg for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs)]
    values = [value for value in (*args.defaults, *args.kw_defaults) if value is not None]
    if len(values) < len(named) or args.vararg or args.kwarg:
        return None
    return [*map(_assigned, named, values), *function.body]


def table_tests(table: ast.expr, entry_point: str, parameters: Sequence[str]) -> Iterator[ast.stmt]:
    """An assert for each row of a table of (input, expected), in any usual layout; nothing if it is none.

    Rows are pairs, tuples of all arguments and the result, or dicts with keys such as `input` and `expected`;
    arguments may be named. Constants may be spelled as in JSON.
    """
    one_row = isinstance(table, ast.Dict) and _by_key(table, INPUT_KEYS) is not None
    for row in [table] if one_row else elements_of(table) or []:
        parts = _input_and_expected(row, parameters)
        if parts is None:
            return
        call = ast.Call(ast.Name(entry_point, ast.Load()), parts[0], [])
        yield substituted(ast.Assert(ast.Compare(call, [ast.Eq()], [parts[1]]), None), JSON_CONSTANTS)


def written_tests(node: ast.expr) -> list[str]:
    """The texts of a list of strings that hold asserts."""
    strings = [
        e.value for e in elements_of(node) or [] if isinstance(e, ast.Constant) and isinstance(e.value, str)
    ]
    return [text for text in strings if "assert" in text]


def _rows(table: ast.expr, given: Given) -> list[ast.expr] | None:
    """The elements of a table that stands there, or that was given a name; None where unclear."""
    match table:
        case ast.Name(id=name):
            value = given.get(name)
            return None if value is None else _rows(value, given)
        case ast.Dict(keys=keys):
            return [key for key in keys if key is not None] if all(keys) else None
        case ast.Call(func=ast.Name(id="enumerate"), args=[inner, *start], keywords=keywords):
            return _numbered(_rows(inner, given), [*start, *(keyword.value for keyword in keywords)])
        case ast.Call(func=ast.Name(id="zip"), args=[*columns], keywords=[]):
            listed = [_rows(column, given) for column in columns]
            return [_tuple(*row) for row in zip(*filter(None, listed), strict=False)] if all(listed) else None
        case ast.Call(func=ast.Attribute(value=inner, attr="items"), args=[]):
            return elements_of(given.get(inner.id) if isinstance(inner, ast.Name) else inner)
    return elements_of(table)


def _numbered(rows: list[ast.expr] | None, start: list[ast.expr]) -> list[ast.expr] | None:
    match start or [ast.Constant(0)]:
        case [ast.Constant(value=int(first))] if rows:
            return [_tuple(ast.Constant(number), row) for number, row in enumerate(rows, first)]
    return None


def _makes_param(table: ast.expr, given: Given) -> bool:
    meant = given.get(table.id) if isinstance(table, ast.Name) else table
    return any(isinstance(n, ast.Attribute) and n.attr == "param" for n in ast.walk(meant or table))


def _marks(row: ast.expr) -> list[ast.expr]:
    keywords = row.keywords if isinstance(row, ast.Call) else []
    return [mark for k in keywords if k.arg == "marks" for mark in elements_of(k.value) or [k.value]]


def _without_param(row: ast.expr, *, alone: bool) -> ast.expr:
    match row:
        case ast.Call(func=ast.Attribute(attr="param"), args=[first, *others]):
            return first if alone else _tuple(first, *others)
    return row


def _tuple(*elements: ast.expr) -> ast.expr:
    return ast.Tuple(list(elements), ast.Load())


def _asked(decorator: ast.Call) -> tuple[ast.expr, ast.expr] | None:
    """The names and the table of pytest.mark.parametrize."""
    given = dict(zip(("argnames", "argvalues"), decorator.args, strict=False)) | keywords_of(decorator)
    return (given["argnames"], given["argvalues"]) if given.keys() >= {"argnames", "argvalues"} else None


def keywords_of(call: ast.Call) -> dict[str, ast.expr]:
    """What the call passes by name."""
    return {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}


def _targets(names: ast.expr) -> ast.expr | None:
    """What each row is unpacked into: one name of a text, and not of a list, takes it as it is."""
    match names:
        case ast.Constant(value=str(text)):
            listed = [name.strip() for name in text.split(",") if name.strip()]
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            listed = [str(element.value) for element in elements if isinstance(element, ast.Constant)]
        case _:
            return None
    stored: list[ast.expr] = [ast.Name(name, ast.Store()) for name in listed]
    alone = len(stored) == 1 and isinstance(names, ast.Constant)
    return stored[0] if alone else ast.Tuple(stored, ast.Store())


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
    for node in (node for statement in fresh for node in ast.walk(statement)):
        if isinstance(node, ast.Assert):
            node.msg = None
    put_in = {name: value for name, value in values.items() if can_stand_for(value, name, fresh)}
    named = [_assigned(name, value) for name, value in values.items() if name not in put_in]
    return [*named, *(substituted(statement, put_in) for statement in fresh)]


def _assigned(name: str, value: ast.expr) -> ast.stmt:
    return ast.Assign([ast.Name(name, ast.Store())], value)


def _matched(target: ast.expr, row: ast.expr) -> dict[str, ast.expr] | None:
    """The names of a target with the parts of the row they stand for."""
    if isinstance(target, ast.Name):
        return {target.id: row}
    parts, elements = elements_of(target), elements_of(row)
    if parts is None or elements is None or len(parts) != len(elements):
        return None
    values: dict[str, ast.expr] = {}
    for part, element in zip(parts, elements, strict=True):
        inner = _matched(part, element)
        if inner is None:
            return None
        values |= inner
    return values


def _input_and_expected(row: ast.expr, parameters: Sequence[str]) -> tuple[list[ast.expr], ast.expr] | None:
    if isinstance(row, ast.Dict):
        given, expected = _by_key(row, INPUT_KEYS) or row, _by_key(row, EXPECTED_KEYS)
        if expected is None or (given is row and _by_name(row, parameters) is None):
            return None
        return _arguments(given, parameters), expected
    elements = elements_of(row)
    if elements is None or len(elements) < 2:
        return None
    *given_parts, expected = elements
    if len(given_parts) == 1:
        return _arguments(given_parts[0], parameters), expected
    return (given_parts, expected) if len(given_parts) == len(parameters) else None


def _by_key(row: ast.Dict, names: Sequence[str]) -> ast.expr | None:
    """The value under the first of the names that the row has as a key."""
    keys = [str(key.value).lower() if isinstance(key, ast.Constant) else "" for key in row.keys]
    return next((row.values[keys.index(name)] for name in names if name in keys), None)


def _by_name(row: ast.Dict, parameters: Sequence[str]) -> list[ast.expr] | None:
    """The values under the parameters' names, in their order; None unless each is there."""
    found = [_by_key(row, [name.lower()]) for name in parameters]
    values = [value for value in found if value is not None]
    return values if values and len(values) == len(found) else None


def _arguments(given: ast.expr, parameters: Sequence[str]) -> list[ast.expr]:
    if isinstance(given, ast.Dict) and (named := _by_name(given, parameters)):
        return named
    inner = elements_of(given)
    spread = isinstance(given, ast.Tuple) or len(parameters) > 1
    return inner if spread and inner is not None and len(inner) == len(parameters) else [given]
