"""Programs that end where they should answer: exits, signals to themselves, crashes."""

from tests.pipeline.sandbox.hostile.case import case

CASES = (
    case(
        "leaves with exit code 0",
        """
        import sys
        def f(x):
            sys.exit(0)
    """,
        "exit",
    ),
    case(
        "leaves with exit code 0 while it is imported",
        """
        raise SystemExit(0)
    """,
        "exit",
    ),
    case(
        "leaves with the word pass",
        """
        def f(x):
            raise SystemExit("pass")
    """,
        "exit",
    ),
    case(
        "leaves at once with exit code 0",
        """
        import os
        def f(x):
            os._exit(0)
    """,
        "exit",
        "crash",
    ),
    case(
        "leaves at once while it is imported",
        """
        import os
        os._exit(0)
    """,
        "exit",
        "crash",
    ),
    case(
        "leaves through quit",
        """
        def f(x):
            quit()
    """,
        "exit",
        "error",
    ),
    case(
        "leaves through a raw system call",
        """
        import ctypes
        def f(x):
            ctypes.CDLL(None).syscall(231, 0)
    """,
        "exit",
        "crash",
        "forbidden",
        "error",
    ),
    case(
        "turns into another program",
        """
        import os, sys
        def f(x):
            os.execv(sys.executable, [sys.executable, "-c", "print('pass')"])
    """,
    ),
    case(
        "turns into /bin/true",
        """
        import os
        def f(x):
            os.execv("/bin/true", ["true"])
    """,
    ),
    case(
        "aborts",
        """
        import os
        def f(x):
            os.abort()
    """,
        "crash",
    ),
    case(
        "reads through a null pointer",
        """
        import ctypes
        def f(x):
            ctypes.string_at(0)
    """,
        "crash",
        "forbidden",
        "error",
    ),
    case(
        "makes the interpreter fault",
        """
        import faulthandler
        def f(x):
            faulthandler._sigsegv()
    """,
    ),
    case(
        "smashes its stack",
        """
        import ctypes
        def f(x):
            ctypes.memset(id(f), 0xff, 4096)
            f(x)
    """,
    ),
    case(
        "runs forged bytecode",
        """
        def f(x):
            code = f.__code__.replace(co_code=bytes([100, 250] * 50), co_consts=())
            return type(f)(code, {})()
    """,
    ),
    case(
        "recurses without end",
        """
        def f(x):
            return f(x)
    """,
        "error",
        "crash",
    ),
    case(
        "recurses without end after lifting the limit",
        """
        import sys
        def f(x):
            sys.setrecursionlimit(10 ** 9)
            return f(x)
    """,
    ),
    case(
        "recurses without end in C",
        """
        def f(x):
            a = []
            for _ in range(10 ** 6):
                a = [a]
            return repr(a)
    """,
    ),
    case(
        "kills itself",
        """
        import os, signal
        def f(x):
            os.kill(os.getpid(), signal.SIGKILL)
    """,
    ),
    case(
        "stops itself",
        """
        import os, signal
        def f(x):
            os.kill(os.getpid(), signal.SIGSTOP)
            return -1
    """,
    ),
    case(
        "interrupts itself",
        """
        def f(x):
            raise KeyboardInterrupt
    """,
    ),
    case(
        "raises an exception that is no Exception",
        """
        class Loud(BaseException):
            pass
        def f(x):
            raise Loud
    """,
        "error",
    ),
    case(
        "raises GeneratorExit",
        """
        def f(x):
            raise GeneratorExit
    """,
        "error",
    ),
    case(
        "raises an exception whose text never ends",
        """
        class Endless(Exception):
            def __str__(self):
                while True:
                    pass
            __repr__ = __str__
        def f(x):
            raise Endless
    """,
    ),
    case(
        "raises an exception of an enormous text",
        """
        def f(x):
            raise ValueError("x" * (1 << 28))
    """,
    ),
    case(
        "raises a chain of a million exceptions",
        """
        def f(x):
            error = None
            for _ in range(10 ** 6):
                new = ValueError()
                new.__cause__ = error
                error = new
            raise error
    """,
    ),
)
