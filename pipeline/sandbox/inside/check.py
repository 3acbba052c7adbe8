"""Tests that run as code, kept apart from the program they test: the check's side.

A check never touches an object of the program. What the program returns is copied as plain data; what is not
plain (an instance, a generator, a function) stays with the program, and the check holds a `Remote` for it,
whose attributes, calls and items are asked for one by one. So an object that lies about `==` meets no
comparison, and a program that redefines `len` or `isinstance` redefines them for itself.

Next to a program that passed the scan both live in one process, and the check asks the program's `Holder`
itself (`direct`). Any other program gets a process of its own, and the check talks to it over pipes
(`over_pipes`); the bytes that come back are hostile and go through `parse`.
"""

import builtins
import types
from collections.abc import Callable
from typing import Any

from pipeline.sandbox.inside import exceptions, layout, parse
from pipeline.sandbox.inside.holder import (
    ABILITIES,
    ABSENT,
    COLLECTIONS,
    GIVEN,
    MUTABLE,
    OBJECT,
    RAISED,
    SEQUENCES,
    VALUE,
    Holder,
    NotPlain,
    Reply,
    copied,
    encoded,
    is_leaf,
    receive,
    send,
)
from pipeline.sandbox.inside.names import nested
from pipeline.sandbox.inside.programs import namespace

_IMMUTABLE_TYPE = 1 << 8  # Py_TPFLAGS_IMMUTABLETYPE

Ask = Callable[[str, int, Any, list[Any]], Reply]


class Remote:
    """An object that stays with the program; what not every object can do is in its class of `_REMOTES`."""

    __slots__ = ("_ask", "_handle")

    def __init__(self, ask: Ask, handle: int) -> None:
        object.__setattr__(self, "_ask", ask)
        object.__setattr__(self, "_handle", handle)

    def _result(self, verb: str, detail: Any = None, arguments: tuple[Any, ...] = ()) -> Any:
        kind, content, changed = self._ask(verb, self._handle, detail, list(arguments))
        given = [*arguments, *(item for _, item in detail)] if verb == "call" else []
        for mine, theirs in zip(given, changed, strict=False):
            _take_over(mine, theirs)
        if kind == GIVEN:
            return _given_back(given, content)
        return _received(self._ask, kind, content)

    def __getattr__(self, name: str) -> Any:
        """The attribute, asked for by name."""
        return self._result("get", name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._result("set", name, (value,))

    def __bool__(self) -> Any:
        return self._result("truth") is True


def _called(self: Remote, /, *arguments: Any, **named: Any) -> Any:
    """The result of the call, which happens where the program is."""
    return self._result("call", list(named.items()), arguments)


def _iterated(self: Remote) -> Any:
    iterator = self._result("iterate")
    return iterator if isinstance(iterator, Remote) else iter(iterator)


# By their abilities: what can be called is callable to a check if, and only if, it is to the program.
_ABLE: dict[str, Callable[..., Any]] = {
    "__call__": _called,
    "__iter__": _iterated,
    "__next__": lambda self: self._result("next"),
    "__len__": lambda self: self._result("length"),
    "__getitem__": lambda self, key: self._result("item", key),
}
_REMOTES: list[type[Remote]] = [
    type(
        "Remote",
        (Remote,),
        {"__slots__": ()} | {name: _ABLE[name] for place, name in enumerate(ABILITIES) if able >> place & 1},
    )
    for able in range(1 << len(ABILITIES))
]

_KINDS_OF_REMOTES = frozenset(_REMOTES)


def _is_remote(value: Any) -> bool:
    """Whether it is a remote by its class exactly: another kind of class may say that it equals one."""
    kind = type(value)
    return type(kind) is type and kind in _KINDS_OF_REMOTES


def _take_over(mine: Any, theirs: Any) -> None:
    """A program may change the arguments it is given; the check's own objects follow."""
    if theirs is None or type(mine) is not type(theirs):
        return
    if type(mine) in SEQUENCES:
        mine.clear()
        mine.extend(theirs)
    elif type(mine) in COLLECTIONS:
        mine.clear()
        mine.update(theirs)


def _given_back(given: list[Any], place: Any) -> Any:
    if type(place) is not int or not 0 <= place < len(given) or type(given[place]) not in MUTABLE:
        raise NotPlain
    return given[place]


def _received(ask: Ask, kind: int, content: Any) -> Any:
    if kind == VALUE:
        return content
    if kind == OBJECT and type(content) is int:
        return _REMOTES[content % len(_REMOTES)](ask, content)
    error = exceptions.made(content)
    raise NotPlain if error is None else error


def direct(holder: Holder) -> Ask:
    """Ask a holder in this process; whatever crosses is copied, or called through a function made for it.

    An object itself would be a way around the scan: one side may import it, the other may change it.
    """
    stuck: list[bool] = []  # whether a function of the check gave what cannot cross

    def inward(value: Any) -> Any:
        if _is_remote(value):
            if value._ask is not ask:  # made by the check, for the program's namespace or whatever it likes
                raise NotPlain
            return holder.meant(OBJECT, value._handle)
        if is_leaf(value) or _is_fixed(value):
            return value
        if type(value) is slice:
            return slice(inward(value.start), inward(value.stop), inward(value.step))
        return crossing(value) if callable(value) else copied(value)

    def outward(value: Any) -> Any:
        return value if is_leaf(value) else _received(ask, *holder.reply(value)[:2])

    def crossing(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            sent, named = [outward(item) for item in arguments], {n: outward(i) for n, i in named.items()}
            try:
                return inward(exceptions.with_none_active(function, *sent, **named))
            except (SystemExit, MemoryError) as error:
                raise exceptions.ending(error) from None
            except NotPlain:  # a class that the program must not see: it could change it
                stuck.append(True)
                told = "builtins", "TypeError", ("not plain",)
            except BaseException as error:
                told = exceptions.described(error, builtin_only=True)
            return _received(ask, RAISED, told)

        return call

    def ask(verb: str, handle: int, detail: Any, arguments: list[Any]) -> Reply:
        copies = [inward(argument) for argument in arguments]
        if verb == "call":
            detail = [(name, inward(item)) for name, item in detail]
        elif verb == "item":
            detail = inward(detail)
        kind, content, changed = holder.do(verb, handle, detail, copies)
        if stuck:
            raise NotPlain
        return kind, content, [copied(item) for item in changed]

    return ask


def _is_fixed(value: Any) -> bool:
    """Whether it is a builtin function or class, which nobody can change.

    Not the maker of classes, nor `property`, whose `__init__` changes other properties, nor `strptime`,
    which keeps the formats that it is given, nor those of `typing`, which make what can be changed.
    """
    kind = type(value)
    if kind is types.BuiltinFunctionType:
        return type(value.__self__) is types.ModuleType and value.__name__ != "strptime"
    if kind is not type or value is type or value is property:
        return False
    return bool(value.__flags__ & _IMMUTABLE_TYPE) and value.__module__ != "typing"


def over_pipes(read_end: int, write_end: int) -> Ask:
    """Ask a holder in another process."""

    def ask(verb: str, handle: int, detail: Any, arguments: list[Any]) -> Reply:
        told = [(name, _told(item)) for name, item in detail] if verb == "call" else detail
        send(write_end, encoded([verb, handle, told, list(map(_told, arguments))]))
        try:
            kind, content, changed = parse.parse(receive(read_end))
            if kind not in (VALUE, OBJECT, RAISED, ABSENT, GIVEN) or type(changed) is not list:
                raise NotPlain
        except (parse.Malformed, ValueError, TypeError):
            raise NotPlain from None
        return kind, content, changed

    return ask


def _told(argument: Any) -> tuple[int, Any]:
    """An argument as plain data, or an object of the program's by number."""
    return (OBJECT, argument._handle) if _is_remote(argument) else (VALUE, argument)


def wanted_names(code: types.CodeType, entry_point: str) -> set[str]:
    """The names a check's code may want of the program: never a builtin, unless it is the entry point."""
    names = {name for part in nested(code) for name in part.co_names}
    return {name for name in names if name == entry_point or not hasattr(builtins, name)}


def verdict(code: types.CodeType, wanted: set[str], ask: Ask) -> tuple[int, bytes]:
    """(kind of frame, detail) of one check about the program behind `ask`."""
    space = namespace() | {"__name__": "check"}
    try:
        for name in wanted:
            kind, content, _ = ask("global", 0, name, [])
            if kind != ABSENT:  # a program that cannot load raises here, where no check catches it
                space[name] = _received(ask, kind, content)
        exec(code, space)
    except AssertionError:
        return layout.FAILED, b""
    except NotPlain:
        return layout.FAILED, b"not plain"
    return layout.PASSED, b""
