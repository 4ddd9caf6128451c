"""What the kernel says of processes: processor time and memory."""

import os
from collections import defaultdict
from pathlib import Path

import attrs

TICKS = os.sysconf("SC_CLK_TCK")


@attrs.frozen
class Cpu:
    """Seconds of processor time so far."""

    server: float
    nodes: float
    """The zygotes and node processes, with those that have ended."""

    def since(self, before: "Cpu") -> "Cpu":
        return Cpu(self.server - before.server, self.nodes - before.nodes)


def cpu(server: int) -> Cpu:
    nodes = sum(sum(times(pid)) for pid in descendants(server))
    return Cpu(sum(times(server)[:2]), nodes)


def times(pid: int) -> list[float]:
    """User, system, and the same of children that were waited for; zeros if it has ended."""
    fields = stat(pid)
    return [int(text) / TICKS for text in fields[11:15]] if fields else [0.0, 0.0]


def stat(pid: int | str) -> list[str]:
    """The fields of /proc/PID/stat behind the name, or none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def descendants(pid: int) -> list[int]:
    children: dict[int, list[int]] = defaultdict(list)
    for path in Path("/proc").glob("[0-9]*"):
        if fields := stat(path.name):
            children[int(fields[1])].append(int(path.name))
    found: list[int] = []
    waiting = [pid]
    while waiting:
        fresh = children[waiting.pop()]
        found += fresh
        waiting += fresh
    return found


def memory_kib(pid: int, field: str) -> int:
    """A line of /proc/PID/status in KiB: VmHWM is the peak, RssAnon leaves the store's map out."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    raise LookupError(field)


def shared_out_kib(pids: list[int]) -> int:
    """Memory of processes together, what they share counted once."""
    total = 0
    for pid in pids:
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += next(int(line.split()[1]) for line in rollup.splitlines() if line[:4] == "Pss:")
    return total
