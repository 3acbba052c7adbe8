"""Examples of interpreter sessions, as doctest finds them -> the statements that they stand for."""

import ast
import doctest
from collections.abc import Iterator

from pipeline.extraction.runners import RAISED, expecting
from pipeline.extraction.syntax import call_of, parsed


def examples(text: str) -> Iterator[list[ast.stmt] | None]:
    """Each example's statements, a test where something is shown below it; None where that is not Python."""
    try:
        found = doctest.DocTestParser().get_examples(text)
    except ValueError:
        yield None
        return
    for example in found:
        tree = parsed(example.source.strip())
        body = tree.body if isinstance(tree, ast.Module) else []
        yield _shown(body, example) if example.want.strip() else body


def _shown(body: list[ast.stmt], example: doctest.Example) -> list[ast.stmt] | None:
    """The test that the statements show what the example shows."""
    want = example.want.strip()
    printed = ast.Constant(want)
    match body:
        case [ast.Expr(value=shown)] if example.exc_msg:
            kind, _, message = example.exc_msg.strip().partition(": ")
            told = [_equal(call_of("str", ast.Name(RAISED, ast.Load())), ast.Constant(message))]
            error = _value(kind)
            return [expecting(error, [ast.Expr(shown)], then=told if message else [])] if error else None
        case [ast.Expr(value=ast.Call(func=ast.Name(id="print"), args=[shown], keywords=[]))]:
            return [_equal(call_of("str", shown), printed)]
        case [ast.Expr(value=ast.Call(func=ast.Name(id="print"), args=several, keywords=[]))]:
            texts = call_of("map", ast.Name("str", ast.Load()), ast.List(several, ast.Load()))
            joined = ast.Call(ast.Attribute(ast.Constant(" "), "join", ast.Load()), [texts], [])
            return [_equal(joined, printed)]
        case [ast.Expr(value=ast.Call(func=ast.Name(id="print")))]:
            return None
        case [ast.Expr(value=shown)] if value := _value(want):
            return [_equal(shown, value)]
    return None


def _value(text: str) -> ast.expr | None:
    """The expression; None where `...` stands for what it leaves out."""
    tree = parsed(f"({text})")
    match tree.body if isinstance(tree, ast.Module) else []:
        case [ast.Expr(value=value)]:
            constants = (node.value for node in ast.walk(value) if isinstance(node, ast.Constant))
            return None if any(constant is ... for constant in constants) else value
    return None


def _equal(left: ast.expr, right: ast.expr) -> ast.stmt:
    return ast.Assert(ast.Compare(left, [ast.Eq()], [right]), None)
