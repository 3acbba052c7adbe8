"""A text -> code to run in a namespace of its own, and what an exception of it means."""

import builtins
import errno
import os
import sys
import types
from typing import Any

from pipeline.sandbox.inside import layout
from pipeline.sandbox.inside.arena import Arena

# What most exceptions are; those that mean something else than their name are not among them.
_USUAL: dict[type[BaseException], tuple[int, bytes]] = {
    kind: (layout.RAISED, kind.__name__.encode())
    for kind in vars(builtins).values()
    if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, (MemoryError, OSError))
}
_type_name = type.__dict__["__name__"].__get__


def namespace() -> dict[str, Any]:
    """A fresh module namespace."""
    return {"__builtins__": builtins, "__name__": "solution"}


def module() -> dict[str, Any]:
    """The namespace of a fresh module that `sys.modules` knows, as dataclasses expect of a class's module."""
    sys.modules["solution"] = made = types.ModuleType("solution")
    space = vars(made)
    space["__builtins__"] = builtins
    return space


def raised(error: BaseException) -> tuple[int, bytes]:
    """(kind of frame, the exception's type name)."""
    kind = type(error)
    if issubclass(kind, SystemExit):
        return layout.EXITED, b""
    if issubclass(kind, MemoryError):
        return layout.OUT_OF_MEMORY, b""
    if kind is PermissionError or (kind is OSError and error.errno == errno.EROFS):  # type: ignore[attr-defined]
        return layout.REFUSED, b""
    return layout.RAISED, _type_name(kind)[:100].encode("utf-8", "replace")


def raised_beside_others(error: BaseException, arena: Arena) -> tuple[int, bytes]:
    """As `raised`, but a lack of memory ends the child: it may be what somebody else left behind.

    The parent then runs the program that was running in a child of its own, and the others in a fresh one.
    """
    usual = _USUAL.get(type(error))
    if usual is not None:
        return usual
    kind, data = raised(error)
    if kind == layout.OUT_OF_MEMORY:
        arena.flush()
        os._exit(layout.EXIT_MEMORY)
    return kind, data


def compiled_beside_others(text: str, mode: str) -> types.CodeType | None:
    """The code object, or None where the text does not compile; a lack of memory is an exception."""
    try:
        return compile(text, "<solution>", mode, 0, True, 0)
    except (SyntaxError, ValueError, OverflowError, RecursionError):
        return None


def compiled(text: str, mode: str) -> types.CodeType | None:
    """The code object, or None where the text does not compile, be it for its depth (a MemoryError)."""
    try:
        return compiled_beside_others(text, mode)
    except MemoryError:
        return None
