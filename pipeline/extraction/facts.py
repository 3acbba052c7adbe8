"""A statement with what tests after it ask of it: what it binds, reads, changes, and whether it is a test."""

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from pipeline.extraction.definitions import IMPORTS, SCOPES, Definition, bound, definition, used
from pipeline.extraction.rounds import changed, counted, names_of, taken_from
from pipeline.extraction.syntax import name_of, parsed

COMPOUND = (ast.For, ast.While, ast.If, ast.With, ast.Try)
PLAIN_TARGETS = (ast.Name, ast.Tuple, ast.List)


@dataclass(frozen=True)
class Facts:
    """A statement with what is asked of it for each test after it, found out once.

    hands: the names whose objects may be changed by functions that the statement calls.
    left: whether it stands for a test that was taken.
    """

    statement: ast.stmt
    hands: frozenset[str]
    left: bool

    @cached_property
    def binds(self) -> set[str]:
        """The names that it binds."""
        return bound(self.statement)

    @cached_property
    def uses(self) -> set[str]:
        """The names that it reads."""
        return used(self.statement)

    @cached_property
    def wants(self) -> set[str]:
        """The names that it needs to be bound before it."""
        if isinstance(self.statement, IMPORTS):
            return set()
        if isinstance(self.statement, SCOPES) and self.definition:
            return {*self.definition.reads, *self.definition.sets}
        return _read_first([self.statement])

    @cached_property
    def settles(self) -> set[str]:
        """The names that mean after it what it says, whatever they meant before."""
        return _settled(self.statement) - self.wants

    @cached_property
    def changes(self) -> set[str]:
        """The names whose objects it may change: by `items.append(3)`, alone or in a loop, `items.pop()`.

        So may the functions that it calls.
        """
        # A loop binds a name of its own.
        acts = isinstance(self.statement, COMPOUND) and _acts(self.statement)
        if acts or not self.binds:
            return (self.uses - called(self.statement)) | self.hands
        return {*taken_from(self.statement), *self.hands}

    @cached_property
    def effects(self) -> set[str]:
        """The names, not its own, that a function binds anew or whose objects it changes."""
        if not self.definition:
            return set()
        inside = {*changed(self.statement), *taken_from(self.statement)}
        return inside & self.definition.reads | self.definition.sets

    @cached_property
    def asserts(self) -> bool:
        """Whether something in it can fail as a test does."""
        return asserts(self.statement)

    @cached_property
    def code(self) -> str:
        """Its code, with what ast.unparse writes between it and a statement before it."""
        below = ast.Module([ast.Pass(), self.statement], [])
        return ast.unparse(ast.fix_missing_locations(below)).removeprefix("pass")

    @cached_property
    def definition(self) -> Definition | None:
        """Its code read again, or None where that does not parse."""
        code = self.code.lstrip("\n")
        tree = parsed(code)
        return definition(tree.body[0], code) if isinstance(tree, ast.Module) else None


def asserts(node: ast.AST) -> bool:
    """Whether something in it can fail as a test does."""
    return any(
        isinstance(child, ast.Assert)
        or (isinstance(child, ast.Expr) and isinstance(child.value, ast.Compare))
        or (isinstance(child, ast.Call) and name_of(child.func).startswith("assert"))
        or (isinstance(child, ast.Call) and name_of(child.func) in ("raises", "fail"))
        or (isinstance(child, ast.Raise) and child.exc is not None and "AssertionError" in used(child.exc))
        for child in ast.walk(node)
    )


def is_called(name: str, node: ast.AST) -> bool:
    """Whether something in it calls what bears the name."""
    calls = [child for child in ast.walk(node) if isinstance(child, ast.Call)]
    return any(isinstance(call.func, ast.Name) and call.func.id == name for call in calls)


def called(node: ast.AST) -> set[str]:
    """The names of the functions that it calls."""
    calls = (child.func for child in ast.walk(node) if isinstance(child, ast.Call))
    return {function.id for function in calls if isinstance(function, ast.Name)}


def shows(statement: ast.stmt) -> bool:
    """Whether it only prints or documents, or starts a test runner."""
    match statement:
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.Expr(value=ast.Call() as call):
            return name_of(call.func) in ("print", "main") or name_of(call.func).startswith("test")
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


def _settled(statement: ast.stmt) -> set[str]:
    """The names that it binds whatever happens in it."""
    match statement:
        case ast.Assign(targets=targets) if all(isinstance(target, PLAIN_TARGETS) for target in targets):
            return bound(statement)
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr()):
            return {name}
        case ast.Try(handlers=[ast.ExceptHandler(body=body)], orelse=[ast.Raise()]):
            return set().union(*map(_settled, body))
    return set()


def _read_first(body: Iterable[ast.stmt]) -> set[str]:
    """The names that the statements read before they surely bind them."""
    found, settled = set[str](), set[str]()
    for statement in body:
        found |= _reads(statement) - settled
        settled |= _settled(statement)
    return found


def _reads(statement: ast.stmt) -> set[str]:
    match statement:
        case ast.For(target=target, iter=iterated, body=body, orelse=other):
            # Its target may be `table[0]`.
            return used(iterated) | used(target) | (_read_first(body) - names_of(target)) | _read_first(other)
        case ast.While(test=test, body=body, orelse=other) | ast.If(test=test, body=body, orelse=other):
            return used(test) | _read_first(body) | _read_first(other)
        case ast.With(items=items, body=body):
            return set().union(*map(used, items)) | (_read_first(body) - set().union(*map(_bound_by, items)))
        case ast.Try(body=body, handlers=handlers, orelse=other, finalbody=last):
            caught = [_read_first(h.body) - {h.name} | (used(h.type) if h.type else set()) for h in handlers]
            return _read_first([*body, *other]).union(_read_first(last), *caught)
    return used(statement).union(counted(statement))


def _bound_by(item: ast.withitem) -> set[str]:
    return names_of(item.optional_vars) if isinstance(item.optional_vars, PLAIN_TARGETS) else set()
