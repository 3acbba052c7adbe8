"""Whether a program that gets a process of its own looks as if it kept something there from call to call.

Not a boundary: whoever hides it meets his own earlier calls, and nobody else. A program that does look so
gets a process for every call.
"""

import dis
import re
import sys
import types
from collections.abc import Iterator, Set
from itertools import pairwise

from pipeline.sandbox.inside.names import (
    ASSIGNS_ATTRIBUTE,
    MAKES_CLASSES,
    assigns_module,
    nested,
    opcodes,
)
from pipeline.sandbox.inside.vocabulary import OPEN_IN_SYS, OPEN_UNDERSCORED

_LOADS = ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FAST", "LOAD_DEREF", "LOAD_CLASSDEREF")
_STORES = ("STORE_NAME", "STORE_GLOBAL", "STORE_FAST", "STORE_DEREF")
_ATTRIBUTES = ("LOAD_ATTR", "LOAD_METHOD")
# One instruction for two variables, or for what is known of one, is read as `LOAD_FAST` and `STORE_FAST`.
_OF_VARIABLES = re.compile(r"(?:LOAD|STORE)_FAST")
_TELLING_NOTHING = ("CACHE", "PRECALL", "PUSH_NULL", "EXTENDED_ARG", "NOP")
# Where an attribute may be assigned to what nobody sees: ExceptionGroup, which `except*` makes, can be
# changed, and a star import brings anything.
_STRANGE = opcodes("CHECK_EG_MATCH IMPORT_STAR")
# What leads to classes without an import.
_CHANGEABLE = frozenset(["__class__", "ExceptionGroup", "BaseExceptionGroup"])

Steps = list[dis.Instruction]


def looks_as_if_it_kept(code: types.CodeType, names: Set[str], keeping: Set[str]) -> bool:
    """By its names, and by the objects whose attributes it assigns.

    names: those it uses; keeping: names of what keeps something.
    """
    if not names.isdisjoint(keeping):
        return True
    if "sys" in names and not names.isdisjoint(vars(sys).keys() - OPEN_IN_SYS - OPEN_UNDERSCORED):
        return True
    functions = [_telling(part) for part in nested(code)]
    if _sets_up_what_is_there(functions, by_super="type" not in names):
        return True
    modules, imported = _bound_by_imports(functions)
    bound = {str(step.argval) for steps in functions for step in steps if _binds(step)}
    hidden = any(name[:1] == "_" and name not in OPEN_UNDERSCORED for name in names - bound)
    if hidden and (modules or imported):
        return True
    return _has(functions, ASSIGNS_ATTRIBUTE) and (
        not names.isdisjoint(_CHANGEABLE)
        or _has(functions, _STRANGE)
        or assigns_module(nested(code))
        or _assigns_to(functions, modules, imported)
    )


def _telling(part: types.CodeType) -> Steps:
    return [
        simple
        for step in dis.get_instructions(part)
        if step.opname not in _TELLING_NOTHING
        for simple in _simple(step)
    ]


def _simple(step: dis.Instruction) -> Iterator[dis.Instruction]:
    kinds = _OF_VARIABLES.findall(step.opname)
    names = step.argval if type(step.argval) is tuple else [step.argval]
    if not kinds:
        yield step
    for kind, name in zip(kinds, names, strict=False):
        yield step._replace(opname=kind, argval=name)


def _binds(step: dis.Instruction) -> bool:
    return step.opname in _STORES or step.opcode in ASSIGNS_ATTRIBUTE


def _bound_by_imports(functions: list[Steps]) -> tuple[set[str], set[str]]:
    """(names of modules, names of what was imported or read from them)."""
    modules, imported = set(), set()
    for steps in functions:
        for before, step in pairwise(steps):
            if step.opname in _STORES and before.opname == "IMPORT_NAME":
                modules.add(str(step.argval))
            elif step.opname in _STORES and before.opname == "IMPORT_FROM":
                imported.add(str(step.argval))
    for steps in functions:
        for place, step in enumerate(steps):
            read = step.opname in _STORES and place and steps[place - 1].opname in _ATTRIBUTES
            if read and _root(steps[:place]) in modules:
                imported.add(str(step.argval))
    return modules, imported


def _has(functions: list[Steps], opcodes: Set[int]) -> bool:
    return any(step.opcode in opcodes for steps in functions for step in steps)


def _sets_up_what_is_there(functions: list[Steps], *, by_super: bool) -> bool:
    """Whether `__init__` is an attribute of anything; by_super: but `super()`."""
    for steps in functions:
        for place, step in enumerate(steps):
            if step.argval != "__init__" or step.opname not in (*_ATTRIBUTES, "LOAD_SUPER_ATTR"):
                continue
            owner = [(step.opname, step.argval) for step in steps[max(place - 2, 0) : place]]
            # Python 3.12 and later have an instruction for it.
            of_super = step.opname == "LOAD_SUPER_ATTR" or owner == [("LOAD_GLOBAL", "super"), ("CALL", 0)]
            if not (of_super and by_super):
                return True
    return False


def _assigns_to(functions: list[Steps], modules: set[str], imported: set[str]) -> bool:
    """Whether an attribute of what was imported is assigned, or it gets another name to be assigned by.

    Where no class is made, what an attribute is assigned to that no name leads to is not the program's own.
    """
    makes_classes = _has(functions, MAKES_CLASSES)
    for steps in functions:
        for place, step in enumerate(steps):
            following = steps[place + 1].opname if place + 1 < len(steps) else ""
            if step.opname in _LOADS and step.argval in modules and following not in _ATTRIBUTES:
                return True
            if step.opname in _LOADS and step.argval in imported and following in _STORES:
                return True
            if step.opcode in ASSIGNS_ATTRIBUTE:
                root = _root(steps[:place])
                if root in modules | imported or not (root or makes_classes):
                    return True
    return False


def _root(steps: Steps) -> str:
    """The name that the value on top of the stack was reached from by attributes alone, or nothing."""
    for step in reversed(steps):
        if step.opname not in _ATTRIBUTES:
            return str(step.argval) if step.opname in _LOADS else ""
    return ""
