"""A block's text -> the stretches of it that parse as Python, as long as they can be."""

import ast
import itertools
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

# A top-level line that prose hardly begins with.
CODE_START = re.compile(
    r"(?:async def|def|class|from|import|assert|for|if|try|with)\b.*[\w:)\]'\"*\\,(]$|@\w|\w+\s*=[^=]"
)
# Each start costs a few parses of what follows it: hostile text must not make that quadratic.
MAX_STARTS = 40


@dataclass(frozen=True)
class Piece:
    """Consecutive lines that parse.

    text: the lines.
    body: their statements; positions refer to `text`.
    cut: whether the last statement went on in lines that do not parse.
    fenced: whether the model marked the place as code.
    """

    text: str
    body: list[ast.stmt]
    cut: bool
    fenced: bool


@contextmanager
def unwarned() -> Iterator[None]:
    """While this lasts, Python does not warn about code: an invalid escape is the model's affair."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def parsed(code: str) -> ast.Module | SyntaxError | None:
    """The module that `code` spells, the error that says where it breaks, or None where nothing says it."""
    try:
        with unwarned():
            return ast.parse(code)
    except SyntaxError as error:
        return error
    except (ValueError, RecursionError, MemoryError):  # null characters, nesting too deep for the parser
        return None


def compiles(code: str) -> bool:
    """Whether Python takes `code` as a module: parsing alone lets `return` stand outside a function."""
    try:
        with unwarned():
            compile(code, "<solution>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def pieces(text: str, *, fenced: bool) -> Iterator[Piece | str]:
    """The text in order, as pieces that parse and the single lines between them that do not."""
    lines = text.split("\n")
    at = starts = 0
    while at < len(lines):
        begins = (fenced and at == 0) or CODE_START.match(lines[at].strip())
        count, body = 0, list[ast.stmt]()
        if begins and starts < MAX_STARTS:
            starts += 1
            stretch = _outdented(lines[at:])
            count, body = _longest_prefix(stretch)
        if body:
            following = next((line for line in stretch[count:] if line.strip()), "")
            cut = following[:1] in (" ", "\t")
            yield Piece("\n".join(stretch[:count]), body, cut=cut, fenced=fenced)
        elif lines[at].strip():
            yield lines[at]
        at += max(count, 1) if body else 1


def _outdented(lines: list[str]) -> list[str]:
    """The lines less the first one's indentation; a line with less begins something else."""
    indentation = lines[0][: len(lines[0]) - len(lines[0].lstrip())]
    if not indentation:
        return lines
    inside = itertools.takewhile(lambda line: line.startswith(indentation) or not line.strip(), lines)
    return [line[len(indentation) :] for line in inside]


def _longest_prefix(lines: list[str]) -> tuple[int, list[ast.stmt]]:
    """How many first lines parse together, and their statements."""
    count = len(lines)
    while count:
        tree = parsed("\n".join(lines[:count]))
        if isinstance(tree, ast.Module):
            return count, tree.body
        # No prefix that holds the line of the error parses.
        at_error = tree.lineno - 1 if tree and tree.lineno else count // 2
        count = min(count - 1, max(at_error, 0))
    return 0, []


def call_of(function: str, *args: ast.expr) -> ast.Call:
    """A call of what bears the name."""
    return ast.Call(ast.Name(function, ast.Load()), list(args), [])


def name_of(function: ast.expr) -> str:
    """The name or attribute by which something is called, or nothing."""
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""
