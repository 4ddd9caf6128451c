"""What keeps the data, for `axiomd doctor`: file system, disk, room, rights, how sure a sync is.

Nothing can prove that a disk keeps what it has acknowledged, short of cutting its power. What can
be told is when it answers faster than its kind is able to, and that is said.
"""

import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import attrs

from axiomd.cli.finding import Finding, Level
from axiomd.cli.output import milliseconds, size
from axiomd.cli.preflight import why_not_usable
from axiomd.errors import StoreFailed
from axiomd.limits import MIB
from axiomd.settings import Settings
from axiomd.store.env import FORMAT, open_store, stored_format

_PROBES_MAX = 100
_PROBES_S_MAX = 2.0
_PAGE = 4096
_PAGES = 256
_SLOW_MS = 20.0
_SPINNING_MS_MIN = 2.0
"""A turn of a disk at 15,000 turns a minute takes 4 ms; half of one is the best that can be."""
_CACHED_MS_MIN = 0.1
"""What a flush of a solid disk's volatile cache takes at least."""
_ANY_MS_MIN = 0.01
"""What a write takes to reach any disk at all."""
_DISK_FREE_MIN = 256 * MIB
_DISK_FREE_GOOD = 4096 * MIB
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_MEMORY_TYPES = frozenset({"tmpfs", "ramfs"})
_LAYERED_TYPES = frozenset({"overlay", "aufs"})
_REMOTE_TYPES = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "ceph", "glusterfs", "9p", "virtiofs", "lustre", "fuse.sshfs"}
)


@attrs.frozen
class Disk:
    """What the kernel says of the disk below a file system."""

    name: str = ""
    """Such as `nvme0n1`; empty if it is none that the kernel knows, as of a network."""
    write_cache: str = ""
    """`write back`: it acknowledges before it has written, until it is told to flush."""
    fua: bool = False
    """Whether a single write can be made to pass the cache."""
    rotational: bool = False
    virtual: bool = False
    """Whether it is what a virtual machine's host shows as a disk."""

    def __str__(self) -> str:
        kind = "spinning" if self.rotational else "solid"
        parts = ["virtual" if self.virtual else kind, f"cache {self.write_cache or 'unknown'}"]
        return f"{self.name} ({', '.join([*parts, *(['FUA'] if self.fua else [])])})"


def check_data_dir(settings: Settings) -> Iterator[Finding]:
    """The data directory: usable, whose, on what, with how much room, how fast, which format."""
    directory = settings.data_dir
    why_not = why_not_usable(directory)
    if why_not:
        said = f"{directory}: {why_not}; choose another with --data-dir, or give axiomd's user one"
        yield Finding("Data directory", "fail", said)
        return
    place = next(p for p in (directory, *directory.parents) if p.exists())
    yield check_rights(directory)
    kind, disk = file_system_of(place), find_disk(place)
    yield check_file_system(kind)
    yield check_disk(disk)
    yield check_room(place)
    yield check_sync(place, kind, disk)
    yield check_store(settings)


def check_rights(directory: Path) -> Finding:
    """Whether anybody else may look into the data directory."""
    if not directory.exists():
        return Finding("Data directory", "ok", f"{directory} (new)")
    held = (directory, directory / "store", directory / "blobs", directory / "packages")
    for path in held:
        if not path.exists():
            continue
        status = path.stat()
        if status.st_uid != os.geteuid():
            said = f"{path} belongs to user {status.st_uid}, axiomd would run as {os.geteuid()}"
            return Finding("Data directory", "warn", f"{said}: chown -R it, or run as its owner")
    mode = directory.stat().st_mode
    if mode & _OTHERS:
        said = f"{directory}: other users may enter it ({stat.filemode(mode)}); chmod 700 ends that"
        return Finding("Data directory", "warn", said)
    return Finding("Data directory", "ok", str(directory))


def check_file_system(kind: str) -> Finding:
    """What keeps the data."""
    if kind in _MEMORY_TYPES:
        said = f"{kind}: everything is lost when the box stops; use a directory on a disk"
        return Finding("File system", "warn", said)
    if kind in _REMOTE_TYPES:
        said = f"{kind}: the store needs a local file system; choose another with --data-dir"
        return Finding("File system", "fail", said)
    if kind in _LAYERED_TYPES:
        said = f"{kind}: everything is lost with its container; mount a volume for the data"
        return Finding("File system", "warn", said)
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


def find_disk(place: Path, sys: Path = Path("/sys")) -> Disk:
    """The disk that `place` is on; one without a name if the kernel shows none."""
    number = place.stat().st_dev
    node = sys / "dev" / "block" / f"{os.major(number)}:{os.minor(number)}"
    if not node.exists():
        return Disk()
    device = node.resolve()
    if not (device / "queue").is_dir():
        # A partition: what is to be known is of its disk.
        device = device.parent
    queue = device / "queue"
    return Disk(
        name=device.name,
        write_cache=_read(queue / "write_cache"),
        fua=_read(queue / "fua") == "1",
        rotational=_read(queue / "rotational") == "1",
        virtual=device.name.startswith(("vd", "xvd")) or _is_virtual_model(device),
    )


def _is_virtual_model(device: Path) -> bool:
    told = f"{_read(device / 'device' / 'vendor')} {_read(device / 'device' / 'model')}".lower()
    return any(
        maker in told for maker in ("qemu", "vmware", "virtual", "vbox", "msft", "persistent")
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def check_disk(disk: Disk) -> Finding:
    """The disk, and what it does with what it is told to keep."""
    if not disk.name:
        said = "not one that the kernel shows; whether it keeps what it acknowledges is not known"
        return Finding("Disk", "ok", said)
    if disk.virtual:
        said = f"{disk}: as sure as the host's disk; its cache mode must not be `unsafe`"
        return Finding("Disk", "ok", said)
    return Finding("Disk", "ok", str(disk))


def check_room(place: Path) -> Finding:
    """Free space."""
    free = shutil.disk_usage(place).free
    if free >= _DISK_FREE_GOOD:
        return Finding("Free disk", "ok", size(free))
    level: Level = "warn" if free >= _DISK_FREE_MIN else "fail"
    said = f"{size(free)}: a full disk answers 503, nothing is lost; free some, or move the data"
    return Finding("Free disk", level, said)


def check_sync(place: Path, kind: str, disk: Disk) -> Finding:
    """How long it takes to make something durable, and whether that can be true."""
    try:
        taken = sync_latencies_ms(place)
    except OSError as failure:
        said = f"cannot write and sync in {place}: {failure.strerror}"
        return Finding("Sync to disk", "fail", said)
    middle, late = percentile(taken, 0.5), percentile(taken, 0.99)
    said = f"{milliseconds(middle)} (99 of 100 within {milliseconds(late)}, of {len(taken)})"
    doubt = why_doubtful(middle, kind, disk)
    if doubt:
        return Finding("Sync to disk", "warn", f"{said}: {doubt}")
    if middle <= _SLOW_MS:
        return Finding("Sync to disk", "ok", said)
    slow = "each step of an execution waits for one; use a faster disk"
    return Finding("Sync to disk", "warn", f"{said}: {slow}")


def sync_latencies_ms(place: Path) -> list[float]:
    """Milliseconds of each of some commits as the store makes them: some pages, then a sync."""
    taken: list[float] = []
    deadline = time.perf_counter() + _PROBES_S_MAX
    with tempfile.TemporaryFile(dir=place, buffering=0) as probe:
        # What is there already: a commit seldom makes the file longer.
        probe.write(bytes(_PAGE * _PAGES))
        os.fsync(probe.fileno())
        while len(taken) < _PROBES_MAX and time.perf_counter() < deadline:
            began = time.perf_counter()
            for offset in (0, 7 * len(taken), 31 * len(taken)):
                content = len(taken).to_bytes(8, "big") * (_PAGE // 8)
                os.pwrite(probe.fileno(), content, offset % _PAGES * _PAGE)
            os.fdatasync(probe.fileno())
            taken.append((time.perf_counter() - began) * 1000)
    return taken


def percentile(taken: list[float], share: float) -> float:
    """The value that this share of all is not above."""
    ordered = sorted(taken)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def why_doubtful(middle_ms: float, kind: str, disk: Disk) -> str:
    """Why a sync that takes so long is too fast to be true; empty if nothing speaks against it."""
    if kind in _MEMORY_TYPES:
        return "this is memory, and no sync keeps anything"
    if middle_ms < _ANY_MS_MIN:
        return f"suspiciously fast, no disk can do that: the disk may lie; {_WHAT_TO_DO}"
    if disk.virtual or not disk.name:
        return ""
    if disk.rotational and middle_ms < _SPINNING_MS_MIN:
        said = "suspiciously fast for a spinning disk: it, or its controller, may lie"
        return f"{said} unless a battery keeps its cache; {_WHAT_TO_DO}"
    if disk.write_cache == "write back" and middle_ms < _CACHED_MS_MIN:
        said = "suspiciously fast for a disk with a volatile cache: the disk may lie"
        return f"{said} unless it is protected against power loss; {_WHAT_TO_DO}"
    return ""


_WHAT_TO_DO = (
    "look at the mount options (nobarrier), the controller's and a virtual host's cache mode "
    "(`unsafe`), eatmydata"
)


def check_store(settings: Settings) -> Finding:
    """Whether this version reads the store that is there."""
    try:
        found = stored_format(settings.data_dir)
        if found is None:
            said = f"none yet; the first start makes one of format {FORMAT}"
            return Finding("Store", "ok", said)
        if found < FORMAT:
            said = (
                f"format {found}; the next start brings it to {FORMAT}, keep a backup from before"
            )
            return Finding("Store", "ok", said)
        with open_store(settings.store, settings.data_dir, read_only=True):
            return Finding("Store", "ok", f"format {FORMAT}")
    except (StoreFailed, OSError) as failure:
        return Finding("Store", "fail", str(failure))
