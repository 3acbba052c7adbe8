"""Which programs may share a process: decided from the code object, before anything of it runs.

The scan guards *neighbours*, not the machine (the machine is guarded by the isolation around the process). It
answers one of six:

LOST   loading comes to an import of a module that is not there, and to nothing before it but definitions and
       imports: it raises ModuleNotFoundError, so nothing of it need run;
ONCE   loading defines functions and constants only and no call can change them: load once, run all calls;
FIXED  loading does more than that: as ONCE if only functions and constants are left, otherwise as FRESH;
FRESH  whatever it changes lives in its own namespace: load it anew for every call;
OWN    it might reach something that outlives its namespace, but does not look as if it kept anything there: a
       process of its own, loaded anew for every call;
ALONE  it might reach something that outlives its namespace: a process of its own for every call.

How it can be sound: everything a program can reach starts from a name in some `co_names` (global, attribute
or module), because the builtins that turn strings into access (getattr, eval, vars, …), attribute access by
`match` patterns, `str.format` of what is not a constant, and all names with a leading underscore outside a
short list are ALONE. Modules are open only if listed, and of those only attributes that are neither modules
nor mutable containers. Assigning attributes together with any import is ALONE (it could patch a module), and
so is calling `__init__` of what is there. An object that equals and hashes like another can sit in a module's
cache and be taken for it: so a program that makes classes must not come near modules that cache by values
(`re`, `strptime`; `typing` caches nothing here, see `uncached`), and one that uses `type` (which makes
classes that lie about themselves) not near those that cache by classes (`collections.abc`) or set attributes
for them (`copy`). Unknown means ALONE.

Source: CPython's `dis` and `inspect` documentation; opcodes are looked up by name, so that one list serves
Python 3.11 to 3.14.
"""

import abc
import dis
import opcode
import sys
import types
import typing
from importlib.machinery import PathFinder
from typing import NamedTuple

from pipeline.sandbox.inside.names import (
    INITIALIZES,
    all_names,
    nested,
    opcodes,
    pattern_names,
    private_names,
)

ONCE, FIXED, FRESH, ALONE, OWN, LOST = range(6)

OPEN_MODULES = frozenset(
    """
    __future__ bisect cmath collections collections.abc copy datetime decimal fractions functools
    heapq itertools math operator random re statistics string sys time typing
""".split()
)

# Python objects of open modules that run strings, assign attributes or keep state.
CLOSED_ATTRIBUTES = frozenset(
    """
    attrgetter methodcaller update_wrapper wraps total_ordering singledispatch singledispatchmethod
    register getcontext setcontext localcontext DefaultContext BasicContext ExtendedContext Context
    get_type_hints ForwardRef overload clear_overloads get_overloads no_type_check
    no_type_check_decorator final runtime_checkable purge tzset settime clock_settime
    clock_settime_ns dataclass_transform type_check_only override SystemRandom Scanner template
    cached_property UserDict UserList UserString evaluate_forward_ref Formatter setstate Annotated
""".split()
)
OPEN_IN_SYS = frozenset("maxsize maxunicode float_info int_info version_info byteorder exit".split())

# `marshal` takes an instance of a subclass of bytes for bytes, and bytes(n) takes memory in no time; `dir`
# looks at the frame that it is called from.
CLOSED_BUILTINS = frozenset(
    """
    getattr setattr delattr eval exec compile open breakpoint vars globals locals memoryview
    bytes bytearray dir quit help format_map ExceptionGroup BaseExceptionGroup
""".split()
)
CLOSED_FRAMES = frozenset(
    """
    gi_frame gi_code gi_yieldfrom cr_frame cr_code cr_await cr_origin ag_frame ag_code ag_await
    f_back f_globals f_builtins f_locals f_code f_trace f_generator tb_frame tb_next tb_lasti mro
    register
""".split()
)
OPEN_UNDERSCORED = frozenset(
    """
    _ __ __name__ __future__ __init__ __repr__ __str__ __eq__ __ne__ __lt__ __le__ __gt__
    __ge__ __hash__ __len__ __iter__ __next__ __contains__ __getitem__ __setitem__ __delitem__
    __call__ __bool__ __add__ __radd__ __iadd__ __sub__ __rsub__ __mul__ __rmul__ __truediv__
    __floordiv__ __mod__ __pow__ __neg__ __abs__ __and__ __or__ __xor__ __invert__ __lshift__
    __rshift__ __int__ __float__ __index__ __enter__ __exit__ __reversed__ __qualname__ __module__
    __doc__ __static_attributes__ __firstlineno__ __all__ __author__ __version__
""".split()
)
# Names that stand for a cache: modules, and functions of modules that have none otherwise.
CACHING_BY_VALUE = frozenset("re string strptime".split())
CACHING_BY_CLASS = frozenset(
    "collections collections.abc decimal fractions functools random re statistics string strptime".split()
)
# What sets attributes by name for classes that say how: `__reduce_ex__` of copy, `__call__` of a class of
# generic classes (which `typing` tells what it was made from).
SETTING_ATTRIBUTES = frozenset("copy Generic Protocol".split())
# `type`, and what of `typing` hands it out.
_TYPE = frozenset("type Type get_origin".split())
# What a program uses that means to keep something outside its namespace. Not a boundary: whoever hides it (in
# a string for eval, say) meets his own earlier calls, and nobody else.
KEEPING = frozenset(
    """
    setattr delattr vars __dict__ __builtins__ builtins __import__ importlib modules gc ctypes mmap signal
    atexit putenv settrace setprofile _getframe tracemalloc faulthandler __class__
    __subclasses__ __code__
    __globals__ __defaults__ __kwdefaults__ __closure__ __del__ f_back f_globals f_locals f_builtins gi_frame
    tb_frame register displayhook excepthook stdout stderr stdin cache_clear alarm setitimer time_ns utime
    getcontext setcontext localcontext DefaultContext BasicContext ExtendedContext contextvars _exit kill
    abort chdir fchdir umask tzset overload get_overloads clear_overloads __annotations__ __loader__
    __spec__ supports_dir_fd supports_effective_ids supports_fd supports_follow_symlinks pathconf_names
    confstr_names sysconf_names algorithms_available algorithms_guaranteed ESCAPE_DCT BACKSLASH
    Annotated
    """.split()
)
KEEPS_NOTHING = frozenset("os json hashlib struct array base64 glob".split())
_KEEPING_MODULES = sys.stdlib_module_names - OPEN_MODULES - KEEPS_NOTHING
NEEDS_RESEED = frozenset("random samples".split())  # `samples` of statistics.NormalDist
NEEDS_LIMIT_RESET = "setrecursionlimit"
# `type` makes classes; `super` looks at the frame that it is called from; the rest is reset for programs that
# name it only.
_NOT_IN_CALLS = _TYPE | {"super", NEEDS_LIMIT_RESET} | NEEDS_RESEED

_IMPORTS = opcodes("IMPORT_NAME")
_JUMPS = frozenset(opcode.hasjrel) | frozenset(opcode.hasjabs)
# `except*` makes an ExceptionGroup, which is a class that can be changed.
_PATTERNS = opcodes("MATCH_CLASS CHECK_EG_MATCH")
_MAKES_CLASSES = opcodes("LOAD_BUILD_CLASS")
_ASSIGNS_ATTRIBUTE = opcodes("STORE_ATTR DELETE_ATTR")
_ASSIGNS_GLOBAL = opcodes("STORE_GLOBAL DELETE_GLOBAL")
_ASSIGNS_NAME = _ASSIGNS_GLOBAL | opcodes("STORE_NAME DELETE_NAME")
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
    set(range(256)) - (_IMPORTS | _PATTERNS | _MAKES_CLASSES | _ASSIGNS_ATTRIBUTE | _ASSIGNS_NAME)
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


class Scanned(NamedTuple):
    """What the scan says about a program.

    tier: one of the answers above.
    resets: `random` and the recursion limit must be reset around its calls.
    makes_types: it makes classes, whose `__len__` may have a list take memory in no time.
    """

    tier: int
    resets: bool
    makes_types: bool


class Scan:
    """The scan, prepared once (open modules must be imported by then)."""

    def __init__(self) -> None:
        self.closed = CLOSED_BUILTINS | CLOSED_FRAMES
        self.caching_by_class = CACHING_BY_CLASS | {
            name for name, value in vars(typing).items() if _is_abstract(value)
        }
        self.keeping = KEEPING | _KEEPING_MODULES | _changeable() | {INITIALIZES}
        self.loaded = frozenset(name for name in sys.modules if name[:1] != "_")
        self.closed_with_imports = self.closed | _closed_with_imports()
        self.found: dict[str, bool] = {}
        self.plain: set[str] = set()  # names that reach nothing by their looks

    def program(self, code: types.CodeType, *, is_check: bool = False) -> Scanned:
        """What becomes of a program; or, with is_check, of a check, which reaches what a program imports."""
        names, ops = _names_and_ops(code)
        imports = is_check or bool(ops & _IMPORTS)
        if self._reaches_out(names, ops, imports):
            if imports and self._is_lost(code):
                return Scanned(LOST, resets=False, makes_types=False)
            hidden = any(name[:1] == "_" and name not in OPEN_UNDERSCORED for name in names)
            private = private_names(code) if hidden and not ops & _MAKES_CLASSES else set()
            idle = idle_names(code, self.loaded, self.closed_with_imports) if imports else set()
            if self._reaches_out(names - idle - private, ops, imports):
                known = self.loaded | sys.stdlib_module_names
                idle = idle_names(code, known) if imports else set()
                keeps = self._keeps_outside(names - idle - private, ops)
                return Scanned(ALONE if keeps else OWN, resets=True, makes_types=False)
        makes_types = bool(ops & _MAKES_CLASSES) or not names.isdisjoint(_TYPE)
        resets = NEEDS_LIMIT_RESET in names or not names.isdisjoint(NEEDS_RESEED)
        if resets or ops & _ASSIGNS_ATTRIBUTE or ops & _ASSIGNS_GLOBAL:
            return Scanned(FRESH, resets, makes_types)
        does_more = code.co_code[::2].translate(None, _DEFINES_BYTES)
        return Scanned(FIXED if does_more else ONCE, False, makes_types)

    def call(self, code: types.CodeType) -> bool:
        """Whether a call expression may run next to programs that share a process."""
        names, ops = _names_and_ops(code)
        if ops & _ASSIGNS_NAME or not names.isdisjoint(_NOT_IN_CALLS):
            return False
        return not self._reaches_out(names, ops, imports=True)

    def _is_lost(self, code: types.CodeType) -> bool:
        """Whether loading is bound to end at an import of a module that is not there."""
        if code.co_exceptiontable:  # a `try` on the module's level
            return False
        for step in dis.get_instructions(code):
            if step.opcode in _IMPORTS and self._is_missing(step.argval.partition(".")[0]):
                return True
            if step.opcode not in _DEFINES or step.opcode in _JUMPS:
                return False
        return False

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
        if imports and (ops & _ASSIGNS_ATTRIBUTE or self._could_fill_caches(names, ops)):
            return True
        for name in names - self.plain:
            if name[:1] == "_" or not name:
                if name not in OPEN_UNDERSCORED:
                    return True
            elif "." in name and name not in OPEN_MODULES:
                return True
            self.plain.add(name)
        return False

    def _keeps_outside(self, names: set[str], ops: set[int]) -> bool:
        if ops & _ASSIGNS_ATTRIBUTE or not names.isdisjoint(self.keeping):
            return True
        if "sys" in names and not names.isdisjoint(vars(sys).keys() - OPEN_IN_SYS - OPEN_UNDERSCORED):
            return True
        hidden = any(name[:1] == "_" and name not in OPEN_UNDERSCORED for name in names)
        return hidden and bool(ops & _IMPORTS)

    def _could_fill_caches(self, names: set[str], ops: set[int]) -> bool:
        makes_types = not names.isdisjoint(_TYPE)
        if makes_types and not names.isdisjoint(self.caching_by_class):
            return True
        if makes_types and not names.isdisjoint(SETTING_ATTRIBUTES):
            return True
        if makes_types and ops & _MAKES_CLASSES and "typing" in names:
            return True
        return bool(ops & _MAKES_CLASSES or makes_types) and not names.isdisjoint(CACHING_BY_VALUE)


def _names_and_ops(code: types.CodeType) -> tuple[set[str], set[int]]:
    """All names, and the opcodes that matter, of a code object and what is defined in it."""
    parts = nested(code)
    found = set(b"".join([part.co_code[::2] for part in parts]).translate(None, _DULL_BYTES))
    names = all_names(parts)
    return (names | pattern_names(parts) if found & _PATTERNS else names), found


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
