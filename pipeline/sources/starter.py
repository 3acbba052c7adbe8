"""The code a model goes on from: imports, a signature and a docstring, ending exactly at its closing quotes.

A source may give all of it, a bare signature, or nothing but a public example; what comes back always has the
one shape that prompts are built on.
"""

import ast
from collections.abc import Sequence

from pipeline.assertions import ValueTest, parse_test

INDENT = "    "
# A bare signature is no whole module yet: what a function, or a class's method, lacks.
BODIES = ("", f"\n{INDENT}pass", f"\n{INDENT * 2}pass")


class UnusableStarterError(ValueError):
    """Why no starter code can be had; `column` says from which column."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(reason)
        self.column = column


def starter(given: str | None, entry_point: str, prompt: str, examples: Sequence[str]) -> str:
    """Starter code that ends at the closing quotes of the docstring of its last definition, `entry_point`.

    A docstring that is missing is written from the prompt and the examples. A signature that is missing takes
    its parameters from the first example's call.

    Raises:
        UnusableStarterError: the code does not parse, does not end with the plain function `entry_point`,
            already has a body, or there is neither a signature nor an example to take one from.
    """
    code = (
        given.rstrip() if given is not None else f"def {entry_point}({_parameters(entry_point, examples)}):"
    )
    function, source = _last_function(code, entry_point)
    docstring = function.body[0] if ast.get_docstring(function, clean=False) is not None else None
    rest = function.body[1:] if docstring else function.body
    if any(not _is_placeholder(statement) for statement in rest):
        raise UnusableStarterError(
            "starter_code", f"{entry_point} already has a body; it must end with its docstring"
        )
    if docstring:
        return _upto(source, docstring.end_lineno, docstring.end_col_offset)
    header = _upto(source, function.body[0].lineno, function.body[0].col_offset).rstrip()
    return f"{header}\n{_docstring(entry_point, prompt, examples)}"


def _last_function(code: str, entry_point: str) -> tuple[ast.FunctionDef, str]:
    tree, source = _parsed(code)
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    if entry_point not in defined:
        raise _undefined(tree.body, entry_point)
    last = tree.body[-1]
    if not isinstance(last, ast.FunctionDef) or last.name != entry_point:
        raise UnusableStarterError("starter_code", f"{entry_point!r} must be its last definition")
    return last, source


def _parsed(code: str) -> tuple[ast.Module, str]:
    """The code, with a body where one is wanting, as a tree and as text."""
    told = ""
    for body in BODIES:
        try:
            return ast.parse(code + body), code + body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            told = str(error)
    raise UnusableStarterError("starter_code", f"not valid Python: {told}")


def _undefined(body: Sequence[ast.stmt], entry_point: str) -> UnusableStarterError:
    wanted = f"not a plain function `def {entry_point}(...):`"
    match body:
        case [*_, ast.ClassDef(name=name)]:
            return UnusableStarterError("starter_code", f"`class {name}` is a class, {wanted}")
        case [*_, ast.AsyncFunctionDef(name=name)]:
            return UnusableStarterError("starter_code", f"`async def {name}` is a coroutine, {wanted}")
    return UnusableStarterError("entry_point", f"{entry_point!r} is not defined in starter_code")


def _is_placeholder(statement: ast.stmt) -> bool:
    is_ellipsis = isinstance(statement, ast.Expr) and (
        isinstance(statement.value, ast.Constant) and statement.value.value is ...
    )
    return isinstance(statement, ast.Pass) or is_ellipsis


def _upto(source: str, line: int | None, column: int | None) -> str:
    # ast counts columns in UTF-8 bytes.
    lines = source.split("\n")[: line or 0]
    lines[-1] = lines[-1].encode()[:column].decode()
    return "\n".join(lines)


def _docstring(entry_point: str, prompt: str, examples: Sequence[str]) -> str:
    doctests = [f">>> {test.call}\n{test.expected}" for test in _value_tests(entry_point, examples)]
    text = "\n\n".join([prompt.strip(), *doctests]).replace("\\", "\\\\").replace('"""', "'''")
    body = "\n".join(f"{INDENT}{line}".rstrip() for line in text.split("\n"))
    return f'{INDENT}"""{body.removeprefix(INDENT)}\n{INDENT}"""'


def _parameters(entry_point: str, examples: Sequence[str]) -> str:
    for test in _value_tests(entry_point, examples):
        for node in ast.walk(ast.parse(test.call)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == entry_point:
                named = [keyword.arg for keyword in node.keywords if keyword.arg]
                return ", ".join([*(chr(ord("a") + index) for index in range(len(node.args))), *named])
    raise UnusableStarterError(
        "starter_code",
        f"missing, and no example test `assert {entry_point}(...) == ...` to take a signature from",
    )


def _value_tests(entry_point: str, examples: Sequence[str]) -> list[ValueTest]:
    parsed = (parse_test(example, entry_point) for example in examples)
    return [test for test in parsed if isinstance(test, ValueTest)]
