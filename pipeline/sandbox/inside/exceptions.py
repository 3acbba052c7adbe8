"""An exception of a program -> the exception that a check meets in its place.

What crosses is the nearest class that Python or its library defines, so that `except ValueError` of a check
sees a subclass too, and the arguments if they are plain data. No code of the exception's own class is run
where it arrives.
"""

import contextlib
import sys
from collections.abc import Callable
from typing import Any, TypeVar

from pipeline.sandbox.inside import layout, parse, transport

MAX_ARGUMENT_BYTES = 1 << 16
MAX_TEXT_CHARS = 1000

T = TypeVar("T")

# Module and name of the class; arguments.
Description = tuple[str, str, tuple[Any, ...]]

_mro = type.__dict__["__mro__"].__get__
_module = type.__dict__["__module__"].__get__
_name = type.__dict__["__name__"].__get__
_code = SystemExit.__dict__["code"].__get__
_arguments = BaseException.__dict__["args"].__get__


def with_none_active(function: Callable[..., T], /, *arguments: Any, **named: Any) -> T:
    """What the function returns; a bare `raise` in it finds no exception that the caller handles."""
    try:
        raise RuntimeError("No active exception to reraise")
    except RuntimeError as nothing:
        nothing.__context__ = None
        return function(*arguments, **named)


def described(error: BaseException, *, builtin_only: bool = False) -> Description:
    """What crosses of the exception: plain data.

    builtin_only: by a class that nobody can change, where the other side could (a program that has
        neighbours; a check that assigns attributes has none).
    """
    known = (kind for kind in _mro(type(error)) if _is_known(kind) or kind is BaseException)
    kind = next(kind for kind in known if not builtin_only or _module(kind) == "builtins")
    if kind is type(error):
        frame, raw = transport.careful(_arguments(error), MAX_ARGUMENT_BYTES)
        if frame == layout.PLAIN:
            with contextlib.suppress(parse.Malformed):
                return _module(kind), _name(kind), parse.parse(raw)
    try:
        text = str.__getitem__(str(error), slice(MAX_TEXT_CHARS))  # an exact str, whatever it was
    except BaseException:
        text = ""
    return _module(kind), _name(kind), (text,)


def ending(error: SystemExit | MemoryError) -> BaseException:
    """An exception that ends both sides, with nothing of the side that it comes from but a plain code."""
    if not isinstance(error, SystemExit):
        return MemoryError()
    code = _code(error)
    return SystemExit(code if type(type(code)) is type and type(code) in (int, str, type(None)) else 1)


def made(description: Any) -> Exception | None:
    """The exception; None where that is no description, for it may come from anybody."""
    match description:
        case (str(module), str(name), tuple(arguments)):
            kind = _known(module, name) or RuntimeError
        case _:
            return None
    try:
        return kind(*arguments) if module == "builtins" else kind.__new__(kind, *arguments)
    except (TypeError, ValueError):
        return ValueError(*arguments)


def _is_known(kind: type) -> bool:
    return _known(_module(kind), _name(kind)) is kind


def _known(module: Any, name: str) -> type[Exception] | None:
    """The class of that name if it is an Exception of the standard library's and has been imported."""
    if type(module) is not str or module.partition(".")[0] not in sys.stdlib_module_names:
        return None
    found = getattr(sys.modules.get(module), name, None)
    return found if isinstance(found, type) and issubclass(found, Exception) else None
