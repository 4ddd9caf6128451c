"""Where node processes may write: a directory for each zygote, and one in it for each process.

Owns `scratch` in the data directory. What a process leaves in its own is gone when it is dead, or
soon after: removing much takes long, so `sweep` does it beside everything else. Until then it
lies there under another name, where the next start finds it too.
"""

import os
import shutil
import stat
import tempfile
from pathlib import Path

import trio

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
        """Nobody uses this directory any more."""
        try:
            directory.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            names = directory.relative_to(self.root).parts
            directory.rename(self.root / (_OLD + "-".join(names)))
            self._left.set()

    async def sweep(self) -> None:
        """Remove what was given back and was not empty, for ever."""
        while True:
            await self._left.wait()
            self._left = trio.Event()
            for old in self.root.glob(f"{_OLD}*"):
                await trio.to_thread.run_sync(remove, old)


def remove(directory: Path) -> None:
    """Remove a directory that no process uses, with everything in it; what resists stays."""
    shutil.rmtree(directory, ignore_errors=True)
    if not directory.exists():
        return
    # Whoever made them closed some directories for itself.
    directory.chmod(stat.S_IRWXU)
    for path, names, _ in os.walk(directory):
        for inner in (Path(path, name) for name in names):
            if not inner.is_symlink():
                inner.chmod(stat.S_IRWXU)
    shutil.rmtree(directory, ignore_errors=True)
