"""Programs that multiply: forks, threads, daemons, and what outlives its program."""

from tests.pipeline.sandbox.hostile.case import case

CASES = (
    case(
        "is a fork bomb",
        """
        import os
        def f(x):
            while True:
                try:
                    os.fork()
                except OSError:
                    pass
    """,
    ),
    case(
        "is a thread bomb",
        """
        import threading, time
        def f(x):
            while True:
                try:
                    threading.Thread(target=time.sleep, args=(1000,)).start()
                except RuntimeError:
                    pass
    """,
    ),
    case(
        "leaves a daemon behind",
        """
        import os, time
        def f(x):
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    while True:
                        time.sleep(1000)
                os._exit(0)
            return -1
    """,
    ),
    case(
        "leaves a subprocess behind",
        """
        import subprocess, sys
        def f(x):
            subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000) # @marker@"])
            return -1
    """,
    ),
    case(
        "leaves a shell command behind",
        """
        import os
        def f(x):
            return os.system("sleep 1000 &")
    """,
    ),
    case(
        "starts a process with posix_spawn",
        """
        import os
        def f(x):
            return os.posix_spawn("/bin/sleep", ["@marker@", "1000"], {})
    """,
    ),
    case(
        "forks and answers twice",
        """
        import os
        def f(x):
            os.fork()
            return -1
    """,
    ),
    case(
        "forks while it is imported and goes on in the child",
        """
        import os
        if os.fork():
            os._exit(0)
        def f(x):
            return -1
    """,
    ),
    case(
        "forks through libc",
        """
        import ctypes
        libc = ctypes.CDLL(None)
        def f(x):
            while True:
                libc.fork()
    """,
    ),
    case(
        "clones through a raw system call",
        """
        import ctypes
        libc = ctypes.CDLL(None)
        def f(x):
            for _ in range(1000):
                libc.syscall(56, 17, 0, 0, 0, 0)
            return -1
    """,
    ),
    case(
        "works with multiprocessing",
        """
        import multiprocessing
        def g(x):
            while True:
                pass
        def f(x):
            children = [multiprocessing.Process(target=g, args=(x,)) for _ in range(8)]
            for child in children:
                child.start()
            return -1
    """,
    ),
    case(
        "leaves a thread that goes on computing",
        """
        import threading
        def spin():
            while True:
                pass
        def f(x):
            threading.Thread(target=spin, daemon=True).start()
            return -1
    """,
    ),
    case(
        "leaves a thread that patches the neighbours' builtins later",
        """
        import builtins, threading, time
        def patch():
            while True:
                time.sleep(0.001)
                builtins.len = builtins.sum = builtins.repr = lambda *_: 42
        def f(x):
            threading.Thread(target=patch, daemon=True).start()
            return -1
    """,
    ),
)
