"""What a test needs of the statements before it: those that bind its names or change its objects."""

import ast
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pipeline.extraction.definitions import IMPORTS, SCOPES, bound, used
from pipeline.extraction.rounds import counted, takes_from

COMPOUND = (ast.For, ast.While, ast.If, ast.With, ast.Try)
DEFINING = (*SCOPES, *IMPORTS)
UNUSED = "_"  # holds what is not looked at
PLAIN_TARGETS = (ast.Name, ast.Tuple, ast.List)


def needed(context: Sequence[ast.stmt], test: ast.stmt, entry_point: str) -> list[ast.stmt]:
    """The statements of the context that the test depends on, in order.

    A test that would call nothing is about what earlier calls did to its objects: it depends on them, too.
    """
    read = [_Read(statement, bound(statement), used(statement)) for statement in context]
    linked = _linked(read)
    kept = _needed(read, linked, test, "")
    calls = any(entry_point in used(statement) for statement in (*kept, test))
    if calls or not used(test) & changeable(context):
        return kept
    return _needed(read, linked, test, entry_point)


class _Read(NamedTuple):
    """A statement with the names that it binds and uses, which are asked for again and again."""

    statement: ast.stmt
    binds: set[str]
    uses: set[str]


def _needed(
    context: Sequence[_Read], linked: dict[str, set[str]], test: ast.stmt, changing: str
) -> list[ast.stmt]:
    """changing: the function that may change what it is handed."""
    wanted, kept = used(test), list[ast.stmt]()
    ours = set[str]().union(*(read.binds for read in context))
    for statement, names, uses in reversed(context):
        reached = wanted.union(*(linked[name] for name in wanted & linked.keys()))
        if reached.isdisjoint(uses | names):
            continue
        touched = uses & reached & (ours if asserts(statement) else reached)
        # Such as `items.append(3)`, alone or in a loop, which binds a name of its own.
        acts = (isinstance(statement, COMPOUND) and _acts(statement)) or takes_from(statement, touched)
        handed = changing and any(used(call) & touched for call in handing_calls(statement, changing))
        changes = touched and (not names or acts or handed)
        if not names & wanted and not changes:
            continue
        kept.insert(0, statement)
        if isinstance(statement, ast.Assign) and all(
            isinstance(target, ast.Name) for target in statement.targets
        ):
            wanted = wanted - names
        wanted = wanted | (set() if isinstance(statement, IMPORTS) else uses | set(counted(statement)))
    return kept


def _linked(context: Sequence[_Read]) -> dict[str, set[str]]:
    """Each name of an object -> those of objects that may be, or hold, the same: `b = a`, `b.next = c`."""
    plain = [read for read in context if not isinstance(read.statement, DEFINING)]
    objects = set[str]().union(*(read.binds for read in plain)) - {UNUSED}
    linked: dict[str, set[str]] = {}
    for read in plain:
        together = (read.uses | read.binds) & objects
        if not all(together <= linked.get(name, set()) for name in together):
            group = together.union(*(linked[name] for name in together & linked.keys()))
            linked.update(dict.fromkeys(group, group))
    return linked


def asserts(node: ast.AST) -> bool:
    """Whether something in it can fail as a test does."""
    return any(
        isinstance(child, ast.Assert)
        or (isinstance(child, ast.Expr) and isinstance(child.value, ast.Compare))
        or (isinstance(child, ast.Call) and _callee(child).startswith("assert"))
        or (isinstance(child, ast.Call) and _callee(child) in ("raises", "AssertionError"))
        for child in ast.walk(node)
    )


def handing_calls(statement: ast.stmt, function: str) -> Iterator[ast.Call]:
    """Its calls of the function with something that has a name, which the function may change."""
    for node in ast.walk(statement):
        match node:
            case ast.Call(func=ast.Name(id=name), args=args) if name == function:
                if any(isinstance(argument, ast.Name) for argument in args):
                    yield node


def changeable(context: Sequence[ast.stmt]) -> set[str]:
    """The names that the context gives to more than constants."""
    given = (s for s in context if not (isinstance(s, ast.Assign) and isinstance(s.value, ast.Constant)))
    return {name for statement in given for name in bound(statement)}


def checks(node: ast.AST, context: Sequence[ast.stmt]) -> bool:
    """Whether it uses a function of the context that asserts."""
    names = used(node)
    return any(isinstance(s, ast.FunctionDef) and s.name in names and asserts(s) for s in context)


def is_called(name: str, node: ast.AST) -> bool:
    """Whether something in it calls what bears the name."""
    calls = [child for child in ast.walk(node) if isinstance(child, ast.Call)]
    return any(isinstance(call.func, ast.Name) and call.func.id == name for call in calls)


def _callee(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def shows(statement: ast.stmt) -> bool:
    """Whether it only prints or documents, or starts a test runner."""
    match statement:
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.Expr(value=ast.Call() as call):
            return _callee(call) in ("print", "main") or _callee(call).startswith("test")
    return False


def _acts(compound: ast.stmt) -> bool:
    """Whether something in it may change an object: a call for nothing else, or an item that is assigned."""
    for node in ast.walk(compound):
        match node:
            case ast.Expr(value=ast.Call()) if not shows(node):
                return True
            case ast.AugAssign() | ast.Delete():
                return True
            case ast.Assign(targets=targets) if not all(isinstance(t, PLAIN_TARGETS) for t in targets):
                return True
    return False
