"""Programs that read what is not theirs and leave things behind: files, environment, /proc, the tests."""

from tests.pipeline.sandbox.hostile.case import case

CASES = (
    case(
        "reads a secret file",
        """
        def f(x):
            return open("@secret_file@").read()
    """,
    ),
    case(
        "reads a secret file by a raw system call",
        """
        import ctypes
        def f(x):
            libc = ctypes.CDLL(None, use_errno=True)
            fd = libc.syscall(2, b"@secret_file@", 0)
            fd = fd if fd >= 0 else libc.syscall(257, -100, b"@secret_file@", 0)
            buffer = ctypes.create_string_buffer(4096)
            libc.syscall(0, fd, buffer, 4096)
            return buffer.value.decode()
    """,
    ),
    case(
        "reads a secret file by the back doors of /proc",
        """
        import glob
        def f(x):
            found = []
            for root in glob.glob("/proc/*/root") + glob.glob("/proc/*/cwd") + ["/proc/self/root", ""]:
                try:
                    found.append(open(root + "@secret_file@").read())
                except OSError:
                    pass
            return found
    """,
    ),
    case(
        "reads a secret file through a link of its own",
        """
        import os, tempfile
        def f(x):
            link = os.path.join(tempfile.gettempdir(), "@marker@")
            os.symlink("@secret_file@", link)
            return open(link).read()
    """,
    ),
    case(
        "reads a secret file by a handle",
        """
        import os
        def f(x):
            return os.read(os.open("@secret_file@", os.O_RDONLY), 4096).decode()
    """,
    ),
    case(
        "reads the password file's secrets",
        """
        def f(x):
            return open("/etc/shadow").read() or -1
    """,
        "error",
        "forbidden",
    ),
    case(
        "reads its environment",
        """
        import os
        def f(x):
            return [dict(os.environ), os.getenv("@secret_name@"), dict(os.environb)]
    """,
        passes=None,
        checks=(),
    ),
    case(
        "reads the environment of every process",
        """
        import glob
        def f(x):
            found = []
            for path in glob.glob("/proc/*/environ") + glob.glob("/proc/*/cmdline"):
                try:
                    found.append(open(path, errors="replace").read())
                except OSError:
                    pass
            return found
    """,
    ),
    case(
        "reads the environment of the process that runs the tests",
        """
        def f(x):
            return open("/proc/@parent@/environ").read()
    """,
        "error",
        "forbidden",
    ),
    case(
        "reads the environment that its own process began with",
        """
        def f(x):
            return open("/proc/self/environ").read()
    """,
    ),
    case(
        "reads the memory of its parents",
        """
        import os
        def f(x):
            found = []
            for pid in (os.getppid(), 1, @parent@, @decoy@):
                try:
                    maps = open(f"/proc/{pid}/maps").readlines()
                    memory = open(f"/proc/{pid}/mem", "rb", 0)
                    for line in maps:
                        start, end = (int(p, 16) for p in line.split()[0].split("-"))
                        memory.seek(start)
                        found.append(memory.read(min(end - start, 4096)).decode("latin-1"))
                except (OSError, ValueError, OverflowError):
                    pass
            return found
    """,
    ),
    case(
        "searches its own memory for expected values",
        """
        import gc, sys
        def f(x):
            found = [thing for thing in gc.get_objects() if type(thing) is str]
            for thing in gc.get_objects():
                if type(thing) in (list, tuple, dict):
                    found += [part for part in thing if type(part) is str and len(part) < 200]
            frame = sys._getframe()
            while frame := frame.f_back:
                found += [repr(value) for value in list(frame.f_locals.values())]
            return next((word for word in found if "hoped-for" in word), -1)
    """,
        calls=(("f(1)", "'hoped-for ' + '@marker@'"), ("f(2)", "'hoped-for @marker@'")),
        checks=(),
    ),
    case(
        "reads the repository and the tests",
        """
        import glob, os
        def f(x):
            found = []
            for path in ("@repository@/tests/pipeline/sandbox/hostile/files.py", "@repository@/params.yaml"):
                found.append(open(path).read())
            return found
    """,
        "error",
        "forbidden",
    ),
    case(
        "lists the homes and temporary folders",
        """
        import os
        def f(x):
            found = []
            for path in ("/root", "/home", "/tmp", "/var/tmp", "@folder@", os.path.dirname("@secret_file@")):
                try:
                    found += [os.path.join(path, name) for name in os.listdir(path)]
                except OSError:
                    pass
            return [name for name in found if "canary" in name or "secret" in name] or -1
    """,
    ),
    case(
        "writes a file",
        """
        def f(x):
            open("@folder@/written", "w").write("owned")
            return -1
    """,
    ),
    case(
        "overwrites a file",
        """
        def f(x):
            open("@folder@/canary", "w").write("owned")
            return -1
    """,
    ),
    case(
        "deletes a file",
        """
        import os
        def f(x):
            os.unlink("@folder@/canary")
            return -1
    """,
    ),
    case(
        "truncates and renames a file",
        """
        import os
        def f(x):
            for harm in (lambda: os.truncate("@folder@/canary", 0),
                         lambda: os.rename("@folder@/canary", "@folder@/other"),
                         lambda: os.replace("@folder@/canary", "@folder@/other")):
                try:
                    harm()
                except OSError:
                    pass
            return -1
    """,
    ),
    case(
        "links files",
        """
        import os
        def f(x):
            for harm in (lambda: os.link("@folder@/canary", "@folder@/hard"),
                         lambda: os.symlink("@folder@/canary", "@folder@/soft"),
                         lambda: os.mkfifo("@folder@/fifo"),
                         lambda: os.mkdir("@folder@/made"),
                         lambda: os.mknod("@folder@/node")):
                try:
                    harm()
                except OSError:
                    pass
            return -1
    """,
    ),
    case(
        "changes a file's mode, owner, times and attributes",
        """
        import os
        def f(x):
            for harm in (lambda: os.chmod("@folder@/canary", 0o7777),
                         lambda: os.chown("@folder@/canary", 1, 1),
                         lambda: os.utime("@folder@/canary", (1, 1)),
                         lambda: os.setxattr("@folder@/canary", "user.x", b"owned")):
                try:
                    harm()
                except OSError:
                    pass
            return -1
    """,
    ),
    case(
        "leaves files wherever it may write",
        """
        import os
        def f(x):
            for path in ("/", ".", "/tmp", "/var/tmp", "/dev/shm", "/run", "/dev/mqueue", "/root",
                         "@repository@", "@repository@/outputs", os.path.expanduser("~")):
                try:
                    open(os.path.join(path, "@marker@"), "w").write("owned")
                except OSError:
                    pass
            return -1
    """,
    ),
    case(
        "plants a module for those who come after",
        """
        import os, sys
        def f(x):
            for path in [*sys.path, os.path.dirname(os.__file__)]:
                for name in ("sitecustomize.py", "@marker@.py", "@marker@.pth"):
                    try:
                        with open(os.path.join(path, name), "x") as file:
                            file.write("# @marker@")
                    except OSError:
                        pass
            return -1
    """,
    ),
    case(
        "fills the disk",
        """
        import os, tempfile
        def f(x):
            for path in (tempfile.gettempdir(), "/tmp", ".", "/dev/shm", "@folder@"):
                try:
                    with open(os.path.join(path, "@marker@-fill"), "wb") as file:
                        while True:
                            file.write(b"x" * (1 << 24))
                except OSError:
                    pass
            return -1
    """,
    ),
    case(
        "writes to devices and kernel settings",
        """
        import os
        def f(x):
            for path in ("/dev/mem", "/dev/kmsg", "/dev/sda", "/dev/tty", "/proc/sysrq-trigger",
                         "/proc/sys/kernel/hostname", "/sys/fs/cgroup/cgroup.procs"):
                try:
                    fd = os.open(path, os.O_WRONLY)
                    return path
                except OSError:
                    pass
            raise ValueError
    """,
        "error",
        "forbidden",
    ),
    case(
        "mounts, pivots and changes roots",
        """
        import ctypes, os
        def f(x):
            libc = ctypes.CDLL(None)
            done = [libc.mount(b"none", b"@folder@", b"tmpfs", 0, None), libc.umount2(b"/proc", 2),
                    libc.syscall(155, b"/", b"/"), libc.syscall(308, 3, 0)]
            try:
                os.chroot("/")
                done.append(0)
            except OSError:
                pass
            return "broke out" if 0 in done else -1
    """,
    ),
)
