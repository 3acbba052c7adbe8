"""Whose objects a function may change that is called: those that its arguments are, or hold.

How deep an object can be changed is counted: 0 for a number or a text, 1 for a list of such, 2 for a list of
lists. So `f(xs[:])` leaves a list of numbers as it was, and may change a list of lists.
"""

import ast
import math
from collections.abc import Iterable, Iterator, Mapping, Set

from pipeline.extraction.definitions import used
from pipeline.extraction.rounds import names_of
from pipeline.extraction.syntax import name_of

# How deep what bears a name can be changed; what is not there may be anything.
Depths = Mapping[str, float]

UNKNOWN = math.inf
# Builtins, and methods of texts, that give what nobody can change.
FIXED_CALLS = frozenset(
    {
        *("abs", "all", "any", "bin", "bool", "bytes", "chr", "complex", "float", "format", "frozenset"),
        *("hash", "hex", "id", "int", "isinstance", "len", "oct", "ord", "pow", "range", "repr", "round"),
        *("str", "sum"),
    }
)
FLAT_METHODS = frozenset({"split", "rsplit", "splitlines"})
FIXED_METHODS = frozenset(dir(str)) - FLAT_METHODS
# What gives one of the parts of what it is given, and what gives a new object that holds them all.
PICKING = frozenset({"max", "min", "next", "get"})
COPYING = frozenset(
    {
        *("list", "tuple", "set", "sorted", "dict", "reversed", "enumerate", "zip", "iter", "filter"),
        *("deque", "Counter", "copy", "keys", "values", "items", "union", "intersection", "difference"),
    }
)
COPIES_ALL = "deepcopy"
# Call a function they are given with the elements of what follows it.
SPREADING = frozenset({"map", "filter", "reduce", "starmap"})


def depth(value: ast.expr, depths: Depths) -> float:
    """How deep what the expression gives can be changed."""
    found = UNKNOWN
    match value:
        case ast.Name(id=name):
            found = depths.get(name, UNKNOWN)
        case ast.Constant() | ast.JoinedStr() | ast.Compare() | ast.UnaryOp():
            found = 0
        case ast.Lambda():
            found = max((depths.get(name, 0) for name in used(value)), default=0)
        case ast.List(elts=parts) | ast.Set(elts=parts) | ast.Dict(values=parts):
            found = 1 + _deepest(parts, depths)
        case ast.Tuple(elts=parts):
            inner = _deepest(parts, depths)
            found = inner and 1 + inner
        case ast.BinOp(left=left, right=right) | ast.IfExp(body=left, orelse=right):
            found = _deepest([left, right], depths)
        case ast.Subscript(value=whole, slice=ast.Slice()):
            found = depth(whole, depths)
        case ast.Starred(value=whole) | ast.Subscript(value=whole):
            found = _below(depth(whole, depths))
        case ast.ListComp(elt=part, generators=generators) | ast.SetComp(elt=part, generators=generators):
            found = 1 + depth(part, _inside(generators, depths))
        case ast.Call():
            found = _depth_of_result(value, depths)
    return found


def handed(node: ast.AST, functions: Set[str], depths: Depths) -> Iterator[str]:
    """The names whose objects may be changed where something in `node` calls one of the functions."""
    inside = depths
    given: dict[str, ast.expr] = {}
    match node:
        case ast.For(target=target, iter=iterated):
            given = dict.fromkeys(names_of(target), iterated)
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
            inside = _inside(node.generators, depths)
            given = {n: g.iter for g in node.generators for n in names_of(g.target)}
        case ast.Call(func=function, args=args, keywords=keywords):
            values = [*args, *(keyword.value for keyword in keywords)]
            spread = name_of(function) in SPREADING
            if _is_one_of(function, functions) or any(_is_one_of(value, functions) for value in values):
                for value in values:
                    yield from (n for n in shared(value, depths, int(spread)) if n not in functions)
    if isinstance(node, ast.For):
        inside = {**depths, **{name: _below(depth(node.iter, depths)) for name in given}}
    for child in ast.iter_child_nodes(node):
        for name in handed(child, functions, inside):
            yield name
            if name in given:
                yield from shared(given[name], depths, 1)


def shared(value: ast.expr, depths: Depths, level: int = 0) -> Iterator[str]:
    """The names of which the value is, or holds, something that can be changed.

    level: how deep below the value that would have to be.
    """
    match value:
        case ast.Name(id=name):
            if depths.get(name, UNKNOWN) > level:
                yield name
            return
        case ast.List(elts=parts) | ast.Set(elts=parts) | ast.Tuple(elts=parts) | ast.Dict(values=parts):
            deeper = max(level - 1, 0)
        case ast.Starred(value=whole) | ast.Subscript(value=whole):
            parts, deeper = [whole], level + 1
        case ast.BinOp(left=left, right=right):
            parts, deeper = [left, right], level + 1
        case ast.Call(func=function, args=parts, keywords=keywords):
            name = name_of(function)
            owner = [function.value] if isinstance(function, ast.Attribute) else []
            if (
                name == COPIES_ALL
                or name in (FIXED_METHODS if owner else FIXED_CALLS)
                or name in FLAT_METHODS
            ):
                return
            parts = [*owner, *parts, *(keyword.value for keyword in keywords)]
            deeper = level + 1 if name in COPYING | PICKING else 0
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
            part = value.value if isinstance(value, ast.DictComp) else value.elt
            found = set(shared(part, _inside(value.generators, depths), max(level - 1, 0)))
            targets = {name for g in value.generators for name in names_of(g.target)}
            yield from found - targets
            parts, deeper = [g.iter for g in value.generators if found & targets], level + 1
        case _:
            yield from (name for name in used(value) if depths.get(name, UNKNOWN))
            return
    for part in parts:
        yield from shared(part, depths, deeper)


def _depth_of_result(call: ast.Call, depths: Depths) -> float:
    found = UNKNOWN
    match call:
        case ast.Call(func=ast.Name(id=name), args=args) if name in COPYING:
            found = max(1, _deepest(args, depths))
        case ast.Call(func=ast.Name(id=name), args=args) if name in PICKING:
            found = _below(_deepest(args, depths))
        case ast.Call(func=ast.Attribute(value=owner, attr="copy")):
            found = depth(owner, depths)
        case ast.Call(func=ast.Name(id=name)) if name in FIXED_CALLS:
            found = 0
        case ast.Call(func=ast.Attribute(attr=name)) if name in FIXED_METHODS | FLAT_METHODS:
            found = int(name in FLAT_METHODS)
    return found


def _inside(generators: Iterable[ast.comprehension], depths: Depths) -> Depths:
    """The depths inside a comprehension."""
    inner = dict(depths)
    for generator in generators:
        iterated = _below(depth(generator.iter, inner))
        inner |= dict.fromkeys(names_of(generator.target), iterated)
    return inner


def _deepest(values: Iterable[ast.expr], depths: Depths) -> float:
    return max((depth(value, depths) for value in values), default=0)


def _below(whole: float) -> float:
    return max(whole - 1, 0)


def _is_one_of(node: ast.expr, functions: Set[str]) -> bool:
    return isinstance(node, ast.Name) and node.id in functions
