"""Package content on this box: digest to directory, interpreter and environment.

Promises that a directory under a digest is complete: it is written beside its place, synced and
renamed. Content never changes, so installing it again does nothing.
"""

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import attrs

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


class PackageFiles:
    """The installed packages of one data directory."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
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
        """How to run the content. Raises NotFound when it is not installed."""
        directory = self._directory(digest)
        if not directory.is_dir():
            raise NotFound(f"The package content {digest} is not installed on this box.")
        return PackageCode(directory, sys.executable, self._environment)

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
