"""How node processes are confined on this box: what was asked for, what works, what is missing.

What the kernel can enforce is tried once, in processes that end, before any node runs. What works
is then demanded of every zygote (`child/confine.py`): a layer that cannot be applied later keeps
the zygote from starting. `strict` puts bubblewrap around the zygote and refuses to start axiomd
without it; `auto` takes what there is and says what there is not.
"""

import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import attrs
import structlog

from axiomd.errors import Problem, SettingsInvalid
from axiomd.runners.child import confine, start
from axiomd.runners.environment import PackageCode
from axiomd.settings import RunnerSettings

log = structlog.get_logger()

PROBE_S = 20.0
"""Seconds that trying one thing may take."""
MARK = "AXIOMD_SCRATCH"
"""The variable by which a process is known that a node has started."""

_UNSHARED = ("--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts")
_CONFINED = ("--cap-drop", "ALL", "--die-with-parent")


@attrs.frozen
class Abilities:
    """What this box can enforce."""

    landlock: int
    """Version of Landlock in the kernel, 0 for none."""
    namespaces: Mapping[str, str]
    """Ways to namespaces for processes and mounts, and why they fail; empty for those that work."""
    memory: str
    """Why memory limits do not hold; empty if they do."""

    @property
    def way(self) -> str:
        """The best way to namespaces, or empty."""
        return next((kind for kind in confine.NAMESPACES if not self.namespaces[kind]), "")


@functools.cache
def find_abilities() -> Abilities:
    """Try what this box can enforce; takes the time of starting a Python."""
    command = [sys.executable, "-I", start.__file__, "probe"]
    ran = subprocess.run(command, capture_output=True, check=True, timeout=PROBE_S, text=True)
    return Abilities(**json.loads(ran.stdout))


def why_no_bubblewrap() -> str:
    """Why `strict` cannot be had here, or empty if it can."""
    program = shutil.which("bwrap")
    if program is None:
        return "bubblewrap is not installed (apt-get install bubblewrap)"
    code = PackageCode(Path("/"), sys.executable)
    command = [*bubblewrap(program, code, (), ()), sys.executable, "-I", "-c", "import ctypes"]
    try:
        ran = subprocess.run(command, check=False, capture_output=True, text=True, timeout=PROBE_S)
    except (OSError, subprocess.TimeoutExpired) as failure:
        return f"bubblewrap cannot be run: {failure}"
    return "" if ran.returncode == 0 else f"bubblewrap does not work here: {ran.stderr.strip()}"


def bubblewrap(
    program: str, code: PackageCode, readable: Sequence[str], writable: Sequence[str]
) -> Iterator[str]:
    """The command line of bubblewrap, up to the program that it runs.

    The file tree in there has what `confine.rules` allows and nothing else.
    """
    yield from (program, *_UNSHARED, *_CONFINED)
    shown = (*confine.SYSTEM, "/sys", *confine.SHOWN[2:], *confine.settings_of(os.geteuid()))
    yield from ("--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp")
    own = (*interpreter_roots(Path(code.interpreter)), *_child_side(), str(code.directory))
    for path in (*shown, *own, *readable):
        yield from ("--ro-bind-try", path, path)
    for path in writable:
        yield from ("--bind-try", path, path)
    yield from ("--chdir", str(code.directory), "--")


def interpreter_roots(interpreter: Path) -> Iterator[str]:
    """The directories that an interpreter consists of: its environment's and its base's."""
    for path in (interpreter, interpreter.resolve()):
        root = path.parent.parent
        yield str(root)
        configuration = root / "pyvenv.cfg"
        if configuration.exists():
            for line in configuration.read_text().splitlines():
                name, _, value = line.partition("=")
                if name.strip() == "home":
                    yield str(Path(value.strip()).parent)


def _child_side() -> Iterator[str]:
    yield str(Path(start.__file__).parent)


@attrs.frozen
class Sandbox:
    """How the zygotes of one axiomd are started."""

    mode: str
    readable: tuple[str, ...]
    writable: tuple[str, ...]
    way: str
    """The way to namespaces of their own; empty for none."""
    landlock: bool
    program: str = ""
    """bubblewrap, if that goes around them."""

    def command(self, code: PackageCode, scratch: Path) -> tuple[list[str], dict[str, str]]:
        """What starts a package's zygote, up to its own arguments, and with which environment."""
        environment = {**code.environment, MARK: str(scratch)}
        if self.mode != "off":
            environment |= {"HOME": str(scratch), "TMPDIR": str(scratch)}
        around: list[str] = []
        if self.program:
            places = (str(scratch), *self.writable)
            around = list(bubblewrap(self.program, code, self.readable, places))
        # Without what is installed, which could run code of its own before it is confined.
        return [*around, code.interpreter, "-I", "-S", "-X", "utf8", start.__file__], environment

    def plan(self, scratch: Path) -> str:
        """What a zygote has to do itself, as `confine.Plan` reads it."""
        return json.dumps(
            {
                "namespaces": self.way,
                "landlock": self.landlock,
                "privileges": self.mode == "off",
                "scratch": str(scratch),
                "readable": self.readable,
                "writable": self.writable,
                "hides": bool(self.program),
            }
        )

    @property
    def contains_processes(self) -> bool:
        """Whether the kernel ends all that a zygote's processes have started, with the zygote."""
        return bool(self.way or self.program)

    @property
    def is_strict(self) -> bool:
        """Whether limits are hard."""
        return self.mode == "strict"


def choose_sandbox(settings: RunnerSettings, data_dir: Path) -> Sandbox:
    """The sandbox that the settings ask for; logs in one line what is enforced.

    Raises SettingsInvalid when it is `strict` and cannot be had.
    """
    able = find_abilities()
    paths = (settings.readable, settings.writable)
    if settings.sandbox == "off":
        chosen = Sandbox("off", *paths, way="", landlock=False)
    elif settings.sandbox == "auto":
        chosen = Sandbox("auto", *paths, able.way, landlock=able.landlock > 0)
    else:
        why_not = why_no_bubblewrap()
        if why_not:
            problem = Problem("runners.sandbox", f"'strict' cannot be had: {why_not}")
            raise SettingsInvalid("The settings are not valid.", problems=[problem])
        program = shutil.which("bwrap") or ""
        chosen = Sandbox("strict", *paths, "", able.landlock > 0, program)
    _tell(chosen, able, data_dir)
    return chosen


def _tell(chosen: Sandbox, able: Abilities, data_dir: Path) -> None:
    missing = [] if chosen.mode == "off" else list(_missing(chosen, able, data_dir))
    say = log.warning if missing else log.info
    say(
        "sandbox",
        mode=chosen.mode,
        files="bubblewrap" if chosen.program else f"landlock {able.landlock}" * chosen.landlock,
        processes="bubblewrap"
        if chosen.program
        else f"namespace ({chosen.way})" * bool(chosen.way),
        network="none" if chosen.program else "shared",
        missing=missing,
    )


def _missing(chosen: Sandbox, able: Abilities, data_dir: Path) -> Iterator[str]:
    if not chosen.landlock and not chosen.program:
        yield "files: this kernel has no Landlock"
    if not chosen.contains_processes:
        yield f"process namespace: {'; '.join(sorted(set(able.namespaces.values())))}"
    given = (*chosen.readable, *chosen.writable)
    shown = (*confine.SYSTEM, *interpreter_roots(Path(sys.executable)), *given)
    for path in shown:
        if data_dir.is_relative_to(path):
            yield f"data directory: nodes can read it, as it is below {path}"
    for path in given:
        if not Path(path).exists():
            yield f"{path}: there is no such path"
