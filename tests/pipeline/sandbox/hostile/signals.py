"""Programs that reach for other processes: signals, ptrace, priorities, by os and by raw system calls."""

from tests.pipeline.sandbox.hostile.case import case

CASES = (
    case(
        "kills its parent",
        """
        import os, signal
        def f(x):
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGSTOP, signal.SIGKILL):
                try:
                    os.kill(os.getppid(), number)
                except OSError:
                    pass
            return -1
    """,
    ),
    case(
        "kills every process it may",
        """
        import os
        def f(x):
            try:
                os.kill(-1, 9)
            except OSError:
                pass
            return -1
    """,
    ),
    case(
        "kills its process group",
        """
        import os
        def f(x):
            os.killpg(0, 9)
            return -1
    """,
    ),
    case(
        "kills a bystander",
        """
        import os
        def f(x):
            os.kill(@decoy@, 9)
            return -1
    """,
    ),
    case(
        "kills all processes by their numbers",
        """
        import os
        def f(x):
            for pid in range(1, 70_000):
                if pid not in (os.getpid(), @parent@):
                    try:
                        os.kill(pid, 19)
                    except OSError:
                        pass
            return -1
    """,
    ),
    case(
        "kills a bystander by raw system calls",
        """
        import ctypes
        def f(x):
            libc = ctypes.CDLL(None)
            libc.syscall(62, @decoy@, 9)
            libc.syscall(200, @decoy@, 9)
            libc.syscall(234, @decoy@, @decoy@, 9)
            libc.syscall(129, @decoy@, 9, bytes(128))
            return -1
    """,
    ),
    case(
        "kills a bystander by a process descriptor",
        """
        import os, signal
        def f(x):
            signal.pidfd_send_signal(os.pidfd_open(@decoy@), signal.SIGKILL)
            return -1
    """,
    ),
    case(
        "traces its parent and a bystander",
        """
        import ctypes, os
        def f(x):
            libc = ctypes.CDLL(None)
            for pid in (os.getppid(), @decoy@):
                for request in (16, 0x4206):
                    if libc.syscall(101, request, pid, 0, 0) == 0:
                        return "tracing"
            return -1
    """,
    ),
    case(
        "reads a bystander's memory by system call",
        """
        import ctypes, os
        def f(x):
            libc = ctypes.CDLL(None)
            buffer = ctypes.create_string_buffer(64)
            local = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 64)
            remote = (ctypes.c_void_p * 2)(id(int), 64)
            for pid in (os.getppid(), @decoy@, @parent@):
                if libc.syscall(310, pid, local, 1, remote, 1, 0) > 0:
                    return "read"
            return -1
    """,
    ),
    case(
        "steals a bystander's descriptors",
        """
        import ctypes, os
        def f(x):
            libc = ctypes.CDLL(None)
            for pid in (os.getppid(), @decoy@, @parent@):
                pidfd = libc.syscall(434, pid, 0)
                for fd in range(16):
                    if pidfd >= 0 and libc.syscall(438, pidfd, fd, 0) >= 0:
                        return "stolen"
            return -1
    """,
    ),
    case(
        "lowers a bystander's limits and priority",
        """
        import os, resource
        def f(x):
            for harm in (lambda: resource.prlimit(@decoy@, resource.RLIMIT_CPU, (0, 0)),
                         lambda: os.setpriority(os.PRIO_PROCESS, @decoy@, 19),
                         lambda: os.sched_setaffinity(@decoy@, {0}),
                         lambda: os.sched_setscheduler(@decoy@, os.SCHED_IDLE, os.sched_param(0))):
                try:
                    harm()
                    return "done"
                except (OSError, PermissionError, ValueError):
                    pass
            return -1
    """,
    ),
    case(
        "becomes another user",
        """
        import ctypes, os
        def f(x):
            for harm in (lambda: os.setuid(0), lambda: os.setresuid(0, 0, 0), lambda: os.setgid(0),
                         lambda: os.setgroups([0])):
                try:
                    harm()
                except OSError:
                    pass
            try:
                return "root" if open("/etc/shadow").read() else -1
            except OSError:
                return -1
    """,
    ),
    case(
        "takes capabilities in a namespace of its own",
        """
        import ctypes, os
        def f(x):
            libc = ctypes.CDLL(None)
            got = [libc.unshare(flag) for flag in (0x10000000, 0x40000000, 0x00020000, 0x20000000)]
            got.append(libc.syscall(272, 0x10000000))
            return "unshared" if 0 in got else -1
    """,
    ),
    case(
        "types into the terminal",
        """
        import fcntl
        def f(x):
            for fd in (0, 1, 2):
                try:
                    fcntl.ioctl(fd, 0x5412, b"x")
                    return "typed"
                except OSError:
                    pass
            return -1
    """,
    ),
    case(
        "changes the machine's clock, name and power",
        """
        import ctypes
        def f(x):
            libc = ctypes.CDLL(None)
            done = [libc.sethostname(b"owned", 5), libc.syscall(227, 0, bytes(16)), libc.syscall(163, None),
                    libc.syscall(175, None, 0, None), libc.syscall(246, 0, 0, None, 0)]
            return "done" if 0 in done[:2] else -1
    """,
    ),
)
