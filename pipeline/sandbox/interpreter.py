"""Which files the sandboxed Python needs: its executable, its standard library, its shared libraries."""

import importlib.util
import os
import re
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2]
_OWN = ("pipeline/__init__.py", "pipeline/sandbox/__init__.py", "pipeline/sandbox/inside")
# Loads every extension module, then names the files that are mapped.
_MAPPED = """
import importlib, os, sys
modules, packages, places = sys.argv[1], sys.argv[2].split(","), sys.argv[3:]
sys.path += places
skipped = ("_tkinter", "_test", "xx")  # X11 libraries, and modules that only test
for name in [*(m for m in os.listdir(modules) if not m.startswith(skipped)), *packages]:
    try: importlib.import_module(name.split(".")[0])
    except BaseException: pass
print(open("/proc/self/maps").read())
"""


@dataclass(frozen=True)
class Interpreter:
    """The Python that sandboxed code runs on: the base of this one, without its site-packages.

    executable: its real path.
    readable: files and directories it reads, by the names it looks them up; also Pairsmith's own `inside`.
    hidden: directories below `readable` that are to be empty.
    links: (link, target) for top-level symbolic links such as /lib -> usr/lib.
    packages: directories of the installed packages that our own harnesses import.
    """

    executable: str
    readable: tuple[str, ...]
    hidden: tuple[str, ...]
    links: tuple[tuple[str, str], ...]
    packages: tuple[str, ...]


def interpreter(packages: tuple[str, ...]) -> Interpreter:
    """The base of the running Python, inspected by starting it once (about 0.2 s).

    packages: names of installed packages that our own harnesses import.
    """
    executable = os.path.realpath(sys.executable)
    modules = sysconfig.get_config_var("DESTSHARED") or os.path.dirname(os.__file__)
    library = {os.path.realpath(path) for path in (os.path.dirname(os.__file__), modules)}
    places = [place for name in packages for place in _places(name)]
    beside = sorted({os.path.dirname(place) for place in places})
    maps = subprocess.run(
        [executable, "-I", "-S", "-c", _MAPPED, modules, ",".join(packages), *beside],
        capture_output=True,
        text=True,
        check=True,
        env={},
    ).stdout
    mapped = {path for path in re.findall(r" (/\S+)$", maps, re.MULTILINE) if not path.endswith("(deleted)")}
    inside = tuple(f"{root}/" for root in (*library, *places))
    outside = {path for path in mapped if not path.startswith(inside)}
    names = _names_of(outside) | {"/etc/ld.so.cache", "/usr/share/zoneinfo", executable} | _loaders()
    readable = {name for name in names | library if os.path.exists(name)}
    own = {str(PACKAGE / name) for name in _OWN}
    hidden = {f"{root}/{name}" for root in library for name in ("site-packages", "dist-packages")}
    return Interpreter(
        executable,
        tuple(sorted(readable | own)),
        tuple(sorted(path for path in hidden if os.path.isdir(path))),
        tuple(_top_level_links()),
        tuple(places),
    )


def _places(package: str) -> list[str]:
    """The directory of an installed package, or the file of a module; nothing where it is not installed."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        return []
    return list(spec.submodule_search_locations or ([spec.origin] if spec.origin else []))


def _names_of(paths: set[str]) -> set[str]:
    """The files, and the links beside them that lead to them (libffi.so.8 -> libffi.so.8.1.2)."""
    files = {path for path in paths if os.path.isfile(path)}
    beside = {os.path.dirname(path) for path in files}
    links = (entry.path for folder in beside for entry in os.scandir(folder) if entry.is_symlink())
    return files | {link for link in links if os.path.realpath(link) in files}


def _loaders() -> set[str]:
    """The program interpreter of ELF executables, by the fixed name the kernel uses."""
    found = {"/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"}
    found |= {str(path) for path in Path("/lib").glob("ld-musl-*.so.1")}
    return {path for path in found if os.path.exists(path)} | {
        os.path.realpath(path) for path in found if os.path.exists(path)
    }


def _top_level_links() -> list[tuple[str, str]]:
    return [(f"/{name}", os.readlink(f"/{name}")) for name in ("lib", "lib64") if os.path.islink(f"/{name}")]
