"""Programs that talk: sockets of every family, shared memory, keyrings."""

from tests.pipeline.sandbox.hostile.case import case

CASES = (
    case(
        "connects to a port of this machine",
        """
        import socket
        def f(x):
            with socket.create_connection(("127.0.0.1", @tcp@), 1) as connection:
                connection.sendall(b"@marker@")
            return -1
    """,
    ),
    case(
        "sends a datagram",
        """
        import socket
        def f(x):
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"@marker@", ("127.0.0.1", @udp@))
            return -1
    """,
    ),
    case(
        "connects to a socket in the file system",
        """
        import socket
        def f(x):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect("@unix@")
                connection.sendall(b"@marker@")
            return -1
    """,
    ),
    case(
        "connects to an abstract socket",
        """
        import socket
        def f(x):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect("\\0@abstract@")
                connection.sendall(b"@marker@")
            return -1
    """,
    ),
    case(
        "sends a datagram through a raw system call",
        """
        import ctypes, struct
        def f(x):
            libc = ctypes.CDLL(None)
            fd = libc.syscall(41, 2, 2, 0)
            address = struct.pack("<H", 2) + struct.pack(">H", @udp@) + bytes([127, 0, 0, 1]) + bytes(8)
            libc.syscall(44, fd, b"@marker@", len(b"@marker@"), 0, address, 16)
            return -1
    """,
    ),
    case(
        "listens on a port",
        """
        import socket
        def f(x):
            server = socket.create_server(("0.0.0.0", 0))
            return ["listening", server.getsockname()[1]]
    """,
        passes=False,
    ),
    case(
        "asks a name server",
        """
        import socket
        def f(x):
            return socket.getaddrinfo("example.com", 80)[0][4]
    """,
        "error",
        "forbidden",
        "timeout",
    ),
    case(
        "fetches a page",
        """
        import urllib.request
        def f(x):
            return urllib.request.urlopen("http://127.0.0.1:@tcp@/@marker@", timeout=1).read()
    """,
    ),
    case(
        "opens raw, packet and netlink sockets",
        """
        import socket
        def f(x):
            opened = []
            for family, kind in ((2, 3), (17, 3), (16, 3), (40, 1), (38, 5), (31, 3)):
                try:
                    socket.socket(family, kind)
                    opened.append(family)
                except OSError:
                    pass
            return opened or -1
    """,
    ),
    case(
        "leaves shared memory behind",
        """
        import os
        from multiprocessing import shared_memory
        def f(x):
            block = shared_memory.SharedMemory("@marker@", create=True, size=4096)
            block.buf[:5] = b"owned"
            os._exit(0)
    """,
    ),
    case(
        "leaves System V shared memory, semaphores and queues behind",
        """
        import ctypes
        def f(x):
            libc = ctypes.CDLL(None)
            libc.shmget(@key@, 4096, 0o1666)
            libc.semget(@key@, 1, 0o1666)
            libc.msgget(@key@, 0o1666)
            return -1
    """,
    ),
    case(
        "reads and writes keyrings",
        """
        import ctypes
        def f(x):
            libc = ctypes.CDLL(None)
            keys = [libc.syscall(248, b"user", b"@marker@", b"owned", 5, ring) for ring in (-2, -3, -4, -5)]
            keys.append(libc.syscall(250, 0, -3, 0))
            return "has a key" if max(keys) > 0 else -1
    """,
    ),
    case(
        "opens a ring of kernel requests",
        """
        import ctypes
        def f(x):
            libc = ctypes.CDLL(None)
            ring = libc.syscall(425, 8, ctypes.create_string_buffer(120))
            program = libc.syscall(321, 0, bytes(128), 128)
            event = libc.syscall(298, bytes(128), 0, -1, -1, 0)
            faults = libc.syscall(323, 0)
            return "opened" if max(ring, program, event, faults) >= 0 else -1
    """,
    ),
)
