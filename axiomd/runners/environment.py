"""Package content on this box: digest to directory, requirements and how to run it.

Promises that a directory under a digest is complete: it is written beside its place, synced and
renamed. Content never changes, so installing it again does nothing.
"""

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path, PurePosixPath

import attrs

from axiomd.authoring.requirements import REQUIREMENTS_FILE, Requirements, read_requirements
from axiomd.disk import no_room, sync_directory
from axiomd.errors import NotFound, StoreFull
from axiomd.settings import process_environment

DIGEST = re.compile(r"[0-9a-z][0-9a-z._-]{0,127}")
"""What may name a package's content: it becomes a directory's name."""

PASSED_VARIABLES = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "http_proxy",
    "https_proxy",
    "no_proxy",
)
"""Variables of axiomd's environment that node processes see; no others, since those may be
credentials."""

SET_VARIABLES = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""Set for node processes: numeric libraries must not start a thread for each core in each."""


_DRAFT = ".new-"


@attrs.frozen
class PackageCode:
    """What it takes to run a package's nodes."""

    directory: Path
    """The package's files, generated ones included."""
    interpreter: str
    """The Python that runs them."""
    environment: Mapping[str, str] = attrs.field(factory=dict)
    """The environment variables of its processes, all of them."""


class Preparing(Exception):
    """A package cannot be run yet: what it needs is being made."""

    def __init__(self, ended: Callable[[], Awaitable[None]]) -> None:
        self.ended = ended
        """Waits until that is over, well or not."""
        super().__init__()


class PackageFiles:
    """The installed packages of one data directory."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self._requirements: dict[str, Requirements] = {}
        passed = {name: process_environment(name) for name in PASSED_VARIABLES}
        self._environment = SET_VARIABLES | {
            name: value for name, value in passed.items() if value is not None
        }

    def missing(self, digest: str) -> bool:
        """Whether the content is not installed here."""
        return not self._directory(digest).is_dir()

    def install(self, digest: str, files: Mapping[str, bytes]) -> None:
        """Write the files of a package, durably and at once or not at all; idempotent.

        Paths are relative, with `/`. Blocks for the disk. Raises StoreFull when that has no room,
        another OSError as it is, and ValueError for a path that leads out of the package.
        """
        target = self._directory(digest)
        if target.is_dir():
            return
        for path in files:
            _check_path(path)
        try:
            self._build(target, files)
        except OSError as failure:
            if no_room(failure):
                raise StoreFull(f"The package cannot be installed: {failure}") from failure
            raise

    def remove_drafts(self) -> None:
        """Remove what a process that was killed left half installed; before any `install`."""
        for draft in self._root.glob(f"{_DRAFT}*"):
            shutil.rmtree(draft, ignore_errors=True)

    def _build(self, target: Path, files: Mapping[str, bytes]) -> None:
        self._root.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=_DRAFT, dir=self._root))
        try:
            for path, content in files.items():
                _write(building / path, content)
            for directory, _, _ in os.walk(building):
                sync_directory(Path(directory))
            building.chmod(0o755)
            _rename(building, target)
            sync_directory(self._root)
        finally:
            shutil.rmtree(building, ignore_errors=True)

    def code(self, digest: str) -> PackageCode:
        """How to run the content in axiomd's own interpreter. Raises NotFound."""
        return PackageCode(self._installed(digest), sys.executable, self._environment)

    def requirements(self, digest: str) -> Requirements:
        """What the content needs beside its own files. Raises NotFound."""
        if digest not in self._requirements:
            path = self._installed(digest) / REQUIREMENTS_FILE
            files = {REQUIREMENTS_FILE: path.read_bytes()} if path.is_file() else {}
            # What is wrong with them was refused when they were pushed.
            self._requirements[digest], _ = read_requirements(files)
        return self._requirements[digest]

    def _installed(self, digest: str) -> Path:
        directory = self._directory(digest)
        if not directory.is_dir():
            raise NotFound(f"The package content {digest} is not installed on this box.")
        return directory

    def _directory(self, digest: str) -> Path:
        if not DIGEST.fullmatch(digest):
            raise ValueError(f"{digest!r} is not a digest")
        return self._root / digest


def _check_path(path: str) -> None:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\0" in path:
        raise ValueError(f"{path!r} is not a path inside a package")


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _rename(building: Path, target: Path) -> None:
    try:
        building.rename(target)
    except OSError:
        # Somebody else installed the same content meanwhile.
        if not target.is_dir():
            raise
