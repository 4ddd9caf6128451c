"""Running a package's own tests: `axiomd test`.

Promises that `gen/` is fresh, that the tests see the package as its nodes will, and that they run
in a process of their own. pytest runs them where it is installed, a small runner elsewhere.
"""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import attrs

from axiomd.authoring.bundle import read_directory
from axiomd.authoring.check import CheckedPackage, check
from axiomd.authoring.generate import generate, write_generated
from axiomd.settings import child_environment, process_environment

TestTool = Literal["pytest", "plain"]

_PLAIN = Path(__file__).with_name("plain_tests.py")
_PYTEST_CONFIGURATIONS = ("pytest.ini", "pytest.toml", "pyproject.toml", "tox.ini", "setup.cfg")


@attrs.frozen
class RanTests:
    """How a package's tests ended."""

    files: tuple[str, ...]
    """The test files; with none nothing was run."""
    tool: TestTool
    exit_code: int
    output: str = attrs.field(default="", repr=False)
    """What they printed, if it was captured."""

    @property
    def passed(self) -> bool:
        """Whether every test passed."""
        return self.exit_code == 0


def prepare(directory: Path, imports: Mapping[str, bytes] | None = None) -> CheckedPackage:
    """Check the package in `directory` and write its `gen/`; raises what `check` raises."""
    checked = check(read_directory(directory), imports)
    write_generated(directory, generate(checked.compiled))
    return checked


def run_tests(
    directory: Path,
    imports: Mapping[str, bytes] | None = None,
    *,
    capture: bool = False,
    tool: TestTool | None = None,
) -> RanTests:
    """Run `nodes/*_test.py` of the package; prints as they go unless captured. Blocks.

    tool: None takes pytest if it is installed beside axiomd. Raises what `check` raises.
    """
    directory = directory.resolve()
    prepare(directory, imports)
    if tool is None:
        tool = "pytest" if importlib.util.find_spec("pytest") else "plain"
    files = tuple(sorted(f"nodes/{path.name}" for path in directory.glob("nodes/*_test.py")))
    if not files:
        return RanTests((), tool, 0)
    ended = subprocess.run(
        _command(tool, directory, files),
        cwd=directory,
        env=_environment(directory),
        stdout=subprocess.PIPE if capture else None,
        stderr=subprocess.STDOUT if capture else None,
        check=False,
    )
    said = (ended.stdout or b"").decode("utf-8", "replace")
    return RanTests(files, tool, ended.returncode, said)


def _command(tool: TestTool, directory: Path, files: tuple[str, ...]) -> list[str]:
    if tool == "plain":
        modules = [file.removesuffix(".py").replace("/", ".") for file in files]
        return [sys.executable, "-P", str(_PLAIN), *modules]
    # A configuration further up the file system is some other project's.
    own = any((directory / name).exists() for name in _PYTEST_CONFIGURATIONS)
    configuration = () if own else ("-c", os.devnull)
    options = ("--import-mode=importlib", "-p", "no:cacheprovider", f"--rootdir={directory}")
    return [sys.executable, "-P", "-m", "pytest", "-q", *configuration, *options, *files]


def _environment(directory: Path) -> dict[str, str]:
    paths = [str(directory), *filter(None, [process_environment("PYTHONPATH")])]
    return child_environment({"PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"})
