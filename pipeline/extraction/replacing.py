"""Names of a test, replaced by what they stand for: a row's values, `Solution().f` by f."""

import ast
import sys
from collections.abc import Mapping
from typing import cast

LIBRARIES = sys.stdlib_module_names | {"np", "numpy", "pd", "scipy"}
METHODS_OF_DATA = frozenset(
    name for kind in (str, bytes, int, float, list, tuple, dict, set) for name in dir(kind)
)


def substituted(statement: ast.stmt, values: Mapping[str, ast.expr]) -> ast.stmt:
    """The statement with names replaced by expressions.

    `f(*(1, 2))` then reads `f(1, 2)`, and `{"input": 1}["input"]` reads `1`.
    """
    return cast(ast.stmt, _Substituted(values).visit(statement))


def without_solution(statement: ast.stmt, entry_point: str) -> ast.stmt:
    """The statement with `Solution().f(x)` and `solution.f(x)` as `f(x)`, where f is the entry point.

    Methods of data and functions of libraries that bear its name stay what they are.
    """
    return cast(ast.stmt, _WithoutSolution(entry_point).visit(statement))


def elements_of(node: ast.expr | None) -> list[ast.expr] | None:
    """The elements of a list, tuple or set that stands there, or the pairs of a dict; None if it is none."""
    match node:
        case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements):
            return None if any(isinstance(element, ast.Starred) for element in elements) else elements
        case ast.Dict(keys=keys, values=values):
            return [ast.Tuple([k, v], ast.Load()) for k, v in zip(keys, values, strict=True) if k is not None]
    return None


def _spread(argument: ast.expr) -> list[ast.expr]:
    inner = elements_of(argument.value) if isinstance(argument, ast.Starred) else None
    return [argument] if inner is None else inner


class _Substituted(ast.NodeTransformer):
    def __init__(self, values: Mapping[str, ast.expr]) -> None:
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.values.get(node.id, node) if isinstance(node.ctx, ast.Load) else node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        node.args = [part for argument in node.args for part in _spread(argument)]
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        self.generic_visit(node)
        key = node.slice.value if isinstance(node.slice, ast.Constant) else None
        if isinstance(node.value, ast.Dict) and isinstance(node.ctx, ast.Load):
            for known, value in zip(node.value.keys, node.value.values, strict=True):
                if isinstance(known, ast.Constant) and isinstance(key, str) and known.value == key:
                    return value
        return node


class _WithoutSolution(ast.NodeTransformer):
    def __init__(self, entry_point: str) -> None:
        self.entry_point = entry_point

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        self.generic_visit(node)
        meant = node.attr == self.entry_point and _holds_solution(node.value, self.entry_point)
        return ast.Name(node.attr, node.ctx) if meant else node


def _holds_solution(owner: ast.expr, entry_point: str) -> bool:
    """Whether `owner.f` is the entry point: not for `math.gcd`, and not for `"ab".count` or `xs.reverse`."""
    match owner:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            pass
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            pass
        case _:
            return False
    if entry_point in METHODS_OF_DATA:
        return name[:1].isupper() or "sol" in name.lower()
    return name not in LIBRARIES
