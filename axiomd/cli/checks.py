"""What `axiomd doctor` looks at: the machine, its clock, its open files, the address.

Each check returns findings and changes nothing (the probe files of the data directory are gone
when it returns). What is needed fails; what is merely worth knowing warns.
"""

import ctypes
import os
import platform
import resource
import sys
import time
from collections.abc import Iterator

import attrs
import httpx

from axiomd.cli.disks import check_data_dir
from axiomd.cli.enforcement import examine_enforcement
from axiomd.cli.finding import Finding, Level
from axiomd.cli.preflight import address_words, probe_address, split_bind
from axiomd.settings import Settings, connections_allowed, descriptors_reserved

_PYTHON_MIN = (3, 11)
_FILES_MIN = 256
_FILES_UNLIMITED = 2**30
_HEALTH_S = 2.0
_JUMP_S_MAX = 0.5
_WALL_MIN = 1_735_689_600.0
"""The year 2025: axiomd is younger."""
_TIMEX_BYTES = 256
"""Room for the kernel's `struct timex`, and where its status is."""
_TIMEX_STATUS = 40
_STA_UNSYNC = 0x0040
_TIME_ERROR = 5


def examine(settings: Settings) -> Iterator[Finding]:
    """Every finding about this box with these settings, in reading order."""
    before = look_at_clocks()
    yield check_python()
    yield check_system()
    yield from examine_enforcement(settings.runners)
    yield check_open_files(settings)
    yield from check_data_dir(settings)
    yield check_address(settings)
    yield check_clock(before, look_at_clocks(), is_synchronised())


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


def check_open_files(settings: Settings) -> Finding:
    """How many files and connections the server may have open: it takes what its hard limit is."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = hard if hard != resource.RLIM_INFINITY else _FILES_UNLIMITED
    allowed, wanted = connections_allowed(settings, files), settings.server.connections_max
    reserved = descriptors_reserved(settings)
    told = "unlimited" if files == _FILES_UNLIMITED else str(files)
    said = f"{told}: {allowed} connections, and {reserved} for the store and node processes"
    if files >= reserved + wanted:
        return Finding("Open files", "ok", said)
    level: Level = "warn" if files >= _FILES_MIN else "fail"
    advice = f"for all of it raise the hard limit to {reserved + wanted} (LimitNOFILE=, ulimit -Hn)"
    fewer = f"{told}: only {allowed} of {wanted} connections, {reserved} files are kept for others"
    return Finding("Open files", level, f"{fewer}; {advice}")


@attrs.frozen
class Instant:
    """What two clocks said at the same time, in seconds."""

    wall: float
    steady: float


def look_at_clocks() -> Instant:
    """Both clocks, now."""
    return Instant(time.clock_gettime(time.CLOCK_REALTIME), time.monotonic())


def check_clock(before: Instant, now: Instant, synchronised: bool | None) -> Finding:
    """Whether timers and times of events can be relied on.

    synchronised: what the kernel says of it; None if it does not.
    """
    jump = (now.wall - before.wall) - (now.steady - before.steady)
    if abs(jump) > _JUMP_S_MAX:
        said = f"it jumped by {jump:.1f} s while this ran: timers fire early or late"
        return Finding("Clock", "warn", f"{said}; let chrony or timesyncd steer it slowly")
    if now.wall < _WALL_MIN:
        said = "it is years behind: sessions, retention and webhooks go by it"
        return Finding("Clock", "fail", f"{said}; set it, and let chrony or timesyncd keep it")
    if synchronised is None:
        return Finding("Clock", "ok", "steady; whether it is synchronised is not known")
    if not synchronised:
        said = "steady, but the kernel knows of nothing that keeps it right"
        return Finding("Clock", "warn", f"{said}: start chrony or systemd-timesyncd")
    return Finding("Clock", "ok", "synchronised and steady")


def is_synchronised() -> bool | None:
    """Whether something keeps the clock right, as the kernel has it; None if it does not say."""
    answer = ctypes.create_string_buffer(_TIMEX_BYTES)
    try:
        state = int(ctypes.CDLL(None, use_errno=True).adjtimex(answer))
    except (OSError, AttributeError):
        return None
    if state < 0:
        return None
    status = int.from_bytes(answer.raw[_TIMEX_STATUS : _TIMEX_STATUS + 4], sys.byteorder)
    return state != _TIME_ERROR and not status & _STA_UNSYNC


def check_address(settings: Settings) -> Finding:
    """Whether the address is free, or who has it."""
    bind = settings.server.bind
    host, port = split_bind(bind)
    try:
        probe_address(host, port)
    except OSError as failure:
        if _is_axiomd(host, port):
            return Finding("Address", "ok", f"{bind}: an axiomd is running here")
        return Finding("Address", "fail", address_words(bind, failure))
    return Finding("Address", "ok", f"{bind} is free")


def _is_axiomd(host: str, port: int) -> bool:
    near = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    shown = f"[{near}]" if ":" in near else near
    try:
        answer = httpx.get(f"http://{shown}:{port}/readyz", timeout=_HEALTH_S, trust_env=False)
        return "status" in answer.json()
    except (httpx.HTTPError, ValueError, AttributeError):
        return False
