"""What a test needs of the statements before it: those that bind its names or change its objects."""

import ast
from collections import Counter
from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property

from pipeline.extraction.definitions import IMPORTS, SCOPES, Definition, bound, definition, used
from pipeline.extraction.rounds import ASSIGNING, changed, counted, taken_from
from pipeline.extraction.syntax import parsed

COMPOUND = (ast.For, ast.While, ast.If, ast.With, ast.Try)
DEFINING = (*SCOPES, *IMPORTS)
UNUSED = "_"  # holds what is not looked at
PLAIN_TARGETS = (ast.Name, ast.Tuple, ast.List)
NOTHING = frozenset[str]()


@dataclass(frozen=True)
class Facts:
    """A statement with what is asked of it for each test after it, found out once.

    entry_point: the function that the tests are about.
    """

    statement: ast.stmt
    entry_point: str

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
        imports = isinstance(self.statement, IMPORTS)
        return set() if imports else self.uses.union(counted(self.statement))

    @cached_property
    def settles(self) -> set[str]:
        """The names that mean after it what it says, whatever they meant before."""
        match self.statement:
            case ast.Assign(targets=targets) if all(isinstance(target, ast.Name) for target in targets):
                return self.binds - self.wants
        return set()

    @cached_property
    def changes(self) -> set[str]:
        """The names whose objects it may change: by `items.append(3)`, alone or in a loop, `items.pop()`."""
        # A loop binds a name of its own.
        acts = isinstance(self.statement, COMPOUND) and _acts(self.statement)
        return self.uses if acts or not self.binds else set(taken_from(self.statement))

    @cached_property
    def handing(self) -> list[ast.Call]:
        """Its calls of the function with something that has a name, which the function may change."""
        return list(_handing_calls(self.statement, self.entry_point))

    @cached_property
    def changes_by_calls(self) -> set[str]:
        """The names whose objects it may change if the function changes what it is handed."""
        return self.changes.union(*map(used, self.handing))

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


@dataclass
class Context:
    """The statements that run before a test, in order.

    bound: the names that they bind.
    values: what a name was given by a plain assignment, unless something may have changed it since.
    given: the names given to more than constants, so that their objects may change.
    made: those of what the function made.
    checkers: those of functions that assert.
    """

    entry_point: str
    facts: list[Facts] = field(default_factory=list)
    bound: set[str] = field(default_factory=set)
    values: dict[str, ast.expr] = field(default_factory=dict)
    given: set[str] = field(default_factory=set)
    made: set[str] = field(default_factory=set)
    checkers: set[str] = field(default_factory=set)
    _objects: set[str] = field(default_factory=set)
    _used: set[str] = field(default_factory=set)
    # Each name of an object -> those of objects that may be, or hold, the same: `b = a`, `b.next = c`.
    _linked: dict[str, frozenset[str]] = field(default_factory=dict)

    def copy(self) -> "Context":
        """One that grows apart from this one."""
        return Context(*map(copy, vars(self).values()))

    def extend(self, statements: Iterable[ast.stmt]) -> None:
        """Append each of the statements."""
        for statement in statements:
            self.append(statement)

    def append(self, statement: ast.stmt) -> None:
        """Let the statement run after the others."""
        facts = Facts(statement, self.entry_point)
        self.facts.append(facts)
        self.bound |= facts.binds
        for name in facts.binds.union(changed(statement)):
            self.values.pop(name, None)
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=ast.expr() as value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ):
                self.values[name] = value
        if not (isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant)):
            self.given |= facts.binds
        if isinstance(statement, ASSIGNING) and self.entry_point in facts.uses:
            self.made |= facts.binds
        if isinstance(statement, ast.FunctionDef) and facts.asserts:
            self.checkers.add(statement.name)
        if not isinstance(statement, DEFINING):
            self._link(facts)

    def group(self, name: str) -> str | frozenset[str]:
        """The names of objects that may be, or hold, the same as that of `name`; itself if it has none."""
        return self._linked.get(name, name)

    def _link(self, facts: Facts) -> None:
        fresh = facts.binds - self._objects - {UNUSED}
        self._objects |= fresh
        late = not fresh.isdisjoint(self._used)  # used before it was known to be an object
        for linking in self.facts if late else [facts]:
            if not isinstance(linking.statement, DEFINING):
                together = (linking.uses | linking.binds) & self._objects
                groups = [self._linked.get(name, NOTHING) for name in together]
                if not all(together <= group for group in groups):
                    group = frozenset(together.union(*groups))
                    self._linked.update(dict.fromkeys(group, group))
        self._used |= facts.uses


def needed(context: Context, test: Facts) -> list[Facts]:
    """The statements of the context that the test depends on, in order.

    A test that would call nothing is about what earlier calls did to its objects: it depends on them, too.
    """
    kept = _needed(context, test, by_calls=False)
    calls = any(context.entry_point in facts.uses for facts in (*kept, test))
    if calls or not test.uses & context.given:
        return kept
    return _needed(context, test, by_calls=True)


def _needed(context: Context, test: Facts, *, by_calls: bool) -> list[Facts]:
    """by_calls: whether the function may change what it is handed."""
    wanted, kept = set(test.uses), list[Facts]()
    # How many wanted names reach each group of names.
    reached = Counter(map(context.group, wanted))
    for facts in reversed(context.facts):
        changes = facts.changes_by_calls if by_calls else facts.changes
        if facts.binds.isdisjoint(wanted) and not any(
            reached.get(context.group(name)) and (name in context.bound or not facts.asserts)
            for name in changes
        ):
            continue
        kept.append(facts)
        if fresh := facts.wants - wanted:
            wanted |= fresh
            reached.update(map(context.group, fresh))
        if settled := facts.settles & wanted:
            wanted -= settled
            reached.subtract(map(context.group, settled))
    return kept[::-1]


def asserts(node: ast.AST) -> bool:
    """Whether something in it can fail as a test does."""
    return any(
        isinstance(child, ast.Assert)
        or (isinstance(child, ast.Expr) and isinstance(child.value, ast.Compare))
        or (isinstance(child, ast.Call) and _callee(child).startswith("assert"))
        or (isinstance(child, ast.Call) and _callee(child) in ("raises", "AssertionError"))
        for child in ast.walk(node)
    )


def _handing_calls(statement: ast.stmt, function: str) -> Iterator[ast.Call]:
    """Its calls of the function with something that has a name, which the function may change."""
    for node in ast.walk(statement):
        match node:
            case ast.Call(func=ast.Name(id=name), args=args) if name == function:
                if any(isinstance(argument, ast.Name) for argument in args):
                    yield node


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
