"""Whether a test can tell anything about a function: the reasons why some cannot, by syntax alone."""

import ast
from collections.abc import Iterator, Sequence

# The reasons, a closed vocabulary.
UNPARSABLE = "unparsable"  # not a Python module, or too deep or long for the parser
BLANK = "blank"  # a placeholder such as ____ was left in
NO_ASSERTION = "no_assertion"  # nothing in it can fail by what the function returned
NEVER_CALLS = "never_calls"  # the function is not called
NEVER_RUN = "never_run"  # its assertions stand in a class or in a function that nobody calls
TAUTOLOGY = "tautology"  # true whatever the function returns

# Builtins that look at a function without calling it.
ASKING_ABOUT = ("callable", "isinstance", "hasattr", "type")
SWALLOWS_ASSERTIONS = frozenset({"Exception", "BaseException", "AssertionError"})


def vacuous_because(body: Sequence[ast.stmt], entry_point: str) -> str | None:
    """Why running the statements says nothing about `entry_point`, or None where they may say something."""
    nodes = [node for statement in body for node in ast.walk(statement)]
    if any(isinstance(node, ast.Name) and len(node.id) > 1 and not node.id.strip("_") for node in nodes):
        return BLANK
    if not any(map(_may_fail, body)):
        return NO_ASSERTION
    if not any(calls(statement, entry_point) or _checks_candidate(statement) for statement in body):
        return NEVER_CALLS
    failing = _failing_functions(body)
    if not any(_is_run(statement, failing) for statement in body):
        return NEVER_RUN
    return TAUTOLOGY if _only_tautologies(nodes) else None


def calls(node: ast.AST, function: str) -> bool:
    """Whether somewhere in `node` the function is called by its name, or handed to a call such as map's."""
    found = (child for child in ast.walk(node) if isinstance(child, ast.Call))
    return any(is_name(call.func, function) or _hands_over(call, function) for call in found)


def _hands_over(call: ast.Call, function: str) -> bool:
    asks_about = any(is_name(call.func, name) for name in ASKING_ABOUT)
    return not asks_about and any(is_name(argument, function) for argument in call.args)


def is_name(node: ast.AST, name: str) -> bool:
    """Whether `node` is the bare name `name`."""
    return isinstance(node, ast.Name) and node.id == name


def names(node: ast.AST) -> Iterator[str]:
    """Every bare name in `node`, repeated as often as it stands there."""
    return (child.id for child in ast.walk(node) if isinstance(child, ast.Name))


def is_test_function(statement: ast.stmt) -> bool:
    """Whether a test runner would call it: `def test_...()` without parameters."""
    named = isinstance(statement, ast.FunctionDef) and statement.name.startswith("test")
    return named and parameters(statement) == []


def takes_candidate(statement: ast.stmt) -> bool:
    """Whether it is HumanEval's form, `def check(candidate)`, called with the function itself."""
    return parameters(statement) == ["candidate"]


def parameters(statement: ast.stmt) -> list[str] | None:
    """The names of a function's positional parameters; None if the statement defines no function."""
    return [arg.arg for arg in statement.args.args] if isinstance(statement, ast.FunctionDef) else None


def _checks_candidate(statement: ast.stmt) -> bool:
    return takes_candidate(statement) and calls(statement, "candidate")


def _may_fail(node: ast.AST) -> bool:
    """Whether an assertion in `node` can end the test: one under an `except` that eats it cannot."""
    if isinstance(node, ast.Assert | ast.Raise) or _expects_exception(node):
        return True
    if isinstance(node, ast.Try) and any(map(_swallows, node.handlers)):
        return any(map(_may_fail, [*node.handlers, *node.orelse, *node.finalbody]))
    return any(map(_may_fail, ast.iter_child_nodes(node)))


def _expects_exception(node: ast.AST) -> bool:
    """Whether it is `with pytest.raises(...)` or `with self.assertRaises(...)`."""
    if not isinstance(node, ast.With):
        return False
    return any("raises" in ast.unparse(item.context_expr).lower() for item in node.items)


def _swallows(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or not SWALLOWS_ASSERTIONS.isdisjoint(names(handler.type))


def _failing_functions(body: Sequence[ast.stmt]) -> set[str]:
    """Functions defined in `body` that an assertion can end, be it in what they call."""
    functions = [statement for statement in body if isinstance(statement, ast.FunctionDef)]
    failing: set[str] = set()
    for _ in functions:  # a chain of calls is no longer than this
        failing |= {function.name for function in functions if _leads_to_failure(function, failing)}
    return failing


def _leads_to_failure(statement: ast.stmt, failing: set[str]) -> bool:
    return _may_fail(statement) or any(calls(statement, function) for function in failing)


def _is_run(statement: ast.stmt, failing: set[str]) -> bool:
    if isinstance(statement, ast.ClassDef | ast.AsyncFunctionDef):
        return False
    if isinstance(statement, ast.FunctionDef) and not (
        is_test_function(statement) or takes_candidate(statement)
    ):
        return False
    return _leads_to_failure(statement, failing)


def _only_tautologies(nodes: Sequence[ast.AST]) -> bool:
    if any(isinstance(node, ast.Raise) or _expects_exception(node) for node in nodes):
        return False
    return all(_is_tautology(node.test) for node in nodes if isinstance(node, ast.Assert))


def _is_tautology(test: ast.expr) -> bool:
    match test:
        case ast.Constant(value=value):
            return bool(value)
        case ast.Tuple(elts=elements):  # assert (f(x) == y, "message"): a tuple, always true
            return bool(elements)
        case ast.BoolOp(op=ast.Or(), values=values):
            return any(map(_is_tautology, values))
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
            return ast.dump(left) == ast.dump(right)
    return False
