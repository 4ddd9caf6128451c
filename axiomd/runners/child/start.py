"""Where a package's own interpreter enters the child side, given this file's path.

`python -I start.py <control fd> <lock fd> <parent pid> <package directory>`. The files beside this
one become a package of their own name: nothing else of axiomd can be imported here, and nothing
that a package brings along can stand in for them.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import pathlib
import sys

NAME = "axiomd_child"
"""What this folder is called in its own processes."""


def adopt_folder() -> None:
    """Make the files beside this one importable under NAME."""
    spec = importlib.machinery.ModuleSpec(NAME, None, is_package=True)
    spec.submodule_search_locations = [str(pathlib.Path(__file__).parent)]
    sys.modules[NAME] = importlib.util.module_from_spec(spec)


if __name__ == "__main__":
    adopt_folder()
    importlib.import_module(NAME + ".zygote").main(sys.argv[1:])
