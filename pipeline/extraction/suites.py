"""Test classes and pytest's fixtures -> functions and statements that stand by themselves."""

import ast
from collections.abc import Iterator, Mapping, Sequence, Set
from copy import deepcopy
from dataclasses import dataclass
from typing import cast

from pipeline.extraction.definitions import used
from pipeline.extraction.facts import asserts
from pipeline.extraction.forms import keywords_of
from pipeline.extraction.syntax import name_of

# Methods that run before each test, in their order.
SETUP = ("setUpClass", "setup_class", "setUp", "setup_method", "setup")
OWNERS = ("self", "cls", "__class__")
BINDING = ("staticmethod", "classmethod")
Fixtures = Mapping[str, ast.FunctionDef]


@dataclass(frozen=True)
class Suite:
    """A test class: what is there before each test, the fixtures that tests may ask for, the tests."""

    prepared: Sequence[ast.stmt]
    fixtures: Fixtures
    tests: Sequence[ast.FunctionDef]


def suite(cls: ast.ClassDef, classes: Mapping[str, ast.ClassDef]) -> Suite:
    """The class's parts as plain functions and statements, with `self.x` as plain `x`.

    classes: those that it may inherit from.
    """
    body = [deepcopy(member) for member in _members(cls, classes)]
    taken = {name for s in body if isinstance(s, ast.FunctionDef) for name in _taken(s)}
    plain, assigned = list[ast.stmt](), dict[str, set[str]]()
    for statement in body:
        renaming = _WithoutSelf((*OWNERS, cls.name), taken)
        plain.append(_without_self(statement, renaming))
        assigned |= {plain[-1].name: renaming.assigned} if isinstance(plain[-1], ast.FunctionDef) else {}
    methods = [s for s in plain if isinstance(s, ast.FunctionDef)]
    called = {name for method in methods for name in used(method)}
    # Without parameters and called by no other: a runner would not run it, its writer would.
    alone = [m for m in methods if asserts(m) and not m.args.args and m.name not in called]
    fixtures = {m.name: m for m in methods if is_fixture(m)}
    first = [m for m in fixtures.values() if _is_set(m, "autouse") and not m.args.args]
    first += [m for name in SETUP for m in methods if m.name == name]
    tests = [m for m in methods if m not in first and (m.name.startswith("test") or m in alone)]
    others = [s for s in plain if s not in (*first, *tests, *fixtures.values())]
    for helper in (*others, *fixtures.values()):
        if isinstance(helper, ast.FunctionDef) and assigned[helper.name]:
            helper.body = [ast.Global(sorted(assigned[helper.name])), *helper.body]
    prepared = [s for method in first for s in _before_yield(method.body)]
    for test in tests:
        test.decorator_list += cls.decorator_list
    return Suite([*others, *prepared], fixtures, tests)


def _members(cls: ast.ClassDef, classes: Mapping[str, ast.ClassDef]) -> list[ast.stmt]:
    """What stands in the class, after what it inherits and does not define anew, or calls by `super()`."""
    own = [s for s in cls.body if isinstance(s, ast.FunctionDef | ast.Assign | ast.AnnAssign)]
    anew = {s.name for s in own if isinstance(s, ast.FunctionDef) and "super" not in used(s)}
    others = {name: found for name, found in classes.items() if name != cls.name}
    bases = [others[base.id] for base in cls.bases if isinstance(base, ast.Name) and base.id in others]
    inherited = [member for base in bases for member in _members(base, others)]
    return [*(s for s in inherited if getattr(s, "name", None) not in anew), *own]


def is_fixture(function: ast.FunctionDef) -> bool:
    """Whether it is one of pytest's."""
    return any(_is_named(decorator, "fixture") for decorator in function.decorator_list)


def with_fixtures(function: ast.FunctionDef, fixtures: Fixtures) -> ast.FunctionDef:
    """A test, which asks for fixtures by its parameters' names, with what makes them in its body."""
    asked = [argument.arg for argument in function.args.args if argument.arg in fixtures]
    if not asked or not function.name.startswith("test"):
        return function
    filled = deepcopy(function)
    filled.args.args = [argument for argument in filled.args.args if argument.arg not in asked]
    filled.body = [*_made(asked, dict(fixtures)), *filled.body]
    return ast.fix_missing_locations(filled)


def _made(asked: Sequence[str], fixtures: dict[str, ast.FunctionDef]) -> Iterator[ast.stmt]:
    """Statements that give each fixture's value its name, those that it asks for first."""
    for name in asked:
        fixture = fixtures.pop(name, None)  # each is made once
        if fixture is None or _is_set(fixture, "params"):
            continue
        parameters = [argument.arg for argument in fixture.args.args]
        yield from _made(parameters, fixtures)
        match _before_yield(fixture.body):
            case [ast.Return(value=ast.expr() as value)]:
                pass
            case body:
                plain = deepcopy(fixture)
                plain.body, plain.decorator_list = list(body), []
                yield plain
                arguments: list[ast.expr] = [ast.Name(parameter, ast.Load()) for parameter in parameters]
                value = ast.Call(ast.Name(name, ast.Load()), arguments, [])
        yield ast.Assign([ast.Name(name, ast.Store())], value)


def _before_yield(body: Sequence[ast.stmt]) -> list[ast.stmt]:
    """What a fixture does before its test, with `yield x` as `return x`; its documentation left out."""
    done: list[ast.stmt] = []
    for statement in body:
        match statement:
            case ast.Expr(value=ast.Yield(value=value)):
                return [*done, ast.Return(value)] if value else done
            case ast.Expr(value=ast.Constant()):
                pass
            case _:
                done.append(statement)
    return done


def _is_set(function: ast.FunctionDef, option: str) -> bool:
    """Whether the decorator that makes it a fixture has such an option."""
    makers = (d for d in function.decorator_list if isinstance(d, ast.Call) and _is_named(d, "fixture"))
    return any(option in keywords_of(maker) for maker in makers)


def _is_named(decorator: ast.expr, name: str) -> bool:
    return name_of(decorator.func if isinstance(decorator, ast.Call) else decorator) == name


def _taken(method: ast.FunctionDef) -> set[str]:
    """Its local names that no attribute must become: it uses that, or stands where others see its names."""
    stored = {n.id for n in ast.walk(method) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    parameters = {node.arg for node in ast.walk(method.args) if isinstance(node, ast.arg)}
    attributes = {node.attr for node in ast.walk(method) if isinstance(node, ast.Attribute)}
    opened = method.name.startswith("test") or method.name in SETUP
    return (stored | parameters) & attributes | (stored if opened else set())


def _without_self(statement: ast.stmt, renaming: "_WithoutSelf") -> ast.stmt:
    plain = cast(ast.stmt, renaming.visit(statement))
    if isinstance(plain, ast.FunctionDef):
        plain.name = renaming.name(plain.name)
        plain.args.args = [argument for argument in plain.args.args if argument.arg not in OWNERS]
        plain.decorator_list = [d for d in plain.decorator_list if ast.unparse(d) not in BINDING]
    return plain


class _WithoutSelf(ast.NodeTransformer):
    """taken: the names of local variables, which an attribute of that name must not become."""

    def __init__(self, owners: Sequence[str], taken: Set[str]) -> None:
        self.owners, self.taken = owners, taken
        self.assigned: set[str] = set()

    def name(self, attribute: str) -> str:
        return f"self_{attribute}" if attribute in self.taken else attribute

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        self.generic_visit(node)
        if not (isinstance(node.value, ast.Name) and node.value.id in self.owners):
            return node
        plain = ast.Name(self.name(node.attr), node.ctx)
        self.assigned |= set() if isinstance(node.ctx, ast.Load) else {plain.id}
        return plain
