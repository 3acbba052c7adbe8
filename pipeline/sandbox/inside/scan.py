"""Which programs may share a process: decided from the code object, before anything of it runs.

The scan guards *neighbours*, not the machine (the machine is guarded by the isolation around the process). It
answers one of six:

LOST   loading comes to an import of a module that is not there, or from a package, and to nothing before it
       but definitions and imports: it raises, so nothing of it need run;
ONCE   loading defines functions and constants only and no call can change them: load once, run all calls;
FIXED  loading does more than that: as ONCE if only functions and constants are left, otherwise as FRESH;
FRESH  whatever it changes lives in its own namespace: load it anew for every call;
OWN    it might reach something that outlives its namespace, but does not look as if it kept anything there: a
       process of its own, loaded anew for every call;
ALONE  it might reach something that outlives its namespace: a process of its own for every call.

How it can be sound: everything a program can reach starts from a name in some `co_names` (global, attribute
or module), because the builtins that turn strings into access (getattr, eval, vars, …), attribute access by
`match` patterns, `str.format` of what is not a constant, and names with a leading underscore are ALONE, but
for a short list and for those that nothing here has, which mean what the program makes of them. Modules are
open only if listed, and of those only attributes that are neither modules nor mutable containers. What
imports and assigns attributes could patch a module: it is watched (`watch`), and must not delete any, which
would undo it; so is what names `type`, which makes generic classes, whose calls assign `__orig_class__` to
what they return. Type parameters and aliases by syntax are an import of `typing`, whose objects they lead to.
Calling `__init__` of what is there is not shared beside an import. An object that equals and hashes like
another can sit in a module's cache and be taken for it: so a program that makes classes must not come near
modules that cache by values (`re`, `strptime`; `typing` caches nothing here, see `uncached`), and one that
uses `type` (which makes classes that lie about themselves) not near those that cache by classes
(`collections.abc`) or set attributes for them (generic classes); nor be handed it by what does not say so.
What of the library obeys names that the scan cannot see is guarded instead (see `uncached`). Unknown means
ALONE.

Source: CPython's `dis` and `inspect` documentation; opcodes are looked up by name, so that one list serves
Python 3.11 to 3.14.
"""

import abc
import dis
import opcode
import sys
import types
import typing
from collections.abc import Iterable, Set
from importlib.machinery import PathFinder
from typing import NamedTuple

from pipeline.sandbox.inside.keeping import looks_as_if_it_kept
from pipeline.sandbox.inside.names import (
    ASSIGNS_ATTRIBUTE,
    INITIALIZES,
    INTRINSICS,
    MAKES_CLASSES,
    all_names,
    assigned_attributes,
    assigns_module,
    imported_modules,
    makes_types_of_typing,
    nested,
    opcodes,
    pattern_names,
    private_names,
    variables,
)
from pipeline.sandbox.inside.vocabulary import (
    CACHING_BY_CLASS,
    CACHING_BY_VALUE,
    CLOSED_ATTRIBUTES,
    CLOSED_BUILTINS,
    CLOSED_FRAMES,
    HANDED_OVER,
    KEEPING,
    KEEPING_MODULES,
    NEEDS_LIMIT_RESET,
    NEEDS_RESEED,
    NOT_IN_CALLS,
    OPEN_IN_SYS,
    OPEN_MODULES,
    OPEN_UNDERSCORED,
    SETTING_ATTRIBUTES,
    TYPE,
)
from pipeline.sandbox.inside.watch import Watch

ONCE, FIXED, FRESH, ALONE, OWN, LOST = range(6)

_IMPORTS = opcodes("IMPORT_NAME")
_JUMPS = frozenset(opcode.hasjrel) | frozenset(opcode.hasjabs)
# `except*` makes an ExceptionGroup, which is a class that can be changed.
_PATTERNS = opcodes("MATCH_CLASS CHECK_EG_MATCH")
_DELETES_ATTRIBUTE = opcodes("DELETE_ATTR")
_ASSIGNS_GLOBAL = opcodes("STORE_GLOBAL DELETE_GLOBAL")
_ASSIGNS_NAME = _ASSIGNS_GLOBAL | opcodes("STORE_NAME DELETE_NAME")
ASSIGNED_BY_GENERICS = "__orig_class__"
# A module made of these only binds functions, modules and constants.
_DEFINES = opcodes("""
    RESUME CACHE NOP NOT_TAKEN PUSH_NULL LOAD_CONST LOAD_SMALL_INT LOAD_NAME STORE_NAME LOAD_ATTR
    MAKE_FUNCTION SET_FUNCTION_ATTRIBUTE IMPORT_NAME IMPORT_FROM POP_TOP RETURN_VALUE RETURN_CONST
    BUILD_TUPLE BINARY_SUBSCR COMPARE_OP TO_BOOL POP_JUMP_IF_FALSE POP_JUMP_IF_TRUE
    POP_JUMP_FORWARD_IF_FALSE POP_JUMP_FORWARD_IF_TRUE JUMP_FORWARD EXTENDED_ARG
    LOAD_COMMON_CONSTANT
""")


_DEFINES_BYTES = bytes(sorted(_DEFINES))
# Opcodes that tell the scan nothing.
_DULL_BYTES = bytes(
    set(range(256)) - (_IMPORTS | INTRINSICS | _PATTERNS | MAKES_CLASSES | ASSIGNS_ATTRIBUTE | _ASSIGNS_NAME)
)


def _changeable() -> set[str]:
    """Names of what is mutable in the open modules."""
    return {
        attribute
        for name in OPEN_MODULES - {"sys"}
        for attribute, value in vars(sys.modules[name]).items()
        if type(value) in (list, dict, set)
    }


def _closed_with_imports() -> frozenset[str]:
    """Names closed to a program that imports: other modules, and what is mutable in the open ones."""
    closed = {*CLOSED_ATTRIBUTES, INITIALIZES}
    for name in OPEN_MODULES - {"sys"}:
        for attribute, value in vars(sys.modules[name]).items():
            mutable = type(value) in (list, dict, set, types.ModuleType) and attribute not in OPEN_MODULES
            metaclass = isinstance(value, type) and issubclass(value, type)
            if mutable or metaclass:
                closed.add(attribute)
    closed.update(vars(sys).keys() - OPEN_IN_SYS - OPEN_UNDERSCORED - {NEEDS_LIMIT_RESET})
    loaded = {name.partition(".")[0] for name in sys.modules}
    closed.update((sys.stdlib_module_names | loaded) - OPEN_MODULES)
    return frozenset(closed)


def _imported_with_all_others() -> set[str]:
    """What `from … import *` brings from the open modules."""
    modules = [vars(sys.modules[name]) for name in OPEN_MODULES]
    return {name for module in modules for name in module.get("__all__", module)}


class Scanned(NamedTuple):
    """What the scan says about a program.

    tier: one of the answers above.
    resets: `random` and the recursion limit must be reset around its calls.
    makes_types: it may make classes: their `__len__` may have a list take memory in no time, and `marshal`
        takes an instance of a class made from bytes for bytes.
    assigned: the attributes that it assigns and could assign to what is shared, to be watched.
    lost_by: the exception that ends the loading of what is LOST.
    """

    tier: int
    resets: bool
    makes_types: bool
    assigned: frozenset[str] = frozenset()
    lost_by: str = ""


class Scan:
    """The scan, prepared once (open modules must be imported by then)."""

    def __init__(self) -> None:
        self.closed = CLOSED_BUILTINS | CLOSED_FRAMES
        self.caching_by_class = CACHING_BY_CLASS | {
            name for name, value in vars(typing).items() if _is_abstract(value)
        }
        self.reaching_caches = CACHING_BY_VALUE | self.caching_by_class | SETTING_ATTRIBUTES
        self.keeping = KEEPING | KEEPING_MODULES | _changeable()
        self.watch = Watch()
        self.loaded = frozenset(name for name in sys.modules if name[:1] != "_")
        # As variables they are a program's own: `T`, which nearly all give to a type variable that they make.
        self.imported_one_by_one = self.watch.unseen - _imported_with_all_others()
        self.closed_with_imports = self.closed | _closed_with_imports() | self.watch.unseen
        self.found: dict[str, bool] = {}
        self.plain: set[str] = set()  # names that reach nothing by their looks

    def program(
        self, code: types.CodeType, *, is_check: bool = False, near: Set[str] = frozenset()
    ) -> Scanned:
        """What becomes of a program; or, with is_check, of a check, which reaches what a program imports.

        near: what `caches` says of the calls and checks that it meets; whoever is handed a Decimal reaches
            classes of its module by the exceptions that it raises, as if it had imported it.
        """
        names, ops = _names_and_ops(code)
        typed = bool(ops & INTRINSICS) and makes_types_of_typing(nested(code))
        names |= {"typing"} if typed else set()
        imports = is_check or bool(near) or bool(ops & _IMPORTS) or typed
        assigned = assigned_attributes(nested(code)) if imports and ops & ASSIGNS_ATTRIBUTE else frozenset()
        unlisted = bool(ops & _IMPORTS) and self._imports_unlisted(code)
        apart = unlisted or _cannot_be_watched(code, assigned, ops, is_check=is_check)
        apart = apart or (bool(near) and self._could_fill_caches(names | near, ops))
        if apart or self._reaches_out(names, ops, imports):
            if imports and (lost_by := self._lost_by(code)):
                return Scanned(LOST, resets=False, makes_types=False, lost_by=lost_by)
            hidden = any(name[:1] == "_" and name not in OPEN_UNDERSCORED for name in names)
            private = private_names(code) if hidden and not ops & MAKES_CLASSES else set()
            if imports and not names.isdisjoint(self.imported_one_by_one):
                private |= variables(code) & self.imported_one_by_one
            idle = idle_names(code, self.loaded, self.closed_with_imports) if imports else set()
            if apart or self._reaches_out(names - idle - private, ops, imports):
                known = self.loaded | sys.stdlib_module_names
                idle = idle_names(code, known) if imports else set()
                keeps = unlisted or looks_as_if_it_kept(code, names - idle - private, self.keeping)
                return Scanned(ALONE if keeps else OWN, resets=True, makes_types=False)
        makes_types = bool(ops & MAKES_CLASSES) or not names.isdisjoint(TYPE)
        if imports and not names.isdisjoint(TYPE):
            assigned |= {ASSIGNED_BY_GENERICS}
        resets = NEEDS_LIMIT_RESET in names or not names.isdisjoint(NEEDS_RESEED)
        if resets or ops & ASSIGNS_ATTRIBUTE or ops & _ASSIGNS_GLOBAL:
            return Scanned(FRESH, resets, makes_types, assigned)
        does_more = code.co_code[::2].translate(None, _DEFINES_BYTES)
        return Scanned(FIXED if does_more else ONCE, False, makes_types, assigned)

    def call(self, code: types.CodeType) -> bool:
        """Whether a call expression may run next to programs that share a process."""
        names, ops = _names_and_ops(code)
        if ops & _ASSIGNS_NAME or not names.isdisjoint(NOT_IN_CALLS):
            return False
        return not self._reaches_out(names, ops, imports=True)

    def caches(self, calls: Iterable[types.CodeType], named_by_checks: Set[str]) -> Set[str]:
        """The names by which a program that names none may come near what caches.

        Calls are made in its namespace, and may hand on what it made. Checks are not, but may hand it an
        object of a class of Python's own, and with it, if the program names `type`, the class.
        """
        return all_names([*calls]) & self.reaching_caches | named_by_checks & HANDED_OVER

    def _lost_by(self, code: types.CodeType) -> str:
        """The exception with which loading is bound to end at an import, or nothing."""
        if code.co_exceptiontable:  # a `try` on the module's level
            return ""
        level = loaded = None  # what was loaded last but one, and last: an import's level and its names
        for step in dis.get_instructions(code):
            if step.opcode in _IMPORTS and level != 0:
                return "ImportError"  # from a package, and it is in none
            if step.opcode in _IMPORTS and self._is_missing(step.argval.partition(".")[0]):
                return "ModuleNotFoundError"
            says_where = step.opname == "STORE_NAME" and step.argval == "__name__"
            if says_where or step.opcode not in _DEFINES or step.opcode in _JUMPS:
                return ""
            if step.opname in ("LOAD_CONST", "LOAD_SMALL_INT"):
                level, loaded = loaded, step.argval
        return ""

    def _imports_unlisted(self, code: types.CodeType) -> bool:
        """Whether it imports what is there, and neither open nor closed by its name: `test`, or a package."""
        roots = {name.partition(".")[0] for name in imported_modules(nested(code))}
        roots -= OPEN_MODULES | self.closed_with_imports
        return not all(name and self._is_missing(name) for name in roots)

    def _is_missing(self, name: str) -> bool:
        if name not in self.found:
            self.found[name] = (
                name in sys.modules
                or name in sys.stdlib_module_names
                or PathFinder.find_spec(name) is not None
            )
        return not self.found[name]

    def _reaches_out(self, names: set[str], ops: set[int], imports: bool) -> bool:
        if not names.isdisjoint(self.closed_with_imports if imports else self.closed) or ops & _PATTERNS:
            return True
        # A check may hand over a date, and `strptime` is a method of one.
        if (imports or "strptime" in names) and self._could_fill_caches(names, ops):
            return True
        for name in names - self.plain:
            if name[:1] == "_" or not name:
                if name not in OPEN_UNDERSCORED and not self._is_own(name):
                    return True
            elif "." in name and name not in OPEN_MODULES:
                return True
            self.plain.add(name)
        return False

    def _is_own(self, name: str) -> bool:
        """Whether a name with a leading underscore means nothing but what a program makes of it."""
        return name[:2] != "__" and name[:1] == "_" and name not in self.watch.hidden

    def _could_fill_caches(self, names: set[str], ops: set[int]) -> bool:
        makes_types = not names.isdisjoint(TYPE)
        if makes_types and not names.isdisjoint(self.caching_by_class):
            return True
        if makes_types and not names.isdisjoint(SETTING_ATTRIBUTES):
            return True
        if makes_types and ops & MAKES_CLASSES and "typing" in names:
            return True
        # The flags of `re`, which take attributes, are made when they are asked for, and kept.
        lies = bool(ops & MAKES_CLASSES or ops & ASSIGNS_ATTRIBUTE or makes_types)
        return lies and not names.isdisjoint(CACHING_BY_VALUE)


def _names_and_ops(code: types.CodeType) -> tuple[set[str], set[int]]:
    """All names, and the opcodes that matter, of a code object and what is defined in it."""
    parts = nested(code)
    found = set(b"".join([part.co_code[::2] for part in parts]).translate(None, _DULL_BYTES))
    names = all_names(parts)
    return (names | pattern_names(parts) if found & _PATTERNS else names), found


def _cannot_be_watched(
    code: types.CodeType, assigned: frozenset[str], ops: set[int], *, is_check: bool
) -> bool:
    """Whether it assigns attributes where `watch` does not see it, or so that it could be undone."""
    undone = is_check or bool(ops & _DELETES_ATTRIBUTE) or any(name[:2] == "__" for name in assigned)
    renames = bool(ops & ASSIGNS_ATTRIBUTE) and assigns_module(nested(code))
    return renames or bool(assigned and undone)


def _is_abstract(value: object) -> bool:
    """Whether isinstance() of this attribute of typing goes through an abstract class, which caches."""
    return isinstance(value, abc.ABCMeta) or isinstance(getattr(value, "__origin__", None), abc.ABCMeta)


def idle_names(
    code: types.CodeType, loaded: frozenset[str], closed: frozenset[str] | None = None
) -> set[str]:
    """Names that only stand in imports that are never used, such as a bare `import os` on top.

    Such an import changes nothing if the module is loaded already. Next to neighbours, what it binds must be
    `closed` by itself, so that no call can use it either; anything unusual (an alias, an import in a
    function) counts as a use.
    """
    idle: set[str] = set()
    used: set[str] = set()
    for part in nested(code):
        previous = module = ""
        for step in dis.get_instructions(part):
            if step.opname == "IMPORT_NAME":
                module = step.argval
            if step.opname in ("IMPORT_NAME", "IMPORT_FROM"):
                known = module in loaded and module not in OPEN_MODULES
                if part is code and known:
                    idle.add(step.argval)
                else:
                    used.add(step.argval)
            elif step.opcode in dis.hasname:
                bound = part is code and step.opname == "STORE_NAME" and previous.startswith("IMPORT")
                if bound and module not in OPEN_MODULES and closed is not None and step.argval not in closed:
                    return set()
                (idle if bound and module not in OPEN_MODULES else used).add(step.argval)
            elif previous.startswith("IMPORT") and step.opname != "POP_TOP":
                return set()
            previous = "" if step.opname in ("CACHE", "EXTENDED_ARG") else step.opname
    return idle - used
