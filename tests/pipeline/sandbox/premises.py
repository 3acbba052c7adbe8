"""What lies around a sandbox and must not be reached: files, listeners, a bystander; and what was."""

import contextlib
import os
import secrets
import shutil
import socket
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.closure import ROOT

SECRET_NAME = "PAIRSMITH_HOSTILE_SECRET"
CANARY = "the canary sings\n"
# Where a program might leave files without being told of the place.
PLACES = [Path(place) for place in ("/", "/tmp", "/var/tmp", "/dev/shm", "/run", "/dev/mqueue", "/root")]
LISTS_OF_IPC = [Path("/proc/sysvipc") / kind for kind in ("shm", "sem", "msg")]


@dataclass
class Premises:
    """The surroundings of one run of the corpus; made by `premises`."""

    folder: Path
    secret: str
    bystander: subprocess.Popen[bytes]
    listeners: dict[str, socket.socket]
    session: str = field(default_factory=lambda: secrets.token_hex(6))
    heard: bytes = b""

    def folder_of(self, index: int) -> Path:
        """The world-writable folder of one case, made with its canary."""
        folder = self.folder / str(index)
        folder.mkdir()
        folder.chmod(0o777)
        (folder / "canary").write_text(CANARY)
        (folder / "canary").chmod(0o666)
        return folder

    def marker_of(self, index: int) -> str:
        """A name that only this case of this run knows."""
        return f"pairsmith-{self.session}-{index}-x"

    def filled_in(self, index: int, text: str) -> str:
        """`text` with its words replaced by what they stand for in this case."""
        words = {
            "secret_file": self.folder / "secret",
            "secret_name": SECRET_NAME,
            "folder": self.folder / str(index),
            "marker": self.marker_of(index),
            "tcp": self.listeners["tcp"].getsockname()[1],
            "udp": self.listeners["udp"].getsockname()[1],
            "unix": self.folder / "unix",
            "abstract": f"pairsmith-{self.session}",
            "decoy": self.bystander.pid,
            "parent": os.getpid(),
            "key": 0x50610000 + index,
            "repository": ROOT,
        }
        for word, meaning in words.items():
            text = text.replace(f"@{word}@", str(meaning))
        return text

    def harm_by(self, index: int) -> list[str]:
        """What one case reached, in words; nothing if all is well."""
        folder, marker = self.folder / str(index), self.marker_of(index)
        names = {path.name for place in self._places() for path in place.iterdir()}
        harm = {
            "changed its folder": [path.name for path in folder.iterdir()] != ["canary"],
            "changed its file": not _is_as_made(folder / "canary"),
            "was heard": marker.encode() in self._heard(),
            "left a file": any(marker in name for name in names),
            "left System V IPC": any(str(0x50610000 + index) in kind.read_text() for kind in LISTS_OF_IPC),
        }
        return [what for what, happened in harm.items() if happened]

    def bystander_is_well(self) -> bool:
        """Whether the bystander lives, runs, and has kept its priority."""
        state = Path(f"/proc/{self.bystander.pid}/stat").read_text().rpartition(")")[2].split()
        return self.bystander.poll() is None and state[0] == "S" and state[16] == str(os.nice(0))

    def _places(self) -> list[Path]:
        # Where this user may not look, a program with fewer rights has left nothing.
        places = [*PLACES, ROOT, ROOT / "outputs", Path.home()]
        return [place for place in places if os.access(place, os.R_OK | os.X_OK) and place.is_dir()]

    def _heard(self) -> bytes:
        for name, listener in self.listeners.items():
            with contextlib.suppress(BlockingIOError):
                while True:
                    if name == "udp":
                        self.heard += listener.recv(4096)
                        continue
                    connection, _ = listener.accept()
                    with connection:
                        connection.settimeout(1)
                        self.heard += connection.recv(4096)
        return self.heard


def _is_as_made(canary: Path) -> bool:
    try:
        state = canary.lstat()
    except OSError:
        return False
    as_made = (stat.S_IFREG | 0o666, os.getuid(), 1, True)
    now = (state.st_mode, state.st_uid, state.st_nlink, state.st_mtime > 1e9)
    return now == as_made and canary.read_text() == CANARY and not os.listxattr(canary)


@contextlib.contextmanager
def premises() -> Iterator[Premises]:
    """Premises that everybody on this machine may enter, read and write, while the block runs."""
    secret = f"secret-{secrets.token_hex(16)}"
    # Not pytest's tmp_path: its parents are closed to other users, which would do the sandbox's work.
    folder = Path(tempfile.mkdtemp(prefix="pairsmith-premises-", dir="/tmp"))
    folder.chmod(0o777)
    (folder / "secret").write_text(secret)
    (folder / "secret").chmod(0o666)
    os.environ[SECRET_NAME] = secret
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        stack.callback(os.environ.pop, SECRET_NAME)
        bystander = stack.enter_context(subprocess.Popen(["/bin/sleep", "3600"]))
        stack.callback(bystander.kill)
        session = Premises(folder, secret, bystander, {})
        for name, listener in _listeners(folder / "unix", f"\0pairsmith-{session.session}").items():
            session.listeners[name] = stack.enter_context(listener)
        yield session


def _listeners(path: Path, abstract: str) -> dict[str, socket.socket]:
    made = {
        "tcp": socket.create_server(("127.0.0.1", 0), backlog=128),
        "udp": socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
        "unix": socket.socket(socket.AF_UNIX),
        "abstract": socket.socket(socket.AF_UNIX),
    }
    made["udp"].bind(("127.0.0.1", 0))
    for name, address in (("unix", str(path)), ("abstract", abstract)):
        made[name].bind(address)
        made[name].listen(128)
    path.chmod(0o777)
    for listener in made.values():
        listener.setblocking(False)
    return made


def descendants(ancestor: int) -> set[int]:
    """The ids of all processes whose line of parents leads to `ancestor`, zombies included."""
    parent_of = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            parent_of[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    return {pid for pid in parent_of if _leads_to(pid, ancestor, parent_of)}


def _leads_to(pid: int, ancestor: int, parent_of: dict[int, int]) -> bool:
    while pid in parent_of:
        pid = parent_of[pid]
        if pid == ancestor:
            return True
    return False


def told(pid: int) -> str:
    """What a process is, for the message of a failed assertion."""
    with contextlib.suppress(OSError):
        state = Path(f"/proc/{pid}/stat").read_text()
        return f"{state[:60]} {Path(f'/proc/{pid}/cmdline').read_text()[:80]!r}"
    return f"{pid} (gone)"
