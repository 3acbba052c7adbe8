"""Names that are open, closed or telling where programs share a process: what the scan goes by."""

import sys

OPEN_MODULES = frozenset(
    """
    __future__ bisect cmath collections collections.abc copy datetime decimal fractions functools
    heapq itertools math operator random re statistics string sys time typing
""".split()
)

# Python objects of open modules that run strings, assign attributes or keep state; and what hands out such:
# `get_clock_info` a namespace, which `copy.replace` of Python 3.13 gives attributes of any name; `get_args`
# a forward reference, which evaluates itself in Python 3.14; `pthread_getcpuclockid` what is at an address.
CLOSED_ATTRIBUTES = frozenset(
    """
    attrgetter methodcaller update_wrapper wraps total_ordering singledispatch singledispatchmethod
    register getcontext setcontext localcontext DefaultContext BasicContext ExtendedContext Context
    get_type_hints ForwardRef overload clear_overloads get_overloads no_type_check
    no_type_check_decorator final runtime_checkable purge tzset settime clock_settime
    clock_settime_ns dataclass_transform type_check_only override SystemRandom Scanner template
    cached_property UserDict UserList UserString evaluate_forward_ref Formatter setstate Annotated
    GenericAlias abstractmethod get_clock_info get_args pthread_getcpuclockid
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
    register cell_contents
""".split()
)
OPEN_UNDERSCORED = frozenset(
    """
    _ __ __name__ __future__ __init__ __repr__ __str__ __eq__ __ne__ __lt__ __le__ __gt__
    __ge__ __hash__ __len__ __iter__ __next__ __contains__ __getitem__ __setitem__ __delitem__
    __call__ __bool__ __add__ __radd__ __iadd__ __sub__ __rsub__ __mul__ __rmul__ __truediv__
    __floordiv__ __mod__ __pow__ __neg__ __abs__ __and__ __or__ __xor__ __invert__ __lshift__
    __rshift__ __int__ __float__ __index__ __enter__ __exit__ __reversed__ __qualname__ __module__
    __doc__ __static_attributes__ __firstlineno__ __all__ __author__ __version__ __classcell__
    __classdictcell__ __type_params__
""".split()
)
# Names that stand for a cache: modules, and functions of modules that have none otherwise.
CACHING_BY_VALUE = frozenset("re string strptime".split())
CACHING_BY_CLASS = frozenset(
    """
    collections collections.abc Counter decimal Decimal fractions Fraction functools random re statistics
    string strptime
    """.split()
)
# Those by which a check has objects that cross to a program as what they are: of classes that can be changed,
# or that ask abstract ones.
HANDED_OVER = frozenset("collections Counter decimal Decimal fractions Fraction".split())
# What sets attributes by name for classes that say how: `__call__` of a class of generic classes (which
# `typing` tells what it was made from). The last is in every class that says `class A[T]`.
SETTING_ATTRIBUTES = frozenset("Generic Protocol __type_params__".split())
# `type`, and what of `typing` hands it out.
TYPE = frozenset("type Type get_origin".split())
# What a program uses that means to keep something outside its namespace. Not a boundary: whoever hides it (in
# a string for eval, say) meets his own earlier calls, and nobody else.
KEEPING = frozenset(
    """
    setattr delattr vars __dict__ __builtins__ builtins __import__ importlib modules gc ctypes mmap signal
    atexit putenv settrace setprofile _getframe tracemalloc faulthandler __subclasses__ __code__
    __globals__ __defaults__ __kwdefaults__ __closure__ __del__ f_back f_globals f_locals f_builtins gi_frame
    tb_frame register displayhook excepthook stdout stderr stdin cache_clear alarm setitimer time_ns utime
    getcontext setcontext localcontext DefaultContext BasicContext ExtendedContext contextvars _exit kill
    abort chdir fchdir umask tzset overload get_overloads clear_overloads __annotations__ __loader__
    __spec__ supports_dir_fd supports_effective_ids supports_fd supports_follow_symlinks pathconf_names
    confstr_names sysconf_names algorithms_available algorithms_guaranteed ESCAPE_DCT BACKSLASH
    Annotated GenericAlias kwlist softkwlist name2codepoint codepoint2name html5 entitydefs
    unicode_whitespace_trans dup dup2 pipe pipe2 closerange eventfd
    """.split()
)
KEEPS_NOTHING = frozenset(
    """
    abc array ast base64 binascii dataclasses difflib enum glob graphlib hashlib html io json keyword numbers
    os pprint struct textwrap unicodedata zlib
""".split()
)
KEEPING_MODULES = sys.stdlib_module_names - OPEN_MODULES - KEEPS_NOTHING
NEEDS_RESEED = frozenset("random samples".split())  # `samples` of statistics.NormalDist
NEEDS_LIMIT_RESET = "setrecursionlimit"
# `type` makes classes; `super` looks at the frame that it is called from; the rest is reset for programs that
# name it only.
NOT_IN_CALLS = TYPE | {"super", NEEDS_LIMIT_RESET} | NEEDS_RESEED
