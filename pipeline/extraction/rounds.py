"""Whether the rounds of a loop are tests of their own, and whether a row can stand where its name stood."""

import ast
from collections.abc import Iterator, Sequence

from pipeline.extraction.definitions import OWN_SCOPES, bound, used

ASSIGNING = (ast.Assign, ast.AnnAssign)
# Methods that leave their object as it was.
READING = frozenset(name for kind in (str, int, float, tuple, frozenset) for name in dir(kind)) | {
    *("keys", "values", "items", "get", "copy", "most_common", "isoformat", "strftime", "total_seconds"),
    *("group", "groups", "groupdict", "span"),
}
# What stands in these runs repeatedly: a new value each time is not one value that is used again.
REPEATING = (*OWN_SCOPES, ast.For, ast.While, ast.FunctionDef)


def names_of(target: ast.expr) -> set[str]:
    """The names that a loop's target binds."""
    return {node.id for node in ast.walk(target) if isinstance(node, ast.Name)}


def leaves_something(body: Sequence[ast.stmt], given: set[str]) -> bool:
    """Whether a round of the body, which binds the names `given` anew, may change what the next one meets.

    It reads a name before it binds it (`count += 1`), or changes an object from outside (`seen.append(x)`).
    """
    ours = set(given)
    later = {name for statement in body for name in bound(statement)} - given
    for statement in body:
        read = used(statement) | set(counted(statement))
        if read & (later - ours) - _bound_first(statement):
            return True
        ours |= bound(statement)
    return any(name not in ours for statement in body for name in changed(statement))


def moves_on(test: ast.stmt, made: set[str], changeable: set[str]) -> bool:
    """Whether the test leaves something, such as a generator, in another state than before.

    made: names that may give something else each time they are called.
    changeable: those of what can be changed.
    """
    for node in ast.walk(test):
        match node:
            case ast.Call(func=ast.Name(id="next"), args=[ast.Name(id=name), *_]) if name in changeable:
                return True
            case ast.Call(func=ast.Name(id=name)) if name in made:
                return True
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)) if name in changeable:
                if method not in READING and not method.startswith("assert"):
                    return True
    return False


def taken_from(statement: ast.stmt) -> Iterator[str]:
    """The names of which it calls a method that may change their object, as `last = items.pop()`."""
    for node in ast.walk(statement):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)):
                if method not in READING:
                    yield name


def can_stand_for(value: ast.expr, name: str, body: Sequence[ast.stmt]) -> bool:
    """Whether `value` means the same in each place where `body` reads the name."""
    nodes = [node for statement in body for node in ast.walk(statement)]
    uses = [node for node in nodes if isinstance(node, ast.Name) and node.id == name]
    is_parameter = any(isinstance(node, ast.arg) and node.arg == name for node in nodes)
    if is_parameter or not all(isinstance(node.ctx, ast.Load) for node in uses):
        return False
    if _is_constant(value):
        return True
    picked = list(_picked(nodes)) if isinstance(value, ast.Dict) else []
    repeated = [node for outer in nodes if isinstance(outer, REPEATING) for node in ast.walk(outer)]
    whole = [node for node in uses if node not in picked]
    return len(whole) <= 1 and not any(node in repeated for node in whole)


def _picked(nodes: Sequence[ast.AST]) -> Iterator[ast.expr]:
    """What stands as `row` in `row["key"]`, which is read from a dict that is put there."""
    for node in nodes:
        match node:
            case ast.Subscript(value=row, slice=ast.Constant()):
                yield row


def _is_constant(value: ast.expr) -> bool:
    match value:
        case ast.Constant() | ast.UnaryOp(operand=ast.Constant()):
            return True
        case ast.Tuple(elts=elements):
            return all(map(_is_constant, elements))
    return False


def counted(statement: ast.stmt) -> Iterator[str]:
    """The names in `name += ...`."""
    for node in ast.walk(statement):
        match node:
            case ast.AugAssign(target=ast.Name(id=name)):
                yield name


def _bound_first(statement: ast.stmt) -> set[str]:
    """Names that a compound statement binds before it reads them: a loop's target."""
    return names_of(statement.target) if isinstance(statement, ast.For) else set()


def changed(statement: ast.stmt) -> Iterator[str]:
    """Names of what the statement changes: by a method called for nothing else, an item or an attribute."""
    for node in ast.walk(statement):
        match node:
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method))):
                if not method.startswith("assert"):
                    yield name
            case ast.Subscript(value=ast.Name(id=name)) | ast.Attribute(value=ast.Name(id=name)):
                if not isinstance(node.ctx, ast.Load):
                    yield name
            case ast.AugAssign(target=ast.Name(id=name)):
                yield name
