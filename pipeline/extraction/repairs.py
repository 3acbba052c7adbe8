"""Code that nearly defines the entry point -> code that does, where only one thing can be meant."""

import ast
import io
import textwrap
import tokenize
from collections.abc import Sequence
from functools import lru_cache

from pipeline.extraction.definitions import FUNCTIONS, SCOPES, Definition, definitions, used
from pipeline.extraction.syntax import parsed
from pipeline.tasks import Task

Function = ast.FunctionDef | ast.AsyncFunctionDef


@lru_cache(maxsize=64)  # asked for each of a task's completions
def signature(task: Task) -> ast.FunctionDef | None:
    """The entry point as the starter code declares it, or None where that does not parse."""
    tree = parsed(_with_body(task, "pass\n"))
    body = tree.body if isinstance(tree, ast.Module) else []
    named = (s for s in body if isinstance(s, ast.FunctionDef) and s.name == task.entry_point)
    return next(named, None)


@lru_cache(maxsize=64)
def starter_definitions(task: Task) -> Sequence[Definition]:
    """What the starter code brings beside the entry point's signature: imports, helpers, classes."""
    text = _with_body(task, "pass\n")
    tree = parsed(text)
    return definitions(text, tree.body) if isinstance(tree, ast.Module) else []


def meant_function(task: Task, body: Sequence[ast.stmt]) -> str | None:
    """The one function that can only be the entry point under another name, or None."""
    declared = signature(task)
    named = {s.name: s for s in body if isinstance(s, FUNCTIONS)}
    mentioned = {node.id for s in body for node in ast.walk(s) if isinstance(node, ast.Name)}
    if declared is None or task.entry_point in mentioned:
        return None
    called = {name for f in named.values() for name in used(f) if name != f.name}
    fitting = [
        name
        for name, function in named.items()
        if name not in called
        and not name.startswith(("test", "main", "check"))
        and accepts(function, declared)
    ]
    return fitting[0] if len(fitting) == 1 else None


def renamed(code: str, old: str, new: str) -> str:
    """`code` with every use of the name `old` (attributes left out) replaced by `new`."""
    tokens = list(tokenize.generate_tokens(io.StringIO(code).readline))
    lines = code.split("\n")
    for before, token in reversed(list(zip([None, *tokens], tokens, strict=False))):
        if token.type == tokenize.NAME and token.string == old and not (before and before.string == "."):
            row, column = token.start
            line = lines[row - 1]
            lines[row - 1] = line[:column] + new + line[column + len(old) :]
    return "\n".join(lines)


def meant_method(task: Task, body: Sequence[ast.stmt]) -> tuple[ast.ClassDef, Function] | None:
    """The class and its method that play the entry point, or None.

    The method has the entry point's name, or is the only public one of a class called Solution.
    """
    for cls in (s for s in body if isinstance(s, ast.ClassDef)):
        methods = [s for s in cls.body if isinstance(s, FUNCTIONS)]
        public = [method for method in methods if not method.name.startswith("_")]
        named = [method for method in methods if method.name == task.entry_point]
        if named or (cls.name == "Solution" and len(public) == 1):
            return cls, (named or public)[0]
    return None


def calling_method(task: Task, cls: ast.ClassDef, method: Function) -> str | None:
    """A function with the entry point's signature that calls the method of a fresh object, or None."""
    declared = signature(task)
    if declared is None or _needs_arguments(cls):
        return None
    passed = ", ".join(argument.arg for argument in (*declared.args.posonlyargs, *declared.args.args))
    return f"def {task.entry_point}({passed}):\n    return {cls.name}().{method.name}({passed})"


def under_starter(task: Task, text: str) -> str:
    """The starter code with `text` as the function's body."""
    return _with_body(task, textwrap.dedent(text).strip("\n"))


def _with_body(task: Task, body: str) -> str:
    """The starter code with `body` below its docstring, indented as that is."""
    tree = parsed(task.starter_code)
    match tree.body if isinstance(tree, ast.Module) else []:
        case [*_, ast.FunctionDef(body=[docstring, *_])]:
            line = task.starter_code.split("\n")[docstring.lineno - 1]
            indentation = line[: len(line) - len(line.lstrip())]
        case _:
            indentation = ""
    return f"{task.starter_code}\n{textwrap.indent(body, indentation or '    ')}"


def is_stub(statement: ast.stmt) -> bool:
    """Whether a function's body does nothing yet: a docstring, pass, `...` or NotImplementedError alone."""
    return isinstance(statement, FUNCTIONS) and all(map(_does_nothing, statement.body))


def returns_value(function: ast.stmt) -> bool:
    """Whether a `return` of the function itself, not of one inside it, gives back something."""
    inner = [function]
    while inner:
        for child in ast.iter_child_nodes(inner.pop()):
            if isinstance(child, ast.Return) and child.value is not None:
                return True
            if isinstance(child, ast.stmt) and not isinstance(child, SCOPES):
                inner.append(child)
    return False


def trails_off(statement: ast.stmt) -> bool:
    """Whether its last line is a bare name, as `retu` where a `return` broke off."""
    match statement:
        case ast.Expr(value=ast.Name() | ast.Attribute()):
            return True
    inner = getattr(statement, "orelse", None) or getattr(statement, "body", None)
    return isinstance(inner, list) and trails_off(inner[-1])


def always_leaves(body: Sequence[ast.stmt]) -> bool:
    """Whether control cannot run off the end of the statements: whatever was cut there did not matter."""
    match body[-1] if body else None:
        case ast.Return() | ast.Raise():
            return True
        case ast.If(body=then, orelse=other):
            return always_leaves(then) and always_leaves(other)
        case ast.With(body=inner):
            return always_leaves(inner)
        case ast.While(test=ast.Constant(value=True), body=inner):
            return not any(isinstance(node, ast.Break) for s in inner for node in ast.walk(s))
        case ast.Try(body=inner, handlers=handlers):
            return always_leaves(inner) and all(always_leaves(handler.body) for handler in handlers)
    return False


def accepts(function: Function, declared: ast.FunctionDef) -> bool:
    """Whether the function can be called with as many positional arguments as the declared one has."""
    wanted = len(declared.args.posonlyargs) + len(declared.args.args)
    most = len(function.args.posonlyargs) + len(function.args.args)
    required_by_name = any(default is None for default in function.args.kw_defaults)
    if required_by_name:
        return False
    return most - len(function.args.defaults) <= wanted and (
        wanted <= most or function.args.vararg is not None
    )


def _does_nothing(statement: ast.stmt) -> bool:
    match statement:
        case ast.Pass() | ast.Expr(value=ast.Constant()):
            return True
        case ast.Raise(exc=ast.Name(id="NotImplementedError")):
            return True
        case ast.Raise(exc=ast.Call(func=ast.Name(id="NotImplementedError"))):
            return True
    return False


def _needs_arguments(cls: ast.ClassDef) -> bool:
    makers = [s for s in cls.body if isinstance(s, ast.FunctionDef) and s.name == "__init__"]
    return any(len(maker.args.args) - len(maker.args.defaults) > 1 for maker in makers)
