"""The modules of profiling.inside as one source text, for an isolated Python with only its own library."""

import base64
import marshal
from pathlib import Path

from profiling.inside import growth, lines, programs, timing, values, worker

# In the order in which they import each other.
MODULES = (programs, values, timing, growth, lines, worker)

# Code objects spare every child the 20 ms of compiling; they fit the Python that made them, and the sandbox
# runs that one.
_BOOTSTRAP = """
import base64, marshal, sys, types
def _module(name, code):
    module = types.ModuleType(name)
    sys.modules[name] = module
    if code is not None:
        exec(marshal.loads(base64.b64decode(code)), module.__dict__)
    return module
for _name, _code in {modules!r}:
    _module(_name, _code)
def main(payload):
    return sys.modules["profiling.inside.worker"].main(payload, sys.modules["enlarge"].enlarge)
"""


def worker_source(enlarge: Path) -> str:
    """A module with `main(payload: bytes) -> bytes` that answers `profiling.inside.worker` requests.

    Args:
        enlarge: file of the module that defines `enlarge(call, shape, size, seed) -> arguments` and imports
            the standard library only.
    """
    files = [("enlarge", enlarge)]
    files += [(module.__name__, Path(str(module.__file__))) for module in MODULES]
    packages: list[tuple[str, str | None]] = [("profiling", None), ("profiling.inside", None)]
    return _BOOTSTRAP.format(modules=packages + [(name, _compiled(name, path)) for name, path in files])


def _compiled(name: str, path: Path) -> str:
    code = compile(path.read_text(encoding="utf-8"), name, "exec", optimize=2)
    return base64.b64encode(marshal.dumps(code)).decode("ascii")
