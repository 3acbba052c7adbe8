"""A solution's code as something that can be called again and again as if for the first time."""

import ast
import copy
import itertools
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

FILENAME = "<solution>"  # of every solution's code object: tracing looks at nothing else
ATOMS = frozenset({int, float, complex, bool, str, bytes, type(None)})
# Names through which code reaches beyond its own module, where a fresh module would not forget it.
OUTSIDE = frozenset(
    {"globals", "setattr", "delattr", "vars", "exec", "eval", "__import__", "compile", "open"}
)
MEDDLING = frozenset(
    {"gc", "builtins", "ctypes", "threading", "signal", "inspect", "importlib", "os", "tracemalloc", "atexit"}
)
HARMLESS_SYS = frozenset({"maxsize", "setrecursionlimit", "float_info", "stdin", "stdout"})

Value = Any  # an argument, or whatever a solution returned
Arguments = tuple[list[Value], dict[str, Value]]
Call = Callable[[], Value]


@dataclass(frozen=True)
class Program:
    """A compiled solution.

    keeps_state: a second call might find what a first one left (a cache, a counter); such a program is loaded
        anew in every call that is measured, so that memoization earns nothing across calls.
    """

    code: types.CodeType
    entry_point: str
    keeps_state: bool
    shared: Callable[..., Value]


def load(source: str, entry_point: str) -> Program:
    """Compile and execute a solution.

    Raises:
        Exception: whatever the solution raises; NameError if it does not define the entry point.
    """
    code = compile(source, FILENAME, "exec")
    return Program(code, entry_point, keeps_state(source), _loaded(code, entry_point))


def _loaded(code: types.CodeType, entry_point: str) -> Callable[..., Any]:
    module: dict[str, Any] = {"__name__": "solution", "__builtins__": __builtins__}
    exec(code, module)
    function = module.get(entry_point)
    if not callable(function):
        raise NameError(entry_point)
    return cast(Callable[..., Value], function)


def keeps_state(source: str) -> bool:
    """Whether a module might remember something between calls, judged without running it; errs to yes."""
    tree = ast.parse(source)
    for statement in tree.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            if statement.value is not None and not _is_constant(statement.value):
                return True
        elif isinstance(statement, ast.Expr):
            if not isinstance(statement.value, ast.Constant):  # a docstring
                return True
        elif not isinstance(statement, ast.Import | ast.ImportFrom | ast.FunctionDef):
            return True
    return any(_remembers(node) for node in ast.walk(tree))


def _is_constant(value: ast.expr) -> bool:
    if isinstance(value, ast.Tuple):
        return all(_is_constant(element) for element in value.elts)
    if isinstance(value, ast.BinOp):
        return _is_constant(value.left) and _is_constant(value.right)
    return isinstance(value, ast.Constant) or (
        isinstance(value, ast.UnaryOp) and isinstance(value.operand, ast.Constant)
    )


def _remembers(node: ast.AST) -> bool:
    if isinstance(node, ast.FunctionDef):
        defaults = [*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)]
        return bool(node.decorator_list) or not all(_is_constant(default) for default in defaults)
    if isinstance(node, ast.Attribute):
        return isinstance(node.ctx, ast.Store | ast.Del) or node.attr.startswith("__")
    return isinstance(node, ast.Global | ast.ClassDef) or (isinstance(node, ast.Name) and node.id in OUTSIDE)


def reaches_outside(source: str) -> bool:
    """Whether a call could change what its neighbors run on, so that no fresh module would forget it."""
    tree = ast.parse(source)
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        for name in (alias.name, alias.asname or alias.name)
    }
    sources = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return bool((imported | sources) & MEDDLING) or any(_meddles(node, imported) for node in ast.walk(tree))


def _meddles(node: ast.AST, imported: set[str]) -> bool:
    if isinstance(node, ast.Name):
        return node.id in OUTSIDE | {"__builtins__"}
    if not isinstance(node, ast.Attribute | ast.Subscript):
        return False
    target = node.value.id if isinstance(node.value, ast.Name) else ""
    if isinstance(node.ctx, ast.Store | ast.Del) and _root(node) in imported:
        return True
    if isinstance(node, ast.Attribute):
        return node.attr.startswith("__") or (target == "sys" and node.attr not in HARMLESS_SYS)
    return False


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def copier(value: Value) -> Call:
    """Makes fresh copies of `value`, as deep as it is mutable, at the speed of C where it is flat.

    Atoms stay the same objects in every copy, so that all solutions walk the same memory.
    """
    kind = type(value)
    if _never_changes(value):
        return lambda: value
    if kind in (list, set) and all(map(_never_changes, value)):
        return value.copy  # type: ignore[no-any-return]
    if kind is dict and all(map(_never_changes, itertools.chain(value, value.values()))):
        return value.copy  # type: ignore[no-any-return]
    if kind is list and all(map(_is_row, value)):
        return lambda: [row.copy() for row in value]
    if kind is dict and all(map(_never_changes, value)) and all(map(_is_row, value.values())):
        return lambda: {key: row.copy() for key, row in value.items()}
    return lambda: copy.deepcopy(value)


def _never_changes(value: Value) -> bool:
    kind = type(value)
    return kind in ATOMS or (kind in (tuple, frozenset) and all(type(item) in ATOMS for item in value))


def _is_row(value: Value) -> bool:
    return type(value) is list and all(map(_never_changes, value))


def calls(program: Program, arguments: Arguments, *, lazy: bool) -> Iterator[Call]:
    """Endless fresh calls of a program: new copies of the arguments, and a new module where it matters.

    lazy: the program returns iterators, which do their work only when they are consumed.
    """
    positional = [copier(value) for value in arguments[0]]
    named = {name: copier(value) for name, value in arguments[1].items()}
    make = _loading if program.keeps_state else _calling
    while True:
        args = [fresh() for fresh in positional]
        keywords = {name: fresh() for name, fresh in named.items()}
        call = make(program, args, keywords)
        yield _consuming(call) if lazy else call


def arguments_after(program: Program, arguments: Arguments) -> Arguments:
    """What a call of the program leaves of a copy of its arguments.

    Raises:
        Exception: whatever the program raises.
    """
    args = [copier(value)() for value in arguments[0]]
    keywords = {name: copier(value)() for name, value in arguments[1].items()}
    make = _loading if program.keeps_state else _calling
    consumed(make(program, args, keywords)())
    return args, keywords


def _calling(program: Program, args: list[Any], keywords: dict[str, Any]) -> Call:
    function = program.shared
    return lambda: function(*args, **keywords)


def _loading(program: Program, args: list[Any], keywords: dict[str, Any]) -> Call:
    # Loading is part of the call: a table that a module makes beforehand is work, too.
    return lambda: _loaded(program.code, program.entry_point)(*args, **keywords)


def _consuming(call: Call) -> Call:
    return lambda: consumed(call())


def is_lazy(value: Value) -> bool:
    """Whether `value` is an iterator, or holds one near its surface."""
    if type(value) in ATOMS:
        return False
    if type(value) in (list, tuple):
        return any(is_lazy(item) for item in value[:3])
    return hasattr(value, "__next__")


def consumed(value: Value) -> Value:
    """`value` with its iterators run to their end and turned into lists."""
    if type(value) in (list, tuple) and any(hasattr(item, "__next__") for item in value[:3]):
        return type(value)(consumed(item) for item in value)
    return _run_out(value) if hasattr(value, "__next__") else value


def _run_out(iterator: Iterator[Value]) -> list[Value]:
    # At the speed of C where nothing lazy lies inside: looking at every item cost five times what a generator
    # took to make it, and the clock runs. Each of the first is consumed before the next is asked for.
    found: list[Value] = []
    nested = False
    for item in itertools.islice(iterator, 3):
        nested = nested or is_lazy(item)
        found.append(consumed(item))
    found += map(consumed, iterator) if nested else iterator
    return found
