"""The settings of a server before it starts: read, checked against the box, every problem at once.

What would only fail in the middle of a start, or not until a request needs it, is looked for here:
settings that contradict each other, files that are not there, a data directory that cannot be
used, an address that is taken. Changes nothing.
"""

import errno
import fcntl
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

from axiomd.cli.exits import AddressUnusable
from axiomd.errors import AxiomdError, DataDirBusy, Problem, SettingsInvalid, StoreFailed
from axiomd.runners.sandbox import why_no_bubblewrap
from axiomd.settings import (
    Loaded,
    Settings,
    from_process_with_sources,
    process_environment,
)
from axiomd.store.env import FORMAT, stored_format

_BIND = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]\s]+):([0-9]{1,5})")
_PORT_MAX = 65_535
_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*")
_NOT_VALID = "The settings are not valid."


def read_settings(config: str | None, data_dir: str | None, bind: str | None) -> Settings:
    """The settings with these flags; SettingsInvalid also for an address that is none."""
    settings = read_loaded(config, data_dir, bind).settings
    split_bind(settings.server.bind)
    return settings


def read_loaded(
    config: str | None, data_dir: str | None, bind: str | None, log_format: str | None = None
) -> Loaded:
    """The settings with these flags, and where each came from. Raises SettingsInvalid."""
    flags = {"store.data_dir": data_dir, "server.bind": bind, "log.format": log_format}
    return from_process_with_sources(Path(config) if config else None, flags)


def split_bind(bind: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`. Raises SettingsInvalid."""
    found = _BIND.fullmatch(bind)
    if found is None or int(found[2]) > _PORT_MAX:
        words = f"must be HOST:PORT, such as 127.0.0.1:8700 or [::1]:8700, not {bind!r}"
        raise SettingsInvalid(_NOT_VALID, problems=[Problem("server.bind", words)])
    return found[1].strip("[]"), int(found[2])


def refuse_start(settings: Settings) -> None:
    """Raise why a server cannot start with these settings: all of it, or the one reason."""
    found = [*_of_the_settings(settings), *_of_the_directory(settings), *_of_the_address(settings)]
    if len(found) == 1:
        raise found[0]
    if found:
        raise SettingsInvalid(
            "axiomd cannot start like this.", problems=[p for one in found for p in _problems(one)]
        )


def _problems(error: AxiomdError) -> Iterator[Problem]:
    if error.problems:
        yield from error.problems
    else:
        yield Problem("", error.message)


def _of_the_settings(settings: Settings) -> Iterator[AxiomdError]:
    problems = [*_contradictions(settings), *_paths(settings), *_sandbox(settings)]
    if problems:
        yield SettingsInvalid(_NOT_VALID, problems=problems)


def _contradictions(settings: Settings) -> Iterator[Problem]:
    """Settings that are fine alone, and not together."""
    server, runners, engine = settings.server, settings.runners, settings.engine
    if runners.processes_initial > runners.processes_max:
        words = f"is more than processes_max, which is {runners.processes_max}"
        yield Problem("runners.processes_initial", words)
    if server.head_timeout_s > server.idle_timeout_s:
        words = f"is more than idle_timeout_s, {server.idle_timeout_s:g} s, which comes first"
        yield Problem("server.head_timeout_s", words)
    if settings.environments.index and not settings.environments.wheels_dir:
        words = "without wheels_dir the index is asked in any case; leave it out"
        yield Problem("environments.index", words)
    if (
        settings.store.map_size_bytes
        and settings.store.map_size_bytes < 2 * engine.payload_bytes_max
    ):
        words = (
            f"holds not even two messages of engine.payload_bytes_max, {engine.payload_bytes_max}"
        )
        yield Problem("store.map_size_bytes", words)
    for index, name in enumerate(server.names):
        if not _HOST_NAME.fullmatch(name):
            words = f"must be a host name without port, such as box.example, not {name!r}"
            yield Problem(f"server.names[{index}]", words)


def _paths(settings: Settings) -> Iterator[Problem]:
    """Files and directories that settings name, and that are not there or not to be read."""
    runners = settings.runners
    named = [
        *((f"runners.readable[{i}]", path, os.R_OK) for i, path in enumerate(runners.readable)),
        *((f"runners.writable[{i}]", path, os.W_OK) for i, path in enumerate(runners.writable)),
    ]
    if settings.environments.wheels_dir:
        wheels_dir = str(Path(settings.environments.wheels_dir).expanduser())
        named.append(("environments.wheels_dir", wheels_dir, os.R_OK | os.X_OK))
        if Path(wheels_dir).exists() and not Path(wheels_dir).is_dir():
            yield Problem("environments.wheels_dir", f"{wheels_dir} is not a directory")
    webui = process_environment("AXIOMD_WEBUI")
    if webui:
        named.append(("AXIOMD_WEBUI", str(Path(webui) / "index.html"), os.R_OK))
    for setting, path, needed in named:
        if not Path(path).exists():
            yield Problem(setting, f"there is no {path}")
        elif not os.access(path, needed):
            use = "written" if needed == os.W_OK else "read"
            yield Problem(setting, f"{path} cannot be {use} by user {os.geteuid()}")


def _sandbox(settings: Settings) -> Iterator[Problem]:
    why_not = why_no_bubblewrap() if settings.runners.sandbox == "strict" else ""
    if why_not:
        yield Problem("runners.sandbox", f"'strict' cannot be had: {why_not}")


def _of_the_directory(settings: Settings) -> Iterator[AxiomdError]:
    directory = settings.data_dir
    why_not = why_not_usable(directory)
    if why_not:
        yield SettingsInvalid(f"The data directory {directory} cannot be used: {why_not}")
        return
    owner = server_on(directory)
    if owner:
        yield DataDirBusy(
            f"Another axiomd (process {owner}) is running on {directory}. "
            "Stop it, or choose another directory with --data-dir."
        )
        return
    try:
        found = stored_format(directory)
    except (StoreFailed, OSError) as failure:
        yield SettingsInvalid(str(failure))
        return
    if found is not None and found > FORMAT:
        yield StoreFailed(
            f"The store in {directory} has format {found}, which a newer axiomd wrote: this one "
            f"reads format {FORMAT}. Start it with that version, or with a backup from before."
        )


def why_not_usable(directory: Path) -> str:
    """Why nothing can be kept in a directory, which may still have to be made; empty if it can."""
    try:
        place = next(path for path in (directory, *directory.parents) if path.exists())
    except OSError as failure:
        return f"{failure.strerror}: {failure.filename}"
    if not place.is_dir():
        return f"{place} is not a directory"
    if os.statvfs(place).f_flag & os.ST_RDONLY:
        return f"{place} is mounted for reading only"
    if not os.access(place, os.R_OK | os.W_OK | os.X_OK):
        return f"{place} is not writable by user {os.geteuid()}"
    return ""


def server_on(directory: Path) -> str:
    """The process number of the server that has the data directory; empty if none has."""
    try:
        descriptor = os.open(directory / "axiomd.lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        # Shared, so that two that look are not in each other's way.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
    finally:
        os.close(descriptor)
    return ""


def _of_the_address(settings: Settings) -> Iterator[AxiomdError]:
    try:
        host, port = split_bind(settings.server.bind)
        probe_address(host, port)
    except SettingsInvalid as refusal:
        yield refusal
    except OSError as failure:
        yield AddressUnusable(address_words(settings.server.bind, failure))


def address_words(bind: str, failure: OSError) -> str:
    """Why an address cannot be listened on, and what to do."""
    said = f"Cannot listen on {bind}: {failure.strerror}. Choose another address with --bind"
    if failure.errno == errno.EADDRINUSE:
        return f"{said}, or end what has this one (`ss -ltnp` names it)."
    return f"{said}."


def probe_address(host: str, port: int) -> None:
    """Bind to an address for a moment. Raises OSError."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
