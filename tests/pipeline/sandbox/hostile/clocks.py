"""Programs that play with time: sleepers, alarms, false clocks, waits for what never comes."""

from tests.pipeline.sandbox.hostile.case import case

CASES = (
    case(
        "sleeps for an hour",
        """
        import time
        def f(x):
            time.sleep(3600)
    """,
        "timeout",
    ),
    case(
        "sleeps while it is imported",
        """
        import time
        time.sleep(3600)
        def f(x):
            return x + 1
    """,
        "timeout",
    ),
    case(
        "sleeps in select",
        """
        import select
        def f(x):
            select.select([], [], [], 3600)
    """,
        "timeout",
    ),
    case(
        "waits for a lock that it holds",
        """
        import threading
        lock = threading.Lock()
        def f(x):
            lock.acquire()
            lock.acquire()
    """,
        "timeout",
    ),
    case(
        "waits for input",
        """
        def f(x):
            return input()
    """,
        "error",
        "timeout",
    ),
    case(
        "waits for a signal",
        """
        import signal
        def f(x):
            signal.pause()
    """,
        "timeout",
        "forbidden",
        "error",
    ),
    case(
        "waits for its own thread",
        """
        import threading, time
        def f(x):
            thread = threading.Thread(target=time.sleep, args=(3600,))
            thread.start()
            thread.join()
    """,
    ),
    case(
        "waits for its own child",
        """
        import os, time
        def f(x):
            pid = os.fork()
            if pid == 0:
                time.sleep(3600)
            os.waitpid(pid, 0)
    """,
    ),
    case(
        "sets an alarm for later",
        """
        import signal
        def f(x):
            signal.alarm(1)
            signal.setitimer(signal.ITIMER_VIRTUAL, 0.001, 0.001)
            return -1
    """,
    ),
    case(
        "sets an alarm whose handler leaves",
        """
        import os, signal
        def f(x):
            signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
            signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
            while True:
                pass
    """,
    ),
    case(
        "patches the clocks and loops",
        """
        import time
        for name in ("time", "monotonic", "perf_counter", "process_time", "thread_time", "time_ns",
                     "monotonic_ns", "perf_counter_ns", "process_time_ns", "thread_time_ns"):
            setattr(time, name, lambda: 0)
        time.sleep = lambda *_: None
        def f(x):
            while True:
                pass
    """,
        "timeout",
    ),
    case(
        "handles the CPU limit's signal and loops on",
        """
        import signal
        try:
            signal.signal(signal.SIGXCPU, lambda *_: None)
            signal.signal(signal.SIGPROF, lambda *_: None)
        except Exception:
            pass
        def f(x):
            while True:
                pass
    """,
        "timeout",
    ),
    case(
        "burns its time in a thread",
        """
        import threading
        def spin():
            while True:
                pass
        def f(x):
            thread = threading.Thread(target=spin)
            thread.start()
            thread.join()
    """,
    ),
    case(
        "burns its time in a child",
        """
        import os
        def f(x):
            pid = os.fork()
            while pid == 0:
                pass
            os.waitpid(pid, 0)
    """,
    ),
    case(
        "sleeps for ever and says that it has just begun",
        """
        import gc, time
        def f(x):
            arenas = [thing for thing in gc.get_objects() if type(thing).__name__ == "Arena"]
            while True:
                for arena in arenas:
                    arena.words[1] = (arena.words[1] + 1) % (1 << 40)
                    arena.words[2] += 1
                time.sleep(0.05)
    """,
        "timeout",
    ),
    case(
        "computes for ever and says that it has just begun",
        """
        import gc
        def f(x):
            arenas = [thing for thing in gc.get_objects() if type(thing).__name__ == "Arena"]
            while True:
                for arena in arenas:
                    arena.words[2] = 1 << 62
    """,
        "timeout",
    ),
    case(
        "sleeps in short naps",
        """
        import time
        def f(x):
            while True:
                time.sleep(0.01)
    """,
        "timeout",
    ),
)
