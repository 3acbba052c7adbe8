"""A test's text -> what is to be run and compared: a value test, a code test, or why it tells nothing.

Nearly every generated test is `assert f(args) == expected`. Such a test is cut into a call, which runs beside
the solution, and an expected expression, which is evaluated without it: the comparison is then nothing that
the solution could bend. Every cut keeps Python's meaning; where it would not, the test stays code.

What is cut beyond the plain form:

    assert expected == f(x)              either side may hold the call
    assert sorted(f(x))[0] == y          any expression around the call belongs to the call
    assert f(x) is None                  also True and False: the call becomes `f(x) is True`
    assert f(x)   assert not f(x)        truth: the call becomes `bool(f(x))`
    x = [3, 1]; assert f(x) == [1, 3]    names that are bound once and used once
    assertEqual(f(x), y), ...            unittest's methods, with or without `self.`
    def test_f(): assert f(x) == y       a lone test function is opened; longer ones are called

A wrapper gives a solution no power that its function did not have: what comes back is still only a value.
"""

import ast
import builtins
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from pipeline.unittest_calls import without_unittest
from pipeline.vacuity import (
    UNPARSABLE,
    calls,
    is_test_function,
    names,
    takes_candidate,
    vacuous_because,
)


@dataclass(frozen=True)
class ValueTest:
    """`call` returns what `expected` evaluates to; both normalized, so that equal ones are equal text.

    code: the assert that says so, with brackets where a side needs them.
    """

    call: str
    expected: str
    code: str = field(compare=False)


@dataclass(frozen=True)
class CodeTest:
    """`code` runs to its end in the solution's module; an assertion or another exception fails it."""

    code: str


@dataclass(frozen=True)
class Degenerate:
    """A test that tells nothing about a solution; `reason` is one of pipeline.vacuity's."""

    reason: str


ParsedTest = ValueTest | CodeTest | Degenerate

BUILTINS = frozenset(dir(builtins))
# An expression that binds a name or suspends its frame cannot be cut.
BINDING = (ast.NamedExpr, ast.Yield, ast.YieldFrom, ast.Await)
# What stands in these runs later or repeatedly: a name in it cannot be replaced by its value.
REPEATING = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
COMPARING = (ast.Compare, ast.BoolOp, ast.IfExp)


def parse_test(code: str, entry_point: str) -> ParsedTest:
    """What the test `code` runs and compares when it is about the function `entry_point`.

    Never raises and never executes anything: `code` may be any text.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(code)
            compile(tree, "<test>", "exec", dont_inherit=True)
        return _parsed(tree.body, entry_point)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Degenerate(UNPARSABLE)


def _parsed(body: list[ast.stmt], entry_point: str) -> ParsedTest:
    body = [without_unittest(statement) for statement in _without_decoration(_unguarded(body), entry_point)]
    if reason := vacuous_because(body, entry_point):
        return Degenerate(reason)
    match _with_names_inlined(body, entry_point):
        case [ast.FunctionDef(body=inner, decorator_list=[]) as function] if is_test_function(function):
            opened = _parsed(inner, entry_point)
            return opened if isinstance(opened, ValueTest) else _code(body, entry_point)
        case [ast.Assert(test=condition)]:
            return _value(condition, entry_point) or _code(body, entry_point)
    return _code(body, entry_point)


def _unguarded(body: list[ast.stmt]) -> list[ast.stmt]:
    """The statements with those under `if __name__ == "__main__":` in its place, runners' calls left out."""
    flat: list[ast.stmt] = []
    for statement in body:
        match statement:
            case ast.If(test=ast.Compare(ops=[ast.Eq()]) as test, body=inner) if _asks_for_main(test):
                flat += [inside for inside in inner if not _starts_runner(inside)]
            case _:
                flat.append(statement)
    return flat


def _asks_for_main(test: ast.Compare) -> bool:
    return {ast.unparse(test.left), ast.unparse(test.comparators[0])} == {"__name__", "'__main__'"}


def _starts_runner(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr="main"))):
            return owner in ("unittest", "pytest")
    return False


def _without_decoration(body: list[ast.stmt], entry_point: str) -> list[ast.stmt]:
    """The statements less docstrings, imports of the function itself, and imports that nothing uses."""
    used = {name for statement in body for name in names(statement)}

    def matters(statement: ast.stmt) -> bool:
        match statement:
            case ast.ImportFrom(names=[ast.alias(name="*")], module=module):
                return module in sys.stdlib_module_names
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                bound = {(alias.asname or alias.name).partition(".")[0] for alias in aliases}
                return not bound.isdisjoint(used - {entry_point})
            case ast.Expr(value=ast.Constant()):
                return False
        return True

    return [statement for statement in body if matters(statement)]


def _with_names_inlined(body: list[ast.stmt], entry_point: str) -> list[ast.stmt]:
    """`x = e; assert ... x ...` as one assert, where x is bound once and used once.

    Two calls of the function stay where they are: the second may return something else than the first.
    """
    *setup, last = body
    if not isinstance(last, ast.Assert):
        return body
    values: dict[str, ast.expr] = {}
    for statement in setup:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                values[name] = value
            case _:
                return body
    module = ast.Module(body, [])
    count = Counter(names(module))  # 2 is bound once and used once
    repeated = {name for node in ast.walk(module) if isinstance(node, REPEATING) for name in names(node)}
    if any(count[name] != 2 or name in repeated for name in values):
        return body
    if sum(calls(expression, entry_point) for expression in (*values.values(), last.test)) > 1:
        return body
    return [ast.Assert(test=_Inlined(values).visit(last.test), msg=None)]


class _Inlined(ast.NodeTransformer):
    """Puts each name's value, with the names in it replaced as well, in its place."""

    def __init__(self, values: dict[str, ast.expr]) -> None:
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.visit(self.values[node.id]) if node.id in self.values else node


def _value(condition: ast.expr, entry_point: str) -> ValueTest | None:
    """The condition of a lone assert cut in two, or None where only code keeps its meaning."""
    if any(isinstance(node, BINDING) for node in ast.walk(condition)):
        return None
    match condition:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _truth(operand, False, entry_point)
        case ast.Compare(left=left, ops=[ast.Eq() | ast.Is() as operator], comparators=[right]):
            call, expected = (left, right) if calls(left, entry_point) else (right, left)
            if _yields_object(call) or _yields_object(expected):
                return None
            if _is_call(call, entry_point) and _is_expected(expected, entry_point):
                return _compared(call, operator, expected)
            return None
    return _truth(condition, True, entry_point)


def _compared(call: ast.expr, operator: ast.cmpop, expected: ast.expr) -> ValueTest | None:
    if isinstance(operator, ast.Eq) or _is_constant(expected, None):
        return _value_test(call, expected)
    if _is_constant(expected, True) or _is_constant(expected, False):
        # 1 equals True, so that `is` has to be asked where both still are objects.
        return _value_test(ast.Compare(call, [operator], [expected]), ast.Constant(True))
    return None


def _value_test(call: ast.expr, expected: ast.expr) -> ValueTest:
    whole = ast.Assert(ast.Compare(call, [ast.Eq()], [expected]), None)
    return ValueTest(ast.unparse(call), ast.unparse(expected), ast.unparse(whole))


def _is_constant(expression: ast.expr, value: bool | None) -> bool:
    return isinstance(expression, ast.Constant) and expression.value is value


def _truth(operand: ast.expr, expected: bool, entry_point: str) -> ValueTest | None:
    if not _is_call(operand, entry_point):
        return None
    return _value_test(ast.Call(ast.Name("bool", ast.Load()), [operand], []), ast.Constant(expected))


def _is_call(expression: ast.expr, entry_point: str) -> bool:
    """Whether it calls the function, compares nothing that came from it, and needs no forgotten import."""
    given = _given_names(expression, entry_point)
    compared = (n for n in ast.walk(expression) if isinstance(n, COMPARING) or is_negation(n))
    if any(calls(node, entry_point) or not given.isdisjoint(names(node)) for node in compared):
        return False
    return calls(expression, entry_point) and not set(_modules_used(expression))


def _given_names(expression: ast.expr, entry_point: str) -> set[str]:
    """The names that comprehensions and lambdas give to what the function returned, or to parts of it."""
    given: set[str] = set()
    for node in ast.walk(expression):
        match node:
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                for part in node.generators:
                    if calls(part.iter, entry_point) or not given.isdisjoint(names(part.iter)):
                        given |= set(names(part.target))
            case ast.Call(func=function, args=args) if any(calls(arg, entry_point) for arg in args):
                lambdas = [part for part in (function, *args) if isinstance(part, ast.Lambda)]
                given |= {n.arg for part in lambdas for n in ast.walk(part.args) if isinstance(n, ast.arg)}
    return given


def _yields_object(expression: ast.expr) -> bool:
    """Whether its value is, or holds, a class, a function or a dict's view: equal ones, but no plain data."""
    match expression:
        case ast.Name(id=name):
            found = name in BUILTINS
        case ast.Attribute(attr="__class__") | ast.Call(func=ast.Name(id="type")):
            found = True
        case ast.Call(func=ast.Name(id="map"), args=[ast.Name(id="type"), *_]):
            found = True
        case ast.Call(func=ast.Name(id="list" | "tuple" | "set"), args=[part]):
            found = _yields_object(part) and not _is_view(part)
        case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts) | ast.Dict(values=parts):
            found = any(map(_yields_object, parts))
        case ast.ListComp(elt=part) | ast.SetComp(elt=part) | ast.GeneratorExp(elt=part):
            found = _yields_object(part)
        case _:
            found = _is_view(expression)
    return found


def _is_view(expression: ast.expr) -> bool:
    """Whether it is `....keys()` or `....items()`, which equal a set."""
    match expression:
        case ast.Call(func=ast.Attribute(attr="keys" | "items"), args=[]):
            return True
    return False


def is_negation(node: ast.AST) -> bool:
    """Whether it is `not ...`."""
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)


def _is_expected(expression: ast.expr, entry_point: str) -> bool:
    """Whether it can be evaluated without the solution: its names are builtins or bound by itself."""
    return _free_names(expression) <= BUILTINS - {entry_point}


def _free_names(node: ast.AST) -> set[str]:
    """Names that are read in `node` and bound nowhere in it."""
    stored = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    parameters_of_lambdas = {n.arg for n in ast.walk(node) if isinstance(n, ast.arg)}
    return set(names(node)) - stored - parameters_of_lambdas


def _modules_used(node: ast.AST) -> Iterator[str]:
    """Standard modules used as `module.attribute` without being bound in `node`."""
    free = _free_names(node) & sys.stdlib_module_names
    for child in ast.walk(node):
        if isinstance(child, ast.Attribute) and isinstance(child.value, ast.Name) and child.value.id in free:
            yield child.value.id


def _code(body: list[ast.stmt], entry_point: str) -> CodeTest:
    """The statements, after imports they forgot, before calls of the test functions that they define."""
    module = ast.Module(body, [])
    imported = {a.asname or a.name for n in ast.walk(module) for a in getattr(n, "names", []) if is_alias(a)}
    needed = sorted(set(_modules_used(module)) - imported)
    imports: list[ast.stmt] = [ast.Import([ast.alias(name)]) for name in needed]
    whole = ast.Module([*imports, *body, *_calls_of_tests(body, entry_point)], [])
    return CodeTest(ast.unparse(ast.fix_missing_locations(whole)))


def is_alias(node: object) -> bool:
    """Whether it is an imported name (a `global` statement's names are plain strings)."""
    return isinstance(node, ast.alias)


def _calls_of_tests(body: list[ast.stmt], entry_point: str) -> Iterator[ast.stmt]:
    """A call of each test function that the module defines and, when it is run, does not call itself."""
    functions = [statement for statement in body if isinstance(statement, ast.FunctionDef)]
    run = [statement for statement in body if statement not in functions]
    for _ in functions:  # a chain of calls is no longer than this
        run += [f for f in functions if f not in run and any(calls(statement, f.name) for statement in run)]
    for statement in functions:
        if statement not in run:
            if is_test_function(statement):
                yield ast.parse(f"{statement.name}()").body[0]
            elif takes_candidate(statement):
                yield ast.parse(f"{statement.name}({entry_point})").body[0]
