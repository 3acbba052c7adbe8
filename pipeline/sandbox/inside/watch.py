"""What programs that share a process could change by assigning attributes, and whether one did.

A program that imports and assigns attributes (`self.items = []` in a class of its own, nearly always) could
as well assign them to a module, a class or a function that its neighbours use. The scan cannot tell which,
and need not: whatever it lets near keeps its attributes in a dictionary, and an assignment shows there. One
more attribute stays, for the scan lets nobody delete one; another value of an attribute that was there could
be undone by the next call, and is looked for after each.

One object with attributes is in everybody's reach, imports or not: the MemoryError that is left when those
that Python keeps ready are all in use.
"""

import abc
import sys
import types
from collections.abc import Iterable, Mapping
from operator import is_
from typing import Any

from pipeline.sandbox.inside import layout
from pipeline.sandbox.inside.arena import Arena
from pipeline.sandbox.inside.vocabulary import OPEN_MODULES

_IMMUTABLE_TYPE = 1 << 8  # Py_TPFLAGS_IMMUTABLETYPE
_MORE_THAN_ARE_READY = 32

Attributes = Mapping[str, Any]


class Watch:
    """The attributes of everything that open modules lead to, found once, before any program runs.

    hidden: names with a leading underscore that anything has as an attribute.
    unseen: names of what takes attributes and does not show them, as the type variables of Python 3.12 do.
    """

    def __init__(self) -> None:
        things = _led_to_by([*(sys.modules[name] for name in OPEN_MODULES), *_handed_to_annotations()])
        self._held = [held for thing in things if (held := _changeable_attributes(thing)) is not None]
        self._telling: list[type] = [
            thing
            for thing in things
            if isinstance(thing, abc.ABCMeta) or (isinstance(thing, type) and issubclass(thing, type))
        ]
        self._holding: dict[str, list[Attributes]] = {}
        for held in self._held:
            for name in held:
                self._holding.setdefault(name, []).append(held)
        self.hidden = frozenset(name for name in self._holding if name[:1] == "_") | _hidden_in_classes()
        self.unseen = frozenset(
            name for held in self._held for name, value in held.items() if _takes_attributes_unseen(value)
        )
        self._last_error = _last_memory_error()

    def sizes(self) -> list[int]:
        """How many attributes each has; an assignment of a new one makes one larger."""
        return list(map(len, self._held))

    def n_subclasses(self) -> int:
        """How many classes are made from abstract ones, and how many kinds of classes.

        Each abstract class asks all of its own about every new class, and keeps what it is told about one by
        the hash of that class, which is what its kind says.
        """
        return sum(len(type.__subclasses__(one)) for one in self._telling)

    def last_error_is_used(self) -> bool:
        """Whether somebody was handed the last MemoryError, and has left something in it."""
        error = self._last_error
        if error.args or error.__dict__ or error.__traceback__ is not None:
            return True
        return error.__context__ is not None or error.__cause__ is not None

    def values(self, names: Iterable[str]) -> list[Any]:
        """Of all that have attributes of these names: what an assignment replaces."""
        return [held.get(name) for name in names for held in self._holding.get(name, ())]


class Guard:
    """Ends a shared child when a program or a check has changed what all share, before an answer counts.

    The parent then runs that program alone, and the others in a fresh child.
    """

    def __init__(
        self,
        job: int,
        program: int,
        assigned: frozenset[str],
        watch: Watch,
        arena: Arena,
        check: int | None = None,
    ) -> None:
        """assigned: the attributes that are assigned; none, and nothing is looked at.

        check: one that may have assigned them, and then runs alone as well.
        """
        self._job, self._program, self._check = job, program, check
        self._assigned, self._watch, self._arena = assigned, watch, arena
        self._sizes = watch.sizes() if assigned else []
        self._values = watch.values(assigned)
        self._functions: list[Attributes] = []
        self._n_attributes = 0

    def look_after(self, space: Mapping[str, object]) -> None:
        """Have no call give an attribute to a function of the program's own, which the next would meet."""
        self._functions = [vars(value) for value in space.values() if type(value) is types.FunctionType]
        self._n_attributes = sum(map(len, self._functions))

    def after_call(self) -> None:
        """To be called after every call and check."""
        if self._values and not all(map(is_, self._values, self._watch.values(self._assigned))):
            self._end()

    def before_answers_count(self) -> None:
        """To be called before answers are handed over."""
        if (
            (self._assigned and self._sizes != self._watch.sizes())
            or (self._functions and self._n_attributes != sum(map(len, self._functions)))
            or self._watch.last_error_is_used()
        ):
            self._end()

    def _end(self) -> None:
        self._arena.put(self._job, self._program, layout.WHOLE, layout.NEEDS_ALONE)
        if self._check is not None:
            self._arena.put(self._job, layout.ANY_PROGRAM, self._check, layout.CALL_NEEDS_ALONE)
        self._arena.end_full()


def _last_memory_error() -> MemoryError:
    """The one that whoever runs out of memory is handed while all that are ready are in use.

    Source: `get_memory_error` in CPython's Objects/exceptions.c: 16 are ready. Python 3.11 makes more.
    """
    errors: list[MemoryError] = []
    while len(errors) < _MORE_THAN_ARE_READY:
        try:
            [None] * sys.maxsize
        except MemoryError as error:
            errors.append(error.with_traceback(None))
    return errors[-1]


def _handed_to_annotations() -> list[type]:
    """The classes of what the annotations of a `NamedTuple` or `TypedDict` meet in Python 3.14.

    They are called with a member of `Format`, and a `_Stringifier` stands for each name that is not there.
    Source: `call_annotate_function` in Lib/annotationlib.py of CPython 3.14, which `typing` loads.
    """
    library: Any = sys.modules.get("annotationlib")
    return [library.Format, library._Stringifier] if library else []


def _led_to_by(roots: Iterable[object]) -> list[object]:
    """The roots and all that attributes, containers and `type` lead to from there."""
    met: dict[int, object] = {}
    todo = list(roots)
    while todo:
        thing = todo.pop()
        if id(thing) in met or (type(thing) is types.ModuleType and thing.__name__ not in OPEN_MODULES):
            continue
        met[id(thing)] = thing
        todo += (type(thing), *(_own_attributes(thing) or {}).values(), *_led_to(thing))
    return list(met.values())


def _own_attributes(thing: object) -> Attributes | None:
    try:
        return vars(thing)
    except TypeError:
        return None


def _changeable_attributes(thing: object) -> Attributes | None:
    immutable = isinstance(thing, type) and thing.__flags__ & _IMMUTABLE_TYPE
    return None if immutable else _own_attributes(thing)


def _takes_attributes_unseen(thing: Any) -> bool:
    if _own_attributes(thing) is not None:
        return False
    try:
        thing.kept = None
    except (AttributeError, TypeError):
        return False
    del thing.kept
    return True


def _led_to(thing: object) -> Iterable[object]:
    if isinstance(thing, tuple | list | set | frozenset):
        return thing
    if isinstance(thing, dict):
        return thing.values()
    if isinstance(thing, staticmethod | classmethod):
        return (thing.__func__,)
    if isinstance(thing, types.MethodType):
        return thing.__func__, thing.__self__
    if isinstance(thing, property):
        return thing.fget, thing.fset, thing.fdel
    return thing.__mro__ if isinstance(thing, type) else ()


def _hidden_in_classes() -> frozenset[str]:
    """Names with a leading underscore that instances or classes of any kind have."""
    classes: dict[int, type] = {}  # by id: a class of `typing` in Python 3.14 says that it equals another
    todo: list[type] = [object]
    while todo:
        one = todo.pop()
        if id(one) not in classes:
            classes[id(one)] = one
            todo += type.__subclasses__(one)
    return frozenset(name for one in classes.values() for name in vars(one) if name[:1] == "_")
