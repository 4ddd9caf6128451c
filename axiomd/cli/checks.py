"""What `axiomd doctor` looks at: the machine, the data directory, the address.

Each check returns findings and changes nothing (the probe files of the data directory are gone
when it returns). What is needed fails; what is merely worth knowing warns.
"""

import os
import platform
import resource
import shutil
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from axiomd.cli.enforcement import examine_enforcement
from axiomd.cli.finding import Finding, Level
from axiomd.cli.output import milliseconds, size
from axiomd.cli.preflight import split_bind
from axiomd.errors import StoreFailed
from axiomd.limits import MIB
from axiomd.settings import Settings
from axiomd.store.env import FORMAT, open_store

_PYTHON_MIN = (3, 11)
_SYNC_PROBES = 20
_SYNC_SLOW_MS = 20.0
_DISK_FREE_MIN = 256 * MIB
_DISK_FREE_GOOD = 4096 * MIB
_FILES_MIN = 1_024
_FILES_GOOD = 4_096
_HEALTH_S = 2.0
_MEMORY_TYPES = frozenset({"tmpfs", "ramfs"})
_REMOTE_TYPES = frozenset({"nfs", "nfs4", "cifs", "smb3", "ceph", "glusterfs"})


def examine(settings: Settings) -> Iterator[Finding]:
    """Every finding about this box with these settings, in reading order."""
    yield check_python()
    yield check_system()
    yield from examine_enforcement(settings.runners)
    yield check_open_files()
    yield from check_data_dir(settings)
    yield check_address(settings)


def check_python() -> Finding:
    """The interpreter."""
    level: Level = "ok" if sys.version_info >= _PYTHON_MIN else "fail"
    wanted = ".".join(map(str, _PYTHON_MIN))
    return Finding("Python", level, f"{platform.python_version()} (needs {wanted} or later)")


def check_system() -> Finding:
    """The kernel and what there is of processors."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    level: Level = "ok" if sys.platform == "linux" else "fail"
    said = f"{platform.system()} {platform.release()}, {cores} cores"
    return Finding("System", level, said if level == "ok" else f"{said}; axiomd needs Linux")


def check_open_files() -> Finding:
    """How many files and connections the server may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= _FILES_GOOD:
        return Finding("Open files", "ok", "unlimited" if soft < 0 else f"{soft}")
    level: Level = "warn" if soft >= _FILES_MIN else "fail"
    return Finding(
        "Open files", level, f"{soft}: raise it (ulimit -n {_FILES_GOOD}) for many clients"
    )


def check_data_dir(settings: Settings) -> Iterator[Finding]:
    """The data directory: writable, on what, with how much room, how fast, which format."""
    directory = settings.data_dir
    place = _existing(directory)
    if not os.access(place, os.W_OK | os.X_OK):
        yield Finding("Data directory", "fail", f"{directory}: {place} is not writable")
        return
    yield Finding("Data directory", "ok", f"{directory}{'' if place == directory else ' (new)'}")
    yield check_file_system(place)
    yield check_room(place)
    yield check_sync(place)
    yield check_store(settings)


def _existing(directory: Path) -> Path:
    return next(p for p in (directory, *directory.parents) if p.exists())


def check_file_system(place: Path) -> Finding:
    """What keeps the data."""
    kind = file_system_of(place)
    if kind in _MEMORY_TYPES:
        return Finding("File system", "warn", f"{kind}: everything is lost when the box stops")
    if kind in _REMOTE_TYPES:
        return Finding("File system", "fail", f"{kind}: the store needs a local file system")
    return Finding("File system", "ok", kind)


def file_system_of(place: Path) -> str:
    """The type of the mount that holds `place`."""
    resolved = place.resolve()
    best, kind = Path(), "unknown"
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return kind
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        mount = Path(before.split()[4].replace("\\040", " "))
        # A later mount on the same place lies over the earlier one.
        if resolved.is_relative_to(mount) and len(mount.parts) >= len(best.parts):
            best, kind = mount, after.split()[0]
    return kind


def check_room(place: Path) -> Finding:
    """Free space."""
    free = shutil.disk_usage(place).free
    if free >= _DISK_FREE_GOOD:
        return Finding("Free disk", "ok", size(free))
    level: Level = "warn" if free >= _DISK_FREE_MIN else "fail"
    return Finding("Free disk", level, f"{size(free)}: a full disk answers 503, nothing is lost")


def check_sync(place: Path) -> Finding:
    """How long it takes to make something durable."""
    try:
        middle, worst = sync_latency_ms(place)
    except OSError as failure:
        return Finding("Sync to disk", "fail", f"cannot write and sync: {failure.strerror}")
    said = f"{milliseconds(middle)} (slowest of {_SYNC_PROBES}: {milliseconds(worst)})"
    if middle <= _SYNC_SLOW_MS:
        return Finding("Sync to disk", "ok", said)
    return Finding("Sync to disk", "warn", f"{said}: each step of an execution waits for one")


def sync_latency_ms(place: Path) -> tuple[float, float]:
    """Milliseconds of a small write that is synced: the median and the slowest."""
    taken = []
    with tempfile.TemporaryFile(dir=place, buffering=0) as probe:
        for _ in range(_SYNC_PROBES):
            began = time.perf_counter()
            probe.write(bytes(4096))
            os.fdatasync(probe.fileno())
            taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken), max(taken)


def check_store(settings: Settings) -> Finding:
    """Whether this version reads the store that is there."""
    if not (settings.data_dir / "store" / "data.mdb").exists():
        return Finding("Store", "ok", f"none yet; the first start makes one of format {FORMAT}")
    try:
        with open_store(settings.store, settings.data_dir):
            return Finding("Store", "ok", f"format {FORMAT}")
    except (StoreFailed, OSError) as failure:
        return Finding("Store", "fail", str(failure))


def check_address(settings: Settings) -> Finding:
    """Whether the address is free, or who has it."""
    bind = settings.server.bind
    host, port = split_bind(bind)
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as failure:
        if _is_axiomd(host, port):
            return Finding("Address", "ok", f"{bind}: an axiomd is running here")
        return Finding("Address", "fail", f"{bind}: {failure.strerror}; choose another with --bind")
    return Finding("Address", "ok", f"{bind} is free")


def _is_axiomd(host: str, port: int) -> bool:
    near = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    shown = f"[{near}]" if ":" in near else near
    try:
        answer = httpx.get(f"http://{shown}:{port}/readyz", timeout=_HEALTH_S, trust_env=False)
        return "status" in answer.json()
    except (httpx.HTTPError, ValueError, AttributeError):
        return False
