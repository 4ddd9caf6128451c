"""Where a package's own interpreter enters the child side, given this file's path.

`python -I start.py <control fd> <lock fd> <parent pid> <package directory> <plan>`, or `probe`. The
files beside this one become a package of their own name: nothing else of axiomd can be imported
here, and nothing that a package brings along can stand in for them.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import json
import os
import pathlib
import sys

NAME = "axiomd_child"
"""What this folder is called in its own processes."""


def adopt_folder() -> None:
    """Make the files beside this one importable under NAME."""
    spec = importlib.machinery.ModuleSpec(NAME, None, is_package=True)
    spec.submodule_search_locations = [str(pathlib.Path(__file__).parent)]
    sys.modules[NAME] = importlib.util.module_from_spec(spec)


def main(arguments: list[str]) -> None:
    """Be confined, then be a zygote; or say what this box can confine a process with."""
    confine = importlib.import_module(NAME + ".confine")
    if arguments == ["probe"]:
        sys.stdout.write(json.dumps(confine.probe()))
        return
    control_fd, lock_fd, parent = (int(argument) for argument in arguments[:3])
    directory, plan = arguments[3], confine.Plan(arguments[4])
    importlib.import_module(NAME + ".kernel").die_with(parent)
    for fd in (control_fd, lock_fd):
        if fd >= 0:
            # Node processes inherit them by fork; programs that those start must not.
            os.set_inheritable(fd, False)
    confine.enter(plan, directory, control_fd)
    importlib.import_module(NAME + ".zygote").main(control_fd, directory, plan)


if __name__ == "__main__":
    adopt_folder()
    main(sys.argv[1:])
