"""What `axiomd doctor` says about node processes: what this box can enforce, and what is missing.

What can be tried is tried, in processes that end (`runners/sandbox.py`); the rest is read. Each
finding says what it means for node code and, where it falls short, what to do about it.
"""

import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

from axiomd.cli.finding import Finding
from axiomd.runners.sandbox import Abilities, find_abilities, why_no_bubblewrap
from axiomd.settings import RunnerSettings

_PR_GET_PDEATHSIG = 2
_LANDLOCK_TRUNCATES = 3
_LANDLOCK_SIGNALS = 6


def examine_enforcement(settings: RunnerSettings) -> Iterator[Finding]:
    """What this box can make sure of about node processes, and what it cannot."""
    able = find_abilities()
    yield check_pidfd()
    yield check_parent_death()
    yield check_landlock(able)
    yield check_user_namespaces(able)
    yield check_process_namespaces(able)
    yield check_bubblewrap(settings)
    yield check_memory_limits(able)
    yield check_cgroup()
    yield check_core_files()
    yield check_user()


def check_pidfd() -> Finding:
    """Whether a process can be killed and nothing else in its stead."""
    if _has_pidfd():
        return Finding("pidfd", "ok", "a node is killed for sure, even blocked in C code")
    said = "cannot kill node processes for sure; needs Linux 5.3 or later"
    return Finding("pidfd", "fail", said)


def check_parent_death() -> Finding:
    """Whether the kernel kills the children of who dies."""
    if _has_parent_death_signal():
        return Finding("Parent death", "ok", "node processes die with axiomd")
    said = "node processes may outlive axiomd; needs PR_SET_PDEATHSIG"
    return Finding("Parent death", "fail", said)


def check_landlock(able: Abilities) -> Finding:
    """Which files node code can open."""
    version = able.landlock
    if not version:
        said = (
            "not in this kernel: node code can open whatever its user can; "
            "boot with lsm=…,landlock (Linux 5.13 or later), or set runners.sandbox = 'strict'"
        )
        return Finding("Landlock", "warn", said)
    if version < _LANDLOCK_TRUNCATES:
        said = "other files stay closed to node code, but it can truncate them; Linux 6.2 ends that"
        return Finding("Landlock", "warn", f"version {version}: {said}")
    said = "node code opens its package, the system's files and what the settings name"
    if version < _LANDLOCK_SIGNALS and not able.way:
        said += "; it can signal processes of its user until Linux 6.12"
        return Finding("Landlock", "warn", f"version {version}: {said}")
    return Finding("Landlock", "ok", f"version {version}: {said}")


def check_user_namespaces(able: Abilities) -> Finding:
    """Whether a user who is not root gets namespaces."""
    if not able.namespaces["user"]:
        return Finding("User namespaces", "ok", "namespaces can be had without being root")
    why = able.namespaces["user"]
    said = (
        f"not to be had: {why}; look at user.max_user_namespaces, "
        "kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns"
    )
    return Finding("User namespaces", "warn", said)


def check_process_namespaces(able: Abilities) -> Finding:
    """Whether the kernel ends what nodes have started, whoever is killed."""
    if able.way:
        said = "what nodes start ends with them, even if axiomd and its zygotes are killed together"
        return Finding("Process namespaces", "ok", said)
    why = "; ".join(sorted(set(able.namespaces.values())))
    said = (
        f"not to be had: {why}; what nodes start ends with them, but what they let go of may "
        "outlive axiomd and its zygotes if all are killed together, until the next start"
    )
    return Finding("Process namespaces", "warn", said)


def check_bubblewrap(settings: RunnerSettings) -> Finding:
    """Whether `strict` can be had."""
    why_not = why_no_bubblewrap()
    if not why_not:
        return Finding("bubblewrap", "ok", "runners.sandbox = 'strict' can be had")
    if settings.sandbox == "strict":
        return Finding("bubblewrap", "fail", f"{why_not}; the settings ask for 'strict'")
    return Finding("bubblewrap", "warn", f"{why_not}; without it there is no 'strict'")


def check_memory_limits(able: Abilities) -> Finding:
    """Whether a node at its memory limit fails alone."""
    if not able.memory:
        said = "a node at its limit fails, and its neighbours do not notice"
        return Finding("Memory limits", "ok", said)
    said = f"do not hold: {able.memory}; needs Linux 4.7 or later"
    return Finding("Memory limits", "warn", said)


def check_cgroup() -> Finding:
    """Whether the memory of all node processes together can be bounded."""
    group = find_cgroup()
    if group is None:
        said = "no version 2 here: the memory of all node processes together has no bound"
        return Finding("Control group", "warn", said)
    controllers = group / "cgroup.controllers"
    names = controllers.read_text().split() if controllers.exists() else []
    if "memory" not in names:
        said = f"{group} has no memory controller: node processes have no bound together"
        return Finding("Control group", "warn", said)
    if not os.access(group / "cgroup.procs", os.W_OK):
        said = "is not ours (Delegate=yes in the unit); MemoryMax= there bounds all of axiomd"
        return Finding("Control group", "warn", f"{group} {said}")
    said = "delegated, with memory; axiomd itself makes none: MemoryMax= bounds all of it"
    return Finding("Control group", "ok", f"{group}: {said}")


def find_cgroup() -> Path | None:
    """The directory of this process's control group, version 2."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return None
    own = next((line[3:] for line in lines if line.startswith("0::")), None)
    places = [line.split()[4] for line in mounts if " - cgroup2 " in line]
    return Path(places[0], own.lstrip("/")) if own is not None and places else None


def check_core_files() -> Finding:
    """Whether the memory of a node that crashed is left lying about."""
    try:
        pattern = Path("/proc/sys/kernel/core_pattern").read_text().strip()
    except OSError:
        pattern = ""
    if pattern.startswith("|"):
        program = pattern[1:].split()[0]
        said = f"nodes ask for none, but {program} gets every crash and decides for itself"
        return Finding("Core files", "warn", f"{said}; see kernel.core_pattern")
    return Finding("Core files", "ok", "a node that crashes leaves none")


def check_user() -> Finding:
    """Who runs it."""
    if os.geteuid():
        return Finding("User", "ok", f"number {os.geteuid()}")
    said = (
        "root: node code is without privileges, but owns root's files; a user of its own is safer"
    )
    return Finding("User", "warn", said)


def _has_pidfd() -> bool:
    if not hasattr(os, "pidfd_open"):
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return False
    return True


def _has_parent_death_signal() -> bool:
    try:
        current = ctypes.c_int(0)
        return bool(ctypes.CDLL(None).prctl(_PR_GET_PDEATHSIG, ctypes.byref(current)) == 0)
    except (OSError, AttributeError):
        return False
