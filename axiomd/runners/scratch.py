"""Where node processes may write: a directory for each zygote, and one in it for each process.

Owns `scratch` in the data directory. What a process leaves in its own is gone when it is dead, or
soon after: removing much takes long, so `sweep` does it beside everything else. Until then it
lies there under another name, where the next start finds it too.
"""

import os
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

import structlog
import trio

log = structlog.get_logger("axiomd.runners")

_NEW = "nodes-"
_OLD = "old-"


class Scratch:
    """The scratch directories of one axiomd."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._left = trio.Event()
        self.was_left = False
        """Whether an earlier axiomd was killed; what its nodes have started may be alive."""
        for left in self.root.glob(f"{_NEW}*"):
            self.was_left = True
            self.give_back(left)
        self._left.set()

    def new(self) -> Path:
        """A directory for a zygote. Raises OSError."""
        return Path(tempfile.mkdtemp(prefix=_NEW, dir=self.root))

    def give_back(self, directory: Path) -> None:
        """Nobody uses this directory any more.

        Node code may have put anything in its place, and closed what is around it.
        """
        try:
            if directory.is_symlink():
                directory.unlink()
            else:
                directory.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            self._set_aside(directory)

    def _set_aside(self, directory: Path) -> None:
        names = directory.relative_to(self.root).parts
        try:
            directory.rename(self.root / (_OLD + "-".join(names)))
        except OSError as failure:
            # It goes with what it lies in.
            log.warning("scratch_left", path=str(directory), error=str(failure))
        else:
            self._left.set()

    async def sweep(self) -> None:
        """Remove what was given back and was not empty, for ever."""
        while True:
            await self._left.wait()
            self._left = trio.Event()
            for old in self.root.glob(f"{_OLD}*"):
                # What a stop leaves is removed by the next start.
                await trio.to_thread.run_sync(remove, old, abandon_on_cancel=True)


def remove(directory: Path) -> None:
    """Remove a directory that no process uses, with everything in it; what resists stays.

    Node code decided what is there: no link is followed, and no error is anybody's.
    """
    with suppress(OSError):
        if directory.is_symlink() or not directory.is_dir():
            directory.unlink()
            return
        shutil.rmtree(directory, ignore_errors=True)
        if directory.exists():
            _open_up(directory)
            shutil.rmtree(directory, ignore_errors=True)


def _open_up(directory: Path) -> None:
    """Whoever made them closed some directories for itself."""
    directory.chmod(stat.S_IRWXU)
    for path, names, _ in os.walk(directory):
        for inner in (Path(path, name) for name in names):
            if not inner.is_symlink():
                inner.chmod(stat.S_IRWXU)
