"""Which statements of a module a function needs: what defines the names it reaches, and nothing else."""

import ast
import builtins
import symtable
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import import_module

from pipeline.extraction.syntax import parsed, unwarned

BUILTINS = frozenset(dir(builtins))
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
SCOPES = (*FUNCTIONS, ast.ClassDef)
OWN_SCOPES = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
IMPORTS = (ast.Import, ast.ImportFrom)
# Calls that talk to a person at a terminal: they show a function, they do not build what it needs.
SHOWING = frozenset({"print", "input", "main", "exit", "quit"})
DECIMAL_CONTEXT = ("getcontext", "setcontext")
# Where names come from that models use and forget to import.
FORGOTTEN = {
    **dict.fromkeys(("Any", "Callable", "Dict", "FrozenSet", "Iterable", "Iterator", "List"), "typing"),
    **dict.fromkeys(("Literal", "Mapping", "NamedTuple", "Optional", "Sequence", "Set"), "typing"),
    **dict.fromkeys(("Tuple", "Type", "TypeVar", "Union"), "typing"),
    **dict.fromkeys(("Counter", "OrderedDict", "defaultdict", "deque", "namedtuple"), "collections"),
    **dict.fromkeys(("cache", "cmp_to_key", "lru_cache", "partial", "reduce"), "functools"),
    **dict.fromkeys(("heapify", "heappop", "heappush", "heappushpop", "nlargest", "nsmallest"), "heapq"),
    **dict.fromkeys(("bisect", "bisect_left", "bisect_right", "insort"), "bisect"),
    **dict.fromkeys(
        ("accumulate", "chain", "combinations", "groupby", "permutations", "zip_longest"), "itertools"
    ),
    **dict.fromkeys(("ceil", "comb", "factorial", "floor", "gcd", "inf", "isqrt", "sqrt"), "math"),
    "dataclass": "dataclasses",
    "deepcopy": "copy",
    "Decimal": "decimal",
    "Fraction": "fractions",
}

# What `from math import *` binds can be told: importing these does nothing but define.
STARRED = frozenset(
    {
        *("bisect", "cmath", "collections", "copy", "datetime", "decimal", "fractions", "functools", "heapq"),
        *("itertools", "math", "operator", "random", "re", "statistics", "string", "typing"),
    }
)
ANNOTATED = "__conditional_annotations__"  # what Python 3.14 reads by itself where a variable is annotated
STAR = "*"  # stands for the names that another module binds so


@dataclass(frozen=True)
class Definition:
    """One top-level statement and the text it was written as.

    reads: names it looks up in its module or among the builtins; its own local names are not among them.
    sets: names of its module that functions in it assign (`global table`).
    """

    statement: ast.stmt
    code: str
    reads: frozenset[str]
    sets: frozenset[str]

    @cached_property
    def binds(self) -> frozenset[str]:
        """The names it binds in its module."""
        return frozenset(bound(self.statement))


def definitions(text: str, body: Sequence[ast.stmt]) -> list[Definition]:
    """Each statement of `body` with its own lines of `text`, which it was parsed from."""
    lines = text.split("\n")
    standing = Counter(number for statement in body for number in set(_ends(statement)))
    crowded = {number for number, statements in standing.items() if statements > 1}
    codes = [_written(lines, statement, crowded) for statement in body]
    return list(map(definition, body, codes))


def definition(statement: ast.stmt, code: str) -> Definition:
    """The statement, which `code` spells, with what it reads and sets."""
    return Definition(statement, code, _reads(statement, code), _sets(statement))


def bound(statement: ast.stmt) -> set[str]:
    """The names a statement binds in the scope it stands in."""
    if isinstance(statement, SCOPES):
        return {statement.name}
    if isinstance(statement, ast.ImportFrom) and statement.names[0].name == STAR:
        return set(_public(statement.module)) if statement.module in STARRED else {STAR}
    if isinstance(statement, IMPORTS):
        return {(alias.asname or alias.name).partition(".")[0] for alias in statement.names}
    names: set[str] = set()
    pending: list[ast.AST] = [statement]
    while pending:
        for child in ast.iter_child_nodes(pending.pop()):
            if isinstance(child, (*SCOPES, *IMPORTS)):
                names |= bound(child)
            elif isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
                names.add(child.id)
            elif not isinstance(child, OWN_SCOPES):
                pending.append(child)
            if isinstance(child, ast.ExceptHandler) and child.name:
                names.add(child.name)
    return names


def used(node: ast.AST) -> set[str]:
    """The names that are read somewhere in `node`."""
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


def needed(
    module: Sequence[Definition], wanted: set[str], entry_point: str, chosen: Definition | None = None
) -> list[Definition]:
    """The definitions, in order, that `wanted` names need; of the entry point, `chosen` and its wrappings."""
    own = [chosen, *_wrappings(module, chosen, entry_point)] if chosen else []
    kept = {id(definition) for definition in own}
    wanted = wanted.union(*(definition.reads for definition in own))
    variables: set[str] = set()
    reached = {name: _reached(module, name) for name in _called(module)}
    imported = {n for d in module if isinstance(d.statement, IMPORTS) for n in d.binds}
    families = _families(module)
    grown = True
    while grown:
        grown = False
        for definition in module:
            statement = definition.statement
            starred = isinstance(statement, ast.ImportFrom) and statement.names[0].name == STAR
            if id(definition) in kept or (entry_point in definition.binds and not starred):
                continue
            objects = wanted - imported | {entry_point}
            if not (
                _needs(definition, wanted, variables, entry_point, reached)
                or _registers(statement, objects, variables, reached)
                or (isinstance(statement, ast.ClassDef) and _bases(statement) & families & objects)
            ):
                continue
            kept.add(id(definition))
            wanted = wanted | definition.reads
            variables |= set() if isinstance(statement, (*SCOPES, *IMPORTS)) else definition.binds
            grown = True
    return [definition for definition in module if id(definition) in kept]


def unresolved(kept: Sequence[Definition]) -> set[str]:
    """Names that the kept definitions look up and neither they nor Python define."""
    defined = {name for definition in kept for name in definition.binds}
    if STAR in defined:
        return set()
    return {name for definition in kept for name in definition.reads} - defined - BUILTINS


def used_as_modules(kept: Iterable[Definition]) -> set[str]:
    """Names of the standard library's modules of which an attribute is read."""
    nodes = (node for definition in kept for node in ast.walk(definition.statement))
    owners = (node.value for node in nodes if isinstance(node, ast.Attribute))
    return {owner.id for owner in owners if isinstance(owner, ast.Name)} & sys.stdlib_module_names


def forgotten_imports(kept: Sequence[Definition]) -> list[str]:
    """Import statements of the standard library that the kept definitions lack, sorted."""
    missing = unresolved(kept)
    modules = missing & used_as_modules(kept)
    names = {name: FORGOTTEN[name] for name in missing - modules if name in FORGOTTEN}
    by_module = {
        module: sorted(n for n in names if names[n] == module) for module in sorted(set(names.values()))
    }
    return [
        *(f"import {module}" for module in sorted(modules)),
        *(f"from {module} import {', '.join(members)}" for module, members in by_module.items()),
    ]


def _wrappings(module: Sequence[Definition], chosen: Definition, entry_point: str) -> list[Definition]:
    """What decorates the chosen definition after it is made: `f = lru_cache(None)(f)`."""
    after = module[module.index(chosen) + 1 :]
    return [definition for definition in after if _wraps(definition.statement, entry_point)]


def _wraps(statement: ast.stmt, entry_point: str) -> bool:
    match statement:
        case ast.Assign([ast.Name(name)], ast.Call(wrapper, [ast.Name(wrapped)])):
            return name == wrapped == entry_point and entry_point not in used(wrapper)
    return False


def _needs(
    definition: Definition,
    wanted: set[str],
    variables: set[str],
    entry_point: str,
    reached: Mapping[str, set[str]],
) -> bool:
    statement, reads = definition.statement, definition.reads
    names = definition.binds
    if _is_setting(statement) or STAR in names:
        return True
    if isinstance(statement, ast.Assert) or _is_main_guard(statement):
        return False
    if names & wanted or isinstance(statement, (*SCOPES, *IMPORTS)):
        return bool(names & wanted)
    match statement:
        case ast.Assign(targets=[ast.Attribute(value=ast.Name(id=owner))], value=value):  # `f.known = {}`
            return owner in wanted | variables and not used(value) & {entry_point, *SHOWING}
        case ast.Expr(value=ast.Call(func=ast.Name(id=name))) if name in reached:  # `build()` fills `primes`
            inside = reads | reached[name]
            return bool(inside & variables) and not inside & {entry_point, *SHOWING}
    # `primes.append(3)` binds nothing, and `primes` is not what it should be without it.
    return bool(reads & variables) and not reads & {entry_point, *SHOWING}


def _registers(
    statement: ast.stmt, objects: set[str], variables: set[str], reached: Mapping[str, set[str]]
) -> bool:
    """Whether a decorator hands it to what is needed: `@size.register`, or `@handles("+")` that fills a dict.

    objects: names of what is needed and was made here.
    """
    for decorator in getattr(statement, "decorator_list", []):
        match decorator.func if isinstance(decorator, ast.Call) else decorator:
            case ast.Attribute(value=ast.Name(id=owner)) if owner in objects:
                return True
            case ast.Name(id=name) if reached.get(name, set()) & variables:
                return True
    return False


def _families(module: Sequence[Definition]) -> set[str]:
    """The module's classes, if one of them learns of its subclasses, and so may reach what nothing names."""
    nodes = (node for definition in module for node in ast.walk(definition.statement))
    learning = ("__init_subclass__", "__subclasses__")
    if any(getattr(node, "name", getattr(node, "attr", None)) in learning for node in nodes):
        return {d.statement.name for d in module if isinstance(d.statement, ast.ClassDef)}
    return set()


def _bases(cls: ast.ClassDef) -> set[str]:
    return {base.id for base in cls.bases if isinstance(base, ast.Name)}


def _called(module: Sequence[Definition]) -> set[str]:
    """The module's functions that a statement calls for nothing else than what they do, or that decorate."""
    functions = {d.statement.name for d in module if isinstance(d.statement, FUNCTIONS)}
    alone = [d.statement.value for d in module if isinstance(d.statement, ast.Expr)]
    decorators = [node for d in module for node in getattr(d.statement, "decorator_list", [])]
    names = {
        v.func.id for v in (*alone, *decorators) if isinstance(v, ast.Call) and isinstance(v.func, ast.Name)
    }
    return functions & (names | {node.id for node in decorators if isinstance(node, ast.Name)})


def _reached(module: Sequence[Definition], name: str) -> set[str]:
    """The names that the function reads or sets, and those that the functions do that it reaches."""
    functions = {d.statement.name: d for d in module if isinstance(d.statement, FUNCTIONS)}
    names, pending = set[str](), [name]
    while pending:
        definition = functions.get(pending.pop())
        fresh = (definition.reads | definition.sets) - names if definition else frozenset[str]()
        names |= fresh
        pending.extend(fresh)
    return names


def _is_setting(statement: ast.stmt) -> bool:
    """Whether it is `sys.setrecursionlimit(...)`, `getcontext().prec = 50`, or a `from __future__` import."""
    match statement:
        case ast.ImportFrom(module="__future__"):
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="sys"), attr=name))):
            return name.startswith("set")
        case ast.Assign() | ast.Expr():
            names = (getattr(n, "id", getattr(n, "attr", None)) for n in ast.walk(statement))
            return any(name in DECIMAL_CONTEXT for name in names)
    return False


@cache
def _public(module: str) -> frozenset[str]:
    found = import_module(module)
    return frozenset(getattr(found, "__all__", [name for name in vars(found) if name[0] != "_"]))


def _is_main_guard(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and "__name__" in used(statement.test)


def _reads(statement: ast.stmt, code: str) -> frozenset[str]:
    try:
        with unwarned():
            top = symtable.symtable(code, "<solution>", "exec")
    except (SyntaxError, ValueError, RecursionError):  # such as `return` outside a function
        return frozenset(used(statement))
    assigned = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_assigned()}
    # Since Python 3.12 the names of a comprehension stand in the scope around it.
    of_comprehensions = assigned - bound(statement)
    return frozenset(_global_reads(top)) - of_comprehensions


def _sets(statement: ast.stmt) -> frozenset[str]:
    return frozenset(name for n in ast.walk(statement) if isinstance(n, ast.Global) for name in n.names)


def _global_reads(scope: symtable.SymbolTable) -> Iterator[str]:
    at_top = scope.get_type() == "module"
    for symbol in scope.get_symbols():
        if symbol.is_referenced() and (at_top or symbol.is_global()) and symbol.get_name() != ANNOTATED:
            yield symbol.get_name()
    for inner in scope.get_children():
        yield from _global_reads(inner)


def _written(lines: list[str], statement: ast.stmt, crowded: set[int]) -> str:
    """Its lines; where others stand on them, too, or they do not parse as it, it alone, written anew."""
    first, last = _ends(statement)
    if first in crowded or last in crowded:
        return ast.unparse(statement)
    text = "\n".join(lines[first - 1 : last])
    tree = parsed(text)
    alone = isinstance(tree, ast.Module) and len(tree.body) == 1
    return text if alone else ast.unparse(statement)


def _ends(statement: ast.stmt) -> tuple[int, int]:
    """The numbers of its first line, which may be a decorator's, and of its last one."""
    decorators = getattr(statement, "decorator_list", [])
    first = min([statement.lineno, *(decorator.lineno for decorator in decorators)])
    return first, statement.end_lineno or first
