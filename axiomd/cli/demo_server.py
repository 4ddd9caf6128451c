"""The server that `axiomd demo` shows: a process of its own, ended with the demo.

Owns that process: its address, its log file, its end. It gets its own session, so that Ctrl-C
reaches the demo alone, which then asks the server to stop, once.
"""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from axiomd.cli.client import Target
from axiomd.cli.exits import ServerRefused
from axiomd.cli.keys import make_key
from axiomd.cli.output import note
from axiomd.cli.preflight import split_bind
from axiomd.errors import SettingsInvalid
from axiomd.settings import Settings, child_environment, from_process

KEY_NAME = "demo"

_STOP_S_MAX = 5.0
_PR_SET_PDEATHSIG = 1
_LOG_LINES_SHOWN = 8


class DemoServerFailed(SettingsInvalid):
    """The demo's server did not start."""

    code = "DEMO_SERVER_FAILED"


@attrs.frozen(eq=False)
class DemoServer:
    """A server that answers."""

    process: "subprocess.Popen[bytes]"
    target: Target
    data_dir: Path
    log_file: Path

    def wait(self) -> int:
        """Wait for its end; the exit code."""
        return self.process.wait()


@contextmanager
def running_server(data_dir: str | None, bind: str | None, file: Path) -> Iterator[DemoServer]:
    """A server on a directory for demonstrations, with a key, whose nodes may read `file`;
    stopped on the way out.

    Raises DemoServerFailed with the server's own words.
    """
    settings = demo_settings(data_dir, bind)
    address = free_address(settings.server.bind)
    directory = settings.data_dir
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    log_file = directory / "demo-server.log"
    with log_file.open("wb") as log:
        process = _start(directory, address, file, log.fileno())
    try:
        url = _read_url(process, log_file)
        # Only now: a directory of an older axiomd is brought up to date by the server's start.
        key = make_key(settings, KEY_NAME)
        yield DemoServer(process, Target(url, key), directory, log_file)
    finally:
        stop(process)


def demo_settings(data_dir: str | None, bind: str | None) -> Settings:
    """The settings, with a data directory apart from the real server's."""
    settings = from_process(None, {"server.bind": bind})
    split_bind(settings.server.bind)
    directory = data_dir or str(settings.data_dir / "demo")
    return from_process(None, {"server.bind": bind, "store.data_dir": directory})


def free_address(bind: str) -> str:
    """`bind`, or the same host with a free port if somebody has it."""
    host, port = split_bind(bind)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as failure:
            note(f"{bind}: {failure.strerror}; taking a free port instead")
            port = 0
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _start(directory: Path, address: str, file: Path, log_fd: int) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "axiomd", "serve", "--json"]
    return subprocess.Popen(
        [*command, "--data-dir", str(directory), "--bind", address],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log_fd,
        env=child_environment({"AXIOMD_RUNNERS_READABLE": str(file.absolute())}),
        start_new_session=True,
        preexec_fn=_end_with_parent,  # noqa: PLW1509 - no thread has been started yet
    )


def _end_with_parent() -> None:
    """Have the kernel stop the server if the demo is killed."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)


def _read_url(process: "subprocess.Popen[bytes]", log_file: Path) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        process.wait()
        raise _why_not(log_file)
    return str(json.loads(line)["url"])


def _why_not(log_file: Path) -> DemoServerFailed:
    """The server's own words: its refusal, or the end of its log."""
    lines = log_file.read_text(encoding="utf-8", errors="replace").splitlines()
    try:
        words = ServerRefused(0, json.loads(lines[-1]))
        return DemoServerFailed(words.message, problems=words.problems)
    except (ValueError, IndexError):
        said = "\n".join(lines[-_LOG_LINES_SHOWN:]) or f"see {log_file}"
        return DemoServerFailed(f"The demo's server did not start: {said}")


def stop(process: "subprocess.Popen[bytes]") -> None:
    """Ask the server to stop, once; end it if it does not within five seconds."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(_STOP_S_MAX)
    except subprocess.TimeoutExpired:
        # Legal at any instant: its next start recovers.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
