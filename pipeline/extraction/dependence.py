"""What a test needs of the statements before it: those that bind its names or change its objects."""

import ast
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass, field

from pipeline.extraction.definitions import BUILTINS, IMPORTS, OWN_SCOPES, SCOPES, used
from pipeline.extraction.facts import Facts, called
from pipeline.extraction.rounds import ASSIGNING, changed, moves_on
from pipeline.extraction.runners import caught_by
from pipeline.extraction.sharing import UNKNOWN, depth, handed

DEFINING = (*SCOPES, *IMPORTS)
UNUSED = "_"  # holds what is not looked at
NOTHING = frozenset[str]()
# What stands in these runs not at all, or several times.
SOMETIMES = (*OWN_SCOPES, ast.BoolOp, ast.IfExp, ast.NamedExpr)


@dataclass
class Context:
    """The statements that run before a test, in order.

    lazy: whether the function may make what can be read once, such as a generator.
    bound: the names that they bind.
    values: what a name was given by a plain assignment, unless something may have changed it since.
    depths: how deep the object of a name can be changed, as `sharing` counts it.
    made: the names given to what the function made.
    checkers: those of functions that assert.
    caught: those of exceptions that were expected.
    aliases: those that stand for the function: `candidate = f`, `from solution import f as candidate`.
    fixtures: pytest's by name.
    classes: those that test classes may inherit from.
    """

    entry_point: str
    lazy: bool = False
    facts: list[Facts] = field(default_factory=list)
    bound: set[str] = field(default_factory=set)
    values: dict[str, ast.expr] = field(default_factory=dict)
    depths: dict[str, float] = field(default_factory=dict)
    made: set[str] = field(default_factory=set)
    checkers: set[str] = field(default_factory=set)
    caught: set[str] = field(default_factory=set)
    aliases: set[str] = field(default_factory=set)
    fixtures: dict[str, ast.FunctionDef] = field(default_factory=dict)
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    # Those of functions that call the function.
    _callers: set[str] = field(default_factory=set)
    _scopes: dict[str, Facts] = field(default_factory=dict)
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

    def append(self, statement: ast.stmt, *, left: bool = False) -> None:
        """Let the statement run after the others; left: it stands for a test that was taken."""
        facts = self.facts_of(statement, left=left)
        self.facts.append(facts)
        self.bound |= facts.binds
        anew = facts.binds.union(changed(statement), facts.hands)
        for name in anew:
            self.values.pop(name, None)
        self.caught = self.caught - facts.binds | set(caught_by(statement))
        self.aliases = self.aliases - facts.binds | set(_aliases(statement, self.entry_point))
        self.values |= dict(_assigned(statement))
        self.depths |= self._depths_after(statement, anew - facts.hands | facts.binds)
        calls = not self._functions.isdisjoint(facts.uses)
        if isinstance(statement, ASSIGNING) and calls:
            self.made |= facts.binds
        if isinstance(statement, SCOPES):
            self._scopes[statement.name] = facts
            self._callers |= facts.binds if calls else set()
        if isinstance(statement, ast.FunctionDef) and facts.asserts:
            self.checkers.add(statement.name)
        if not isinstance(statement, DEFINING):
            self._link(facts)

    def leave(self, test: ast.stmt) -> None:
        """Append what stands, in the context of later tests, for one that was taken.

        Of an assert that is the calls that may change something, for it may be wrong about what they give.
        """
        facts = self.facts_of(test)
        plain = isinstance(test, ast.Assert | ast.Expr) and not facts.binds
        reads = self.lazy and not facts.uses.isdisjoint(self.made)
        if not plain or reads or moves_on(test, self.made, self._changeable):
            self.append(test, left=True)
        elif facts.hands:
            calls = _outermost_calls(test, self._functions)
            if calls and set().union(*map(used, calls)) <= self.bound | self._functions | BUILTINS:
                for call in calls:
                    self.append(ast.Assign([ast.Name(UNUSED, ast.Store())], call), left=True)
            else:
                self.append(test, left=True)

    def facts_of(self, statement: ast.stmt, *, left: bool = False) -> Facts:
        """The statement, were it to run now."""
        if isinstance(statement, DEFINING):
            return Facts(statement, NOTHING, left)
        try:
            hands = set(handed(statement, self._functions, self.depths))
        except RecursionError:  # its code cannot be written either, so that it is no test
            hands = set()
        hands |= called(statement) & self.made
        for name in self.with_functions(used(statement) & self._scopes.keys()) & self._scopes.keys():
            if name not in self.checkers:  # what one counts is not what it checks
                hands |= self._scopes[name].effects
        return Facts(statement, frozenset(hands), left)

    def group(self, name: str) -> str | frozenset[str]:
        """The names of objects that may be, or hold, the same as that of `name`; itself if it has none."""
        return self._linked.get(name, name)

    def with_functions(self, names: set[str]) -> set[str]:
        """The names with those that functions and classes among them need, which may be bound after these."""
        found, pending = set(names), list(names)
        while pending:
            definition = self._scopes.get(pending.pop())
            fresh = definition.wants - found if definition else set[str]()
            found |= fresh
            pending += fresh
        return found

    @property
    def _functions(self) -> set[str]:
        return self._callers | {self.entry_point}

    @property
    def _changeable(self) -> set[str]:
        return {name for name, below in self.depths.items() if below}

    def _depths_after(self, statement: ast.stmt, anew: set[str]) -> dict[str, float]:
        """How deep what the names stand for can be changed, once the statement has run."""
        found = dict.fromkeys(anew, 0 if isinstance(statement, DEFINING) else UNKNOWN)
        found |= {name: depth(value, self.depths) for name, value in _assigned(statement)}
        match statement:
            case ast.AugAssign(target=ast.Name(id=name) as target, value=value):
                found[name] = max(depth(target, self.depths), depth(value, self.depths))
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=whole) if not isinstance(whole, ast.Tuple):
                below = max(depth(whole, self.depths) - 1, 0)
                found |= {part.id: below for part in names if isinstance(part, ast.Name)}
        return found

    def _link(self, facts: Facts) -> None:
        fresh = {name for name in facts.binds if self.depths[name]} - self._objects - {UNUSED}
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

    What earlier calls did to its objects is a part of what it is about.
    """
    wanted, kept = context.with_functions(test.wants), list[Facts]()
    # How many wanted names reach each group of names.
    reached = Counter(map(context.group, wanted))
    for facts in reversed(context.facts):
        if facts.binds.isdisjoint(wanted):
            for name in facts.changes:
                if reached.get(context.group(name)) and (name in context.bound or not facts.asserts):
                    break
            else:
                continue
        kept.append(facts)
        if fresh := context.with_functions(facts.wants) - wanted:
            wanted |= fresh
            reached.update(map(context.group, fresh))
        if settled := facts.settles & wanted:
            wanted -= settled
            reached.subtract(map(context.group, settled))
    return kept[::-1]


def _outermost_calls(node: ast.AST, functions: set[str]) -> list[ast.Call] | None:
    """The calls of the functions in it, in order; None if it does not make each once, as by `map`."""
    if used(node).isdisjoint(functions):
        return []
    match node:
        case ast.Call(func=ast.Name(id=name)) if name in functions:
            return [node]
        case ast.Name():
            return None
    if isinstance(node, SOMETIMES):
        return None
    found = [_outermost_calls(child, functions) for child in ast.iter_child_nodes(node)]
    calls = [part for part in found if part is not None]
    return [call for part in calls for call in part] if len(calls) == len(found) else None


def _assigned(statement: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    """The names that it gives values that stand there: one, as many as the values, or one to several."""
    match statement:
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            yield name, value
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                match target, value:
                    case ast.Name(id=name), _:
                        yield name, value
                    case (ast.Tuple(elts=names), ast.Tuple(elts=values)) if len(names) == len(values):
                        yield from (
                            (part.id, given)
                            for part, given in zip(names, values, strict=True)
                            if isinstance(part, ast.Name)
                        )


def _aliases(statement: ast.stmt, entry_point: str) -> Iterator[str]:
    """Other names that it gives the function; what it imports of that name is the solution's."""
    match statement:
        case ast.Assign(targets=targets, value=ast.Name(id=name)) if name == entry_point:
            yield from (target.id for target in targets if isinstance(target, ast.Name))
        case ast.ImportFrom(module=module, names=names) if module not in sys.stdlib_module_names:
            yield from (alias.asname for alias in names if alias.asname and alias.name == entry_point)
