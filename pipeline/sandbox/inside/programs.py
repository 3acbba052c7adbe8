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
_FIXED_TYPES = frozenset(
    [int, float, str, bool, bytes, complex, type(None), type(Ellipsis), types.ModuleType]
)
_type_name = type.__dict__["__name__"].__get__


def namespace() -> dict[str, Any]:
    """A fresh module namespace.

    It says that it is in no package: by a `__name__` of its own choice, a program could import from ours.
    """
    return {"__builtins__": builtins, "__name__": "solution", "__doc__": None, "__package__": ""}


def is_fixed(space: dict[str, Any]) -> bool:
    """Whether a namespace holds only constants, and functions that hold nothing but constants themselves."""
    return all(map(_is_fixed, space.values()))


def _is_fixed(value: Any) -> bool:
    kind = type(value)
    if kind is types.FunctionType:
        held = (*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values(), value.__module__)
        return not value.__closure__ and all(map(_is_constant, held))
    if kind is types.BuiltinFunctionType:
        return type(value.__self__) is types.ModuleType
    return _is_constant(value)


def _is_constant(value: Any) -> bool:
    kind = type(value)
    return type(kind) is type and kind in _FIXED_TYPES  # another kind of class may say that it equals one


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
    name = str.__getitem__(_type_name(kind), slice(100))  # an exact str, whatever it was
    return layout.RAISED, name.encode("utf-8", "replace")


def raised_beside_others(error: BaseException, arena: Arena) -> tuple[int, bytes]:
    """As `raised`, but a lack of memory ends the child: it may be what somebody else left behind.

    The parent then runs the program that was running in a child of its own, and the others in a fresh one.
    """
    known = type(type(error)) is type  # another kind of class may say that it equals one
    usual = _USUAL.get(type(error)) if known else None
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
