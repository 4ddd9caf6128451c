"""Where a package's own interpreter enters the child side, given this file's path.

`python -I start.py <control fd> <lock fd> <parent pid> <package directory> <plan> <mode>`, or
`probe`; a zygote that begins anew is given `again`, a node process that is no fork `node`. The
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
    if arguments[0] == "node":
        importlib.import_module(NAME + ".zygote").be_fresh(arguments[1:])
    confine = importlib.import_module(NAME + ".confine")
    if arguments == ["probe"]:
        sys.stdout.write(json.dumps(confine.probe()))
        return
    # Confinement outlives the beginning of another program.
    confined = arguments[0] == "again"
    control_fd, lock_fd = int(arguments[0 + confined]), int(arguments[1 + confined])
    rest = arguments[3:]
    directory, plan = rest[0], confine.Plan(rest[1])
    if not confined:
        importlib.import_module(NAME + ".kernel").die_with(int(arguments[2]))
    for fd in (control_fd, lock_fd):
        if fd >= 0:
            # Node processes inherit them by fork; programs that those start must not.
            os.set_inheritable(fd, False)
    if not confined:
        confine.enter(plan, directory, control_fd)
        # Only now what the environment has installed; it may run code of its own right here.
        importlib.import_module("site").main()
    importlib.import_module(NAME + ".zygote").main(control_fd, lock_fd, rest, plan)


if __name__ == "__main__":
    adopt_folder()
    main(sys.argv[1:])
