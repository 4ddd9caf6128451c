"""What a zygote gives up before it loads a package, and so do all processes that it forks.

`enter` does what its plan says, all of it or it raises: what can be enforced on a box was tried
before by `probe`, so nothing is left out silently. In this order: namespaces of its own for
processes and mounts, capabilities, Landlock.

A namespace of processes needs a process that stays outside and one that is the first inside. The
kernel ends everything inside with the first one, at once, however it was started; and the first
one ends with the one outside, which ends with axiomd.
"""

from __future__ import annotations

import errno
import importlib
import json
import os
import pathlib
import signal
import sys
from typing import Any, Callable, Iterator, NoReturn  # noqa: UP035 (Python 3.8)

from . import kernel, landlock, limits

NAMESPACES = ("own", "user")
"""Ways to namespaces of one's own: as root, or within one of users; the better one first."""

PROBED_MIB = 64
"""The memory limit that is tried."""

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix/store")
"""Where programs and libraries are; node code may run them."""
SHOWN = ("/proc", "/sys", "/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager")
"""What libraries look up about the machine and the network."""
SETTINGS = ("/etc",)
"""Settings of the machine, for everybody to read."""
ROOT_SETTINGS = (
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/crypto-policies",
    "/etc/debian_version",
    "/etc/fonts",
    "/etc/gai.conf",
    "/etc/group",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/ld.so.preload",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/nsswitch.conf",
    "/etc/os-release",
    "/etc/passwd",
    "/etc/pki",
    "/etc/protocols",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/ssl",
    "/etc/timezone",
)
"""The same as root, who could read all of it."""
DEVICES = (
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/tty",
    "/dev/ptmx",
    "/dev/pts",
    "/dev/shm",
)


class Plan:
    """How a zygote is confined; made by axiomd's `Sandbox`."""

    def __init__(self, text: str) -> None:
        self.text = text
        fields = json.loads(text)
        self.namespaces: str = fields["namespaces"]
        """`own`, `user`, or empty for none."""
        self.landlock: bool = fields["landlock"]
        self.privileges: bool = fields["privileges"]
        """Whether to keep what privileges axiomd has."""
        self.scratch: str = fields["scratch"]
        """Directory of the zygote and its processes, where they may write."""
        self.readable: list[str] = fields["readable"]
        self.writable: list[str] = fields["writable"]
        self.hides: bool = fields["hides"]
        """Whether what may not be read is not even there."""


def enter(plan: Plan, directory: str, control_fd: int) -> None:
    """Confine this process to the package in `directory`, for good. Raises OSError.

    With namespaces it returns in another process; this one waits outside for its end. So little
    is loaded before.
    """
    if plan.namespaces:
        enter_namespaces(plan.namespaces, control_fd)
    compile_package(directory)
    if not plan.privileges:
        kernel.drop_capabilities()
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1, "no_new_privs")
    if plan.landlock:
        landlock.restrict(rules(plan, directory))


def compile_package(directory: str) -> None:
    """Compile a package's modules once: its processes cannot write to it, and each would again."""
    if not pathlib.Path(directory, "gen", "__pycache__").exists():
        importlib.import_module("compileall").compile_dir(directory, quiet=2)


def rules(plan: Plan, directory: str) -> Iterator[tuple[str, int]]:
    """The paths that a package's processes may use, with their rights."""
    # The interpreter's own environment is not its prefix before `site` has looked for it.
    environment = str(pathlib.Path(sys.executable).parent.parent)
    own = (environment, sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix)
    for path in (*SYSTEM, *own):
        yield path, landlock.RUN
    for path in (*SHOWN, *settings_of(os.geteuid()), directory, str(pathlib.Path(__file__).parent)):
        yield path, landlock.READ
    for path in plan.readable:
        yield path, landlock.READ
    for path in (*DEVICES, plan.scratch, *plan.writable):
        yield path, landlock.WRITE


def settings_of(uid: int) -> tuple[str, ...]:
    """What of /etc this user's node code may read."""
    return SETTINGS if uid else ROOT_SETTINGS


def enter_namespaces(kind: str, control_fd: int = -1) -> None:
    """Go on as the first process of new namespaces; the process that called it stays outside."""
    if kind not in NAMESPACES:
        raise OSError(errno.EINVAL, "no such way to namespaces", kind)
    uid, gid = os.geteuid(), os.getegid()
    users = kernel.CLONE_NEWUSER if kind == "user" else 0
    kernel.unshare(kernel.CLONE_NEWPID | kernel.CLONE_NEWNS | users)
    if users:
        # Nobody but the user itself; the first line is what the second one asks for.
        write("/proc/self/setgroups", "deny")
        write("/proc/self/gid_map", f"{gid} {gid} 1")
        write("/proc/self/uid_map", f"{uid} {uid} 1")
    pid = os.fork()
    if pid:
        if control_fd >= 0:
            os.close(control_fd)
        end_like(pid)
    # Its parent is outside, and has no number here.
    kernel.die_with(0)
    kernel.mount("none", "/", "", kernel.MS_REC | kernel.MS_SLAVE)
    harmless = kernel.MS_NOSUID | kernel.MS_NODEV
    kernel.mount("proc", "/proc", "proc", harmless | kernel.MS_NOEXEC)
    if pathlib.Path("/dev/shm").is_dir():
        kernel.mount("tmpfs", "/dev/shm", "tmpfs", harmless)


def write(path: str, text: str) -> None:
    """Write to a file of the kernel's."""
    pathlib.Path(path).write_text(text)


def end_like(pid: int) -> NoReturn:
    """Wait for a child and end as it did."""
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        os.kill(os.getpid(), os.WTERMSIG(status))
        signal.pause()
    os._exit(os.WEXITSTATUS(status))


def settle(plan: Plan, name: str) -> None:
    """In a node process: its own directory for temporary files."""
    if plan.privileges:
        return
    os.environ["TMPDIR"] = str(pathlib.Path(plan.scratch, name))
    tempfile: Any = sys.modules.get("tempfile")
    if tempfile is not None:
        # It remembers the one of whoever loaded it.
        tempfile.tempdir = None


def hint(failure: BaseException, plan: Plan, directory: str) -> str:
    """What to do about a file that the sandbox keeps from node code, or nothing."""
    name = getattr(failure, "filename", None)
    hidden = isinstance(failure, FileNotFoundError) and plan.hides
    denied = isinstance(failure, PermissionError) and plan.landlock
    if not isinstance(name, str) or not (hidden or denied):
        return ""
    path = os.path.realpath(name)
    rights = 0
    for place, given in rules(plan, directory):
        if is_below(path, os.path.realpath(place)):
            rights |= given
    # Landlock does not change what access() says: it tells whose refusal it was.
    wanted = os.W_OK if rights & landlock.READ_FILE else os.R_OK
    if rights & landlock.WRITE_FILE or (denied and not os.access(path, wanted)):
        return ""
    return " (runners.readable and runners.writable of axiomd's settings say what nodes may use)"


def is_below(path: str, place: str) -> bool:
    """Whether `path` is `place` or inside of it."""
    return path == place or path.startswith(place.rstrip("/") + "/")


# --- what a box can enforce ---


def probe() -> dict[str, Any]:
    """What works here, each part tried in a process of its own; empty text for success."""
    tried = {kind: attempt(enter_namespaces, kind) for kind in NAMESPACES}
    memory = attempt(reach_memory_limit, "")
    return {"landlock": landlock.version(), "namespaces": tried, "memory": memory}


def reach_memory_limit(_: str) -> None:
    """Raise OSError if there is more memory than a limit allows."""
    try:
        with limits.Limits(PROBED_MIB, 0, hard=False):
            bytearray(2 * PROBED_MIB * limits.MIB)
    except MemoryError:
        return
    raise OSError(errno.EINVAL, "RLIMIT_DATA is not counted")


def attempt(action: Callable[[str], None], given: str) -> str:
    """Do it in a child; why it failed, if it did."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            action(given)
            os._exit(0)
        except OSError as failure:
            os.write(write_end, str(failure).encode())
        finally:
            os._exit(1)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        said = pipe.read().decode("utf-8", "replace")
    _, status = os.waitpid(pid, 0)
    return said or ("" if status == 0 else f"status {status}")
