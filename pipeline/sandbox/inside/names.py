"""What a code object can name, read from its bytecode and constants before anything of it runs.

A name is everything that stands in some `co_names` (globals, attributes, modules), and what reaches
attributes without standing there: class patterns, and the fields of strings with `.format`.

Source: CPython's `dis` and `inspect` documentation; opcodes are looked up by name, so that one list serves
Python 3.11 to 3.14.
"""

import _string  # type: ignore[import-not-found]
import dis
import opcode
import types
from collections.abc import Iterator

# Stands for `__init__` as an attribute: it sets up anew what is there, such as a property or a module.
INITIALIZES = "an object's __init__"
UNKNOWN_ATTRIBUTE = "format_map"  # a closed name: a template that is not a constant could reach anything


def opcodes(names: str) -> frozenset[int]:
    """The opcodes of these names that this Python has."""
    return frozenset(opcode.opmap[name] for name in names.split() if name in opcode.opmap)


GLOBALS = opcodes("""
    LOAD_NAME STORE_NAME DELETE_NAME LOAD_GLOBAL STORE_GLOBAL DELETE_GLOBAL LOAD_FROM_DICT_OR_GLOBALS
""")
_IMPORT_NAME, _EXTENDED_ARG = opcode.opmap["IMPORT_NAME"], opcode.opmap["EXTENDED_ARG"]
ASSIGNS_ATTRIBUTE = opcodes("STORE_ATTR DELETE_ATTR")
MAKES_CLASSES = opcodes("LOAD_BUILD_CLASS")
# What one instruction of Python 3.12 and later does by number, if it makes no object of `typing`.
_MAKE_NO_TYPES = frozenset(
    f"INTRINSIC_{name}"
    for name in """
    PRINT IMPORT_STAR STOPITERATION_ERROR ASYNC_GEN_WRAP UNARY_POSITIVE LIST_TO_TUPLE PREP_RERAISE_STAR
""".split()
)
_INTRINSICS: dict[int, frozenset[int]] = {
    opcode.opmap[op]: frozenset(
        number for number, name in enumerate(getattr(opcode, described)) if name in _MAKE_NO_TYPES
    )
    for op, described in (
        ("CALL_INTRINSIC_1", "_intrinsic_1_descs"),
        ("CALL_INTRINSIC_2", "_intrinsic_2_descs"),
    )
    if op in opcode.opmap
}
INTRINSICS = frozenset(_INTRINSICS)
# What a module or class is told of itself, or is asked: as a variable, that of the program's own. The code of
# annotations since Python 3.14, and which of them came to pass, bear no other names.
_OF_ITS_OWN = frozenset(
    """
    __annotations__ __annotate__ __annotate_func__ __conditional_annotations__ __all__ __slots__
""".split()
)


def nested(code: types.CodeType) -> list[types.CodeType]:
    """The code object and all that are defined in it."""
    found = [code]
    for part in found:
        found += [constant for constant in part.co_consts if type(constant) is types.CodeType]
    return found


def all_names(parts: list[types.CodeType]) -> set[str]:
    """All names in the code objects."""
    names: set[str] = set().union(*[part.co_names for part in parts])
    for name in _OF_ITS_OWN & names:
        if not _is_reached(parts, name):
            names.discard(name)
    if "__init__" in names and _is_reached(parts, "__init__"):
        names.add(INITIALIZES)
    if "format" in names:
        names |= _formatted_names(parts)
    return names


def _is_reached(parts: list[types.CodeType], name: str) -> bool:
    """Whether the name stands for an attribute anywhere."""
    return any(
        step.argval == name and step.opcode in dis.hasname and step.opcode not in GLOBALS
        for part in parts
        if name in part.co_names
        for step in dis.get_instructions(part)
    )


def assigns_module(parts: list[types.CodeType]) -> bool:
    """Whether the `__module__` of anything may be assigned: builtin functions let it be."""
    return any(
        "__module__" in part.co_names and not ASSIGNS_ATTRIBUTE.isdisjoint(part.co_code[::2])
        for part in parts
    )


def makes_types_of_typing(parts: list[types.CodeType]) -> bool:
    """Whether it has type parameters or aliases by syntax: `class A[T]`, `type A = int`."""
    return any(
        arguments[at] not in harmless
        for part in parts
        for ops, arguments in [(part.co_code[::2], part.co_code[1::2])]
        for intrinsic, harmless in _INTRINSICS.items()
        for at in _places(intrinsic, ops)
    )


def imported_modules(parts: list[types.CodeType]) -> set[str]:
    """The modules that are imported, as they are written."""
    found: set[str] = set()
    for part in parts:
        ops, arguments = part.co_code[::2], part.co_code[1::2]
        for at in _places(_IMPORT_NAME, ops):
            number, byte = 0, at
            while byte == at or (byte >= 0 and ops[byte] == _EXTENDED_ARG):
                number |= arguments[byte] << 8 * (at - byte)
                byte -= 1
            found.add(part.co_names[number])
    return found


def _places(op: int, ops: bytes) -> Iterator[int]:
    at = ops.find(op)
    while at >= 0:
        yield at
        at = ops.find(op, at + 1)


def assigned_attributes(parts: list[types.CodeType]) -> frozenset[str]:
    """The attributes that are assigned or deleted."""
    return frozenset(
        str(step.argval)
        for part in parts
        for step in dis.get_instructions(part)
        if step.opcode in ASSIGNS_ATTRIBUTE
    )


def pattern_names(parts: list[types.CodeType]) -> set[str]:
    """The attributes that class patterns may reach: they stand in tuples among the constants."""
    tuples = [constant for part in parts for constant in part.co_consts if type(constant) is tuple]
    return {name for names in tuples for name in names if type(name) is str}


def _formatted_names(parts: list[types.CodeType]) -> set[str]:
    """The attributes that strings with `.format` reach; UNKNOWN_ATTRIBUTE if that is not plain."""
    found: set[str] = set()
    for part in parts:
        previous = None
        for step in dis.get_instructions(part) if "format" in part.co_names else ():
            if step.is_jump_target:  # also where it is the EXTENDED_ARG of what follows
                previous = None
            if step.argval == "format" and step.opcode in dis.hasname and step.opcode not in GLOBALS:
                known = previous is not None and previous.opname == "LOAD_CONST"
                if not known or previous is None or type(previous.argval) is not str:
                    return {UNKNOWN_ATTRIBUTE}
                found |= _field_names(previous.argval)
            if step.opname not in ("CACHE", "EXTENDED_ARG", "NOP"):
                previous = step
    return found


def _field_names(text: str) -> set[str]:
    """The attributes that the fields of a format string reach."""
    found: set[str] = set()
    try:
        for _, field, spec, _ in _string.formatter_parser(text):
            if field:
                _, rest = _string.formatter_field_name_split(field)
                found.update(str(name) for is_attribute, name in rest if is_attribute)
            if spec:
                found |= _field_names(spec)
    except ValueError:
        return {UNKNOWN_ATTRIBUTE}
    return found


def private_names(code: types.CodeType) -> set[str]:
    """Names such as `_helper` that are only used as globals: its own, for no module or builtin has one.

    Not for programs that make classes, where a name may become an attribute.
    """
    return {name for name in variables(code) if name[:1] == "_" and name[:2] != "__"}


def variables(code: types.CodeType) -> set[str]:
    """Names that are only used as those of variables of a module or class, and nothing is imported by."""
    found: set[str] = set()
    reached: set[str] = set()
    for part in nested(code):
        for step in dis.get_instructions(part):
            if step.opcode in dis.hasname:
                (found if step.opcode in GLOBALS else reached).add(step.argval)
    return found - reached


def identity(code: types.CodeType) -> tuple[object, ...]:
    """Equal for programs whose bytecode, constants and names are equal: layout and comments left out."""
    return (
        code.co_code,
        code.co_names,
        code.co_varnames,
        code.co_freevars,
        code.co_cellvars,
        code.co_argcount,
        code.co_posonlyargcount,
        code.co_kwonlyargcount,
        code.co_flags,
        code.co_name,
        code.co_exceptiontable,
        tuple(map(_constant_identity, code.co_consts)),
    )


def _constant_identity(constant: object) -> object:
    kind = type(constant)
    if kind is types.CodeType:
        return identity(constant)  # type: ignore[arg-type]
    if kind is tuple or kind is frozenset:
        return kind, tuple(map(_constant_identity, constant))  # type: ignore[call-overload]
    if isinstance(constant, slice):  # since Python 3.14
        return kind, tuple(map(_constant_identity, (constant.start, constant.stop, constant.step)))
    return kind, repr(constant) if kind is float or kind is complex else constant
