"""What this machine is, and how fast it is in this minute: the two figures that drift."""

import os
import platform
import statistics
import time
from pathlib import Path
from typing import Any

import lmdb

LOOP = 1_000_000
COMMITS = 300
RECORD = bytes(500)
WATCHED_S = 0.5


def describe(directory: Path) -> dict[str, Any]:
    """The machine line: what it is, then two measurements of it."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": processor(),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "file_system": file_system(directory),
        "cores_taken": round(cores_taken(), 2),
        "loop_ms": round(loop_ms(), 1),
        "commit_ms": round(commit_ms(directory / "calibration"), 3),
    }


def cores_taken() -> float:
    """Cores that others use before anything is measured: over 0.2, the figures are not ours.

    A core that somebody spins on also delays every sync, to a scheduler's tick of 4 ms.
    """
    before, started = idle_seconds(), time.perf_counter()
    time.sleep(WATCHED_S)
    idle, passed = idle_seconds() - before, time.perf_counter() - started
    return max(0.0, len(os.sched_getaffinity(0)) - idle / passed)


def idle_seconds() -> float:
    """Seconds that all cores together were idle or waited for a disk."""
    fields = Path("/proc/stat").read_text().split(maxsplit=6)
    return (int(fields[4]) + int(fields[5])) / os.sysconf("SC_CLK_TCK")


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def file_system(directory: Path) -> str:
    """The kind of the mount that holds `directory`."""
    best, kind = "", "unknown"
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, mount, found, *_ = line.split()
        if directory.resolve().is_relative_to(mount) and len(mount) >= len(best):
            best, kind = mount, found
    return kind


def loop_ms() -> float:
    """Milliseconds of a fixed loop of arithmetic, best of five."""
    return min(one_loop_ms() for _ in range(5))


def one_loop_ms() -> float:
    started = time.perf_counter()
    total = 0
    for number in range(LOOP):
        total += number & 7
    return (time.perf_counter() - started) * 1000


def commit_ms(directory: Path) -> float:
    """Median milliseconds of one synced LMDB commit of one record, alone."""
    directory.mkdir()
    environment = lmdb.open(str(directory), map_size=64 * 1024 * 1024)
    taken = []
    for number in range(COMMITS):
        started = time.perf_counter()
        with environment.begin(write=True) as transaction:
            transaction.put(number.to_bytes(8, "big"), RECORD)
        taken.append(time.perf_counter() - started)
    environment.close()
    return statistics.median(taken) * 1000
