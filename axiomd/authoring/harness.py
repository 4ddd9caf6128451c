"""Running a package's own tests: `axiomd test`.

Promises that `gen/` is fresh, that the tests see the package as its nodes will, and that they run
in a process of their own. pytest runs them where it is installed, a small runner elsewhere.
"""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import attrs

from axiomd.authoring.bundle import read_directory
from axiomd.authoring.check import CheckedPackage, check
from axiomd.authoring.generate import generate, write_generated
from axiomd.authoring.requirements import Requirements
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
    interpreter_for: Callable[[Requirements], Path] | None = None,
) -> RanTests:
    """Run `nodes/*_test.py` of the package; prints as they go unless captured. Blocks.

    tool: None takes pytest if it is installed beside axiomd, or in the package's environment.
    interpreter_for: gives the Python of an environment with the package's requirements; without
    it, and without requirements, tests run in axiomd's own. Raises what that and `check` raise.
    """
    directory = directory.resolve()
    requirements = prepare(directory, imports).requirements
    python = Path(sys.executable)
    if requirements and interpreter_for is not None:
        python = interpreter_for(requirements)
    if tool is None:
        tool = "pytest" if _has_pytest(python) else "plain"
    files = tuple(sorted(f"nodes/{path.name}" for path in directory.glob("nodes/*_test.py")))
    if not files:
        return RanTests((), tool, 0)
    ended = subprocess.run(
        _command(python, tool, directory, files),
        cwd=directory,
        env=_environment(directory),
        stdout=subprocess.PIPE if capture else None,
        stderr=subprocess.STDOUT if capture else None,
        check=False,
    )
    said = (ended.stdout or b"").decode("utf-8", "replace")
    return RanTests(files, tool, ended.returncode, said)


def _has_pytest(python: Path) -> bool:
    if python == Path(sys.executable):
        return importlib.util.find_spec("pytest") is not None
    look = "import importlib.util, sys; sys.exit(importlib.util.find_spec('pytest') is None)"
    return subprocess.run([python, "-I", "-c", look], check=False).returncode == 0


def _command(python: Path, tool: TestTool, directory: Path, files: tuple[str, ...]) -> list[str]:
    if tool == "plain":
        modules = [file.removesuffix(".py").replace("/", ".") for file in files]
        return [str(python), "-P", str(_PLAIN), *modules]
    # A configuration further up the file system is some other project's.
    own = any((directory / name).exists() for name in _PYTEST_CONFIGURATIONS)
    configuration = () if own else ("-c", os.devnull)
    options = ("--import-mode=importlib", "-p", "no:cacheprovider", f"--rootdir={directory}")
    return [str(python), "-P", "-m", "pytest", "-q", *configuration, *options, *files]


def _environment(directory: Path) -> dict[str, str]:
    paths = [str(directory), *filter(None, [process_environment("PYTHONPATH")])]
    return child_environment({"PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"})
