"""What a package needs beside its own files: its `requirements.txt`.

Owns which lines are taken and the form in which two files are the same. Promises that what is
taken means the same on every box (no other file, path or variable is read through it), and that
whatever else is wrong with it is left to pip to say. Knows nothing of environments.
"""

import re
from collections.abc import Iterator, Mapping

import attrs

from axiomd.errors import Problem
from axiomd.limits import REQUIREMENTS_BYTES_MAX

REQUIREMENTS_FILE = "requirements.txt"

PROTOBUF = "protobuf>=4.21,<8"
"""Installed beside requirements that name no protobuf: messages need a runtime."""

_OPTIONS = frozenset(
    {"--pre", "--prefer-binary", "--only-binary", "--no-binary", "--require-hashes"}
)
"""Options of a line of their own that say how to choose, not where to look."""
_COMMENT = re.compile(r"(^|\s+)#.*$")
_VARIABLE = re.compile(r"\$\{[A-Z0-9_]+\}")
_OPTION = re.compile(r"--?[A-Za-z][\w-]*")
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_ARCHIVES = (".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_OTHER_FILES = frozenset({"-r", "--requirement", "-c", "--constraint"})
_OTHER_CODE = frozenset({"-e", "--editable"})


@attrs.frozen
class Requirements:
    """The requirements of a package; false if there are none."""

    lines: tuple[str, ...] = ()
    """One requirement or option each, without comments, spaces in a row, and line breaks."""

    def __bool__(self) -> bool:
        return bool(self.lines)

    @property
    def installed(self) -> tuple[str, ...]:
        """The lines that pip is given: with a protobuf runtime if none of them names one."""
        return self.lines if self._has("protobuf") or not self else (*self.lines, PROTOBUF)

    @property
    def hashed(self) -> bool:
        """Whether pip takes only what is listed with its hash."""
        return any("--hash" in line or line == "--require-hashes" for line in self.lines)

    def _has(self, project: str) -> bool:
        names = (_NAME.match(line) for line in self.lines)
        return any(name is not None and _canonical(name[0]) == project for name in names)


def read_requirements(files: Mapping[str, bytes]) -> tuple[Requirements, list[Problem]]:
    """The requirements among a package's files, and what cannot be taken of them."""
    content = files.get(REQUIREMENTS_FILE, b"")
    if len(content) > REQUIREMENTS_BYTES_MAX:
        return Requirements(), [_problem(f"is larger than {REQUIREMENTS_BYTES_MAX} bytes")]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as failure:
        line = content.count(b"\n", 0, failure.start) + 1
        return Requirements(), [_problem("is not UTF-8 text", line)]
    numbered = list(_logical_lines(text))
    requirements = Requirements(tuple(line for _, line in numbered))
    problems = [_problem(words, n) for n, line in numbered if (words := _line_problem(line))]
    if requirements.hashed and not problems and requirements.installed != requirements.lines:
        words = "must list protobuf with its hash too: with hashes pip takes only what is listed"
        problems.append(_problem(words))
    return requirements, problems


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Each line that says something, continued ones joined, with the number of its first."""
    begun, parts = 0, []
    for number, physical in enumerate([*re.split(r"\r\n|\r|\n", text), ""], 1):
        begun = begun or number
        comment = physical.lstrip().startswith("#")
        if physical.endswith("\\") and not comment:
            parts.append(physical[:-1])
            continue
        line = " ".join(_COMMENT.sub("", "".join([*parts, physical])).split())
        if line:
            yield begun, line
        begun, parts = 0, []


def _line_problem(line: str) -> str | None:
    if "\0" in line:
        return "has a NUL character"
    if _VARIABLE.search(line):
        return "names an environment variable: requirements must mean the same on every box"
    option = _OPTION.match(line)
    if option is not None:
        return _option_problem(option[0])
    return _place_problem(line.partition(";")[0].partition(" --")[0].strip())


def _option_problem(option: str) -> str | None:
    if option in _OPTIONS:
        return None
    if option in _OTHER_FILES or option.startswith(("-r", "-c")):
        return f"reads another file ({option}): list its requirements here"
    if option in _OTHER_CODE or option.startswith("-e"):
        return f"installs a directory of this machine ({option}): put the code into the package"
    return (
        f"sets {option}: where packages come from is axiomd's to say, "
        "with [environments] in axiomd.toml or PIP_ variables in its environment"
    )


def _place_problem(target: str) -> str | None:
    lowered = target.lower()
    local = "://" not in lowered and (
        "/" in target or target.startswith(".") or lowered.endswith(_ARCHIVES)
    )
    if local or "file:" in lowered:
        return "is a file or directory of this machine: name a project and its version"
    return None


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _problem(message: str, line: int | None = None) -> Problem:
    return Problem("", message, REQUIREMENTS_FILE, line)
