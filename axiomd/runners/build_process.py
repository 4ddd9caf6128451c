"""How one environment is built: its name, the builder's command, and what is kept of its words.

Owns what an environment's lock covers and which variables pip sees. Promises that a directory
under a lock is complete. Blocks nobody: `builds.py` and the command line run the command.
"""

import hashlib
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from axiomd.authoring.requirements import Requirements
from axiomd.errors import EnvironmentFailed
from axiomd.limits import BUILD_LINE_BYTES_MAX, BUILD_LOG_LINES_MAX
from axiomd.runners import builder
from axiomd.settings import EnvironmentSettings, process_environment, process_environment_below

DRAFT = ".new-"

Builder = subprocess.Popen[bytes]

PASSED_VARIABLES = (
    *("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    *("http_proxy", "https_proxy", "no_proxy", "all_proxy"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
    *("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "NETRC"),
    *("CC", "CXX", "CFLAGS", "CXXFLAGS", "LDFLAGS", "CARGO_HOME", "RUSTUP_HOME"),
)
"""Variables of axiomd's environment that pip and compilers see, beside those of pip."""

_IGNORED_VARIABLES = frozenset(
    {
        *("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PIP_PYTHON", "PIP_DRY_RUN"),
        *("PIP_REQUIREMENT", "PIP_EDITABLE", "PIP_REPORT"),
    }
)
"""Variables of pip that would have it install elsewhere, something else, or nothing."""

_ERROR_CHARACTERS_MAX = 4_000
_ERROR_LINES = 20
_PROGRESS = re.compile(r"Progress (\d+) of (\d+)")


def lock_of(requirements: Requirements) -> str:
    """What names the environment of these requirements on this box, 64 hex characters.

    SHA-256 over what pip is given and what decides which wheels fit: the interpreter's
    implementation and version up to the minor one, its binary interface, and the platform.
    """
    interpreter = (
        f"{platform.python_implementation()} {sys.version_info[0]}.{sys.version_info[1]}",
        str(sysconfig.get_config_var("SOABI")),
        sysconfig.get_platform(),
    )
    content = json.dumps(["axiomd environment 1", interpreter, requirements.installed])
    return hashlib.sha256(content.encode()).hexdigest()


def interpreter_in(directory: Path) -> Path:
    """The Python of an environment; it does not exist if the environment is gone or broken."""
    return directory / "bin" / "python"


def command(
    target: Path, draft: Path, requirements: Requirements, settings: EnvironmentSettings
) -> list[str]:
    """The builder's command line."""
    options = []
    if settings.wheels_dir:
        options = ["--find-links", str(Path(settings.wheels_dir).expanduser().absolute())]
        options += [] if settings.index else ["--no-index"]
    plan = {
        "target": str(target),
        "draft": str(draft),
        "lines": requirements.installed,
        "options": options,
    }
    return [sys.executable, "-I", builder.__file__, json.dumps(plan)]


def variables() -> dict[str, str]:
    """The environment variables of the builder, all of them."""
    passed = {name: process_environment(name) for name in PASSED_VARIABLES}
    pips = {
        name: value
        for name, value in process_environment_below("PIP_").items()
        if name not in _IGNORED_VARIABLES
    }
    return pips | {name: value for name, value in passed.items() if value is not None}


def start(
    target: Path, draft: Path, requirements: Requirements, settings: EnvironmentSettings
) -> Builder:
    """The builder, started in a process group of its own; it ends when its stdin is closed."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    return subprocess.Popen(
        command(target, draft, requirements, settings),
        env=variables(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def kill_group(popen: Builder) -> None:
    """Kill the builder and what it started; before it is reaped nobody else has its number."""
    try:
        os.killpg(popen.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


@contextmanager
def watched(popen: Builder) -> Iterator[int]:
    """A descriptor that can be read once the builder is dead."""
    pidfd = os.pidfd_open(popen.pid)
    try:
        yield pidfd
    finally:
        os.close(pidfd)


def remove_draft(draft: Path) -> None:
    """Remove what a builder left beside the place of an environment."""
    shutil.rmtree(draft, ignore_errors=True)


def remove_drafts(root: Path) -> None:
    """Remove what builders that were killed left behind; before any build."""
    for draft in root.glob(f"{DRAFT}*"):
        remove_draft(draft)


@attrs.frozen
class Line:
    """One line that a build said."""

    seq: int
    text: str


@attrs.frozen
class Progress:
    """How much of the present download is here."""

    bytes_done: int
    bytes_total: int


class BuildLog:
    """What a build said, bounded: the last lines, and the progress of the present download."""

    def __init__(self, lines: tuple[str, ...] = ()) -> None:
        self._lines: deque[Line] = deque(maxlen=BUILD_LOG_LINES_MAX)
        self._rest = b""
        self.count = 0
        """Lines that were said, those that are no longer kept included."""
        self.progress: Progress | None = None
        for line in lines:
            self._add(line)

    def feed(self, received: bytes) -> None:
        """Take bytes as they come."""
        *lines, rest = re.split(rb"\r\n|\r|\n", self._rest + received)
        self._rest = rest[:BUILD_LINE_BYTES_MAX]
        for line in lines:
            self._take(line[:BUILD_LINE_BYTES_MAX].decode("utf-8", "replace"))

    def end(self) -> None:
        """Nothing more will come: a line without its end counts as one."""
        if self._rest:
            self.feed(b"\n")
        self.progress = None

    def after(self, start: int, most: int = BUILD_LOG_LINES_MAX) -> list[Line]:
        """The lines from number `start` on, as far as they are kept."""
        return [line for line in self._lines if line.seq >= start][:most]

    def text(self) -> str:
        """Every line that is kept."""
        return "".join(f"{line.text}\n" for line in self._lines)

    def error_words(self) -> str:
        """What pip says went wrong, in its own words."""
        texts = [line.text for line in self._lines]
        begins = [n for n, text in enumerate(texts) if text.lower().lstrip().startswith("error")]
        wanted = texts[begins[0] :] if begins else texts[-_ERROR_LINES:]
        return "\n".join(wanted).strip()[-_ERROR_CHARACTERS_MAX:]

    def _take(self, text: str) -> None:
        progress = _PROGRESS.fullmatch(text.strip())
        if progress is not None:
            self.progress = Progress(int(progress[1]), int(progress[2]))
            return
        self.progress = None
        if text.strip():
            self._add(text.rstrip())

    def _add(self, text: str) -> None:
        self._lines.append(Line(self.count, text))
        self.count += 1


def log_file(root: Path, lock: str) -> Path:
    """Where the words of a build are kept, beside its environment."""
    return root / f"{lock}.log"


def build_now(
    root: Path,
    requirements: Requirements,
    settings: EnvironmentSettings,
    told: Callable[[BuildLog], None],
) -> Path:
    """The interpreter of the environment below `root`, built if it is not there. Blocks.

    told: called whenever the build has said something. Raises EnvironmentFailed, with pip's words.
    """
    target = root / lock_of(requirements)
    if not interpreter_in(target).exists():
        draft = root / f"{DRAFT}{target.name}-{os.getpid()}"
        log = BuildLog()
        try:
            with _started(target, draft, requirements, settings) as popen:
                assert popen.stdout is not None
                while received := os.read(popen.stdout.fileno(), 64 * 1024):
                    log.feed(received)
                    told(log)
                log.end()
                code = popen.wait()
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        if code != 0:
            raise EnvironmentFailed(f"The environment could not be built:\n{log.error_words()}")
    return interpreter_in(target)


@contextmanager
def _started(
    target: Path, draft: Path, requirements: Requirements, settings: EnvironmentSettings
) -> Iterator[Builder]:
    with start(target, draft, requirements, settings) as popen:
        try:
            yield popen
        finally:
            if popen.returncode is None:
                kill_group(popen)
