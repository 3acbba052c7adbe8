"""params.yaml section -> frozen type; an unknown key is an error that names the nearest known one.

Each stage declares its own section as a `Section` next to the code that uses it, so that DVC reruns only the
stages whose parameters changed. Defaults live in params.yaml alone: what a run used is written in one place.
"""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.errors import ParamsError

PARAMS_PATH = Path("params.yaml")


class Section(BaseModel):
    """A section of params.yaml: frozen, and strict about its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class Base(Section):
    """The section every stage reads.

    seed: the one source of randomness; every other seed derives from it and a content id.
    """

    seed: int


S = TypeVar("S", bound=Section)


def load(name: str, section: type[S], path: Path = PARAMS_PATH) -> S:
    """The section `name` of params.yaml as its frozen type.

    Raises:
        ParamsError: the file or section is missing, a key is unknown (the nearest known one is named), or a
            value has the wrong type or range.
    """
    sections = _parse(path)
    if name not in sections:
        raise ParamsError(
            f"params.yaml has no section {name!r}",
            where=str(path),
            got=", ".join(sections) or "an empty file",
            wanted=f"a section {name!r} with {', '.join(section.model_fields)}",
            next_step=f"git diff {path}   (or: git checkout {path})",
        )
    values = sections[name] or {}
    try:
        return section.model_validate(values)
    except ValidationError as error:
        raise _explain(error, name, section, path) from None


def _parse(path: Path) -> dict[str, Any]:
    try:
        parsed = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParamsError(
            "There is no params.yaml here",
            where=str(path.absolute()),
            wanted="a Pairsmith repository's root as the working directory",
            next_step="cd to the folder that holds dvc.yaml",
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParamsError("params.yaml is not valid YAML", where=str(path), got=str(error)) from None
    if not isinstance(parsed, dict):
        raise ParamsError("params.yaml is not a mapping of sections", where=str(path), got=repr(parsed)[:80])
    return parsed


def _explain(error: ValidationError, name: str, section: type[Section], path: Path) -> ParamsError:
    # A misspelt name is two errors, a missing key and an unknown one: the unknown one says what to mend.
    first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        *outer, unknown = (str(part) for part in first["loc"])
        known = list(_subsection(section, outer).model_fields)
        nearest = difflib.get_close_matches(unknown, known, n=1, cutoff=0)[0]
        return ParamsError(
            f"Unknown parameter {name}.{key}",
            where=str(path),
            got=f"{unknown}: {first['input']!r}",
            wanted=f"{nearest} (the nearest known one); all: {', '.join(known)}",
            next_step=f"rename or remove {name}.{key} in {path}",
        )
    return ParamsError(
        f"Parameter {name}.{key} cannot be used",
        where=str(path),
        got=repr(first.get("input"))[:200],
        wanted=first["msg"],
        next_step=f"edit {name}.{key} in {path}",
    )


def _subsection(section: type[Section], names: Sequence[str]) -> type[Section]:
    for name in names:
        inner = section.model_fields[name].annotation
        assert isinstance(inner, type) and issubclass(inner, Section)
        section = inner
    return section
