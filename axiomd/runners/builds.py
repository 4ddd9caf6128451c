"""The environments of packages with requirements: built once for each lock, in the background.

Promises: packages with the same lock share one environment and one build; few builds run at a
time; when the context is left, no builder, no pip and nothing that these started is running any
more. State changes on the trio thread only; other threads may look.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal, Protocol

import attrs
import structlog
import trio
from trio.lowlevel import wait_readable

from axiomd.authoring.requirements import Requirements
from axiomd.errors import EnvironmentFailed, NotFound
from axiomd.limits import ENVIRONMENT_BUILDS_MAX
from axiomd.runners import build_process
from axiomd.runners.build_process import (
    DRAFT,
    BuildLog,
    interpreter_in,
    kill_group,
    lock_of,
    log_file,
)
from axiomd.runners.environment import PackageCode, Preparing
from axiomd.runners.worker import signal_name
from axiomd.settings import EnvironmentSettings

log = structlog.get_logger("axiomd.runners")

Status = Literal["NONE", "BUILDING", "READY", "FAILED"]

_DRAIN_S = 1.0
"""Seconds in which what a dead builder said is read to its end."""
_READ_BYTES = 64 * 1024


class Content(Protocol):
    """The packages on this box."""

    def code(self, digest: str) -> PackageCode:
        """How to run the content in axiomd's own interpreter. Raises NotFound."""
        ...

    def requirements(self, digest: str) -> Requirements:
        """What it needs. Raises NotFound."""
        ...


@attrs.frozen
class EnvironmentState:
    """How it stands with the environment of a package."""

    status: Status
    lock: str | None = None
    error: str | None = None


NO_ENVIRONMENT = EnvironmentState("NONE")


@attrs.define(eq=False)
class Build:
    """One environment while it is being built, and how that ended."""

    lock: str
    requirements: Requirements
    status: Status = "BUILDING"
    error: str | None = None
    said: BuildLog = attrs.field(factory=BuildLog)
    change: trio.Event = attrs.field(factory=trio.Event)
    """Set, and replaced, when it says something or ends."""
    _ended: trio.Event = attrs.field(factory=trio.Event)

    @property
    def state(self) -> EnvironmentState:
        """How it stands."""
        return EnvironmentState(self.status, self.lock, self.error)

    async def ended(self) -> None:
        """Wait until it has ended."""
        await self._ended.wait()

    def tell(self) -> None:
        """Wake whoever follows it."""
        self.change.set()
        self.change = trio.Event()

    def end(self, status: Status, error: str | None = None) -> None:
        """It is over."""
        self.status, self.error = status, error
        self.said.end()
        self._ended.set()
        self.tell()


class Environments:
    """The environments of one data directory."""

    def __init__(
        self, root: Path, content: Content, settings: EnvironmentSettings, nursery: trio.Nursery
    ) -> None:
        """Use `open_environments`."""
        self._root = root.absolute()
        self._content = content
        self._settings = settings
        wheels = settings.wheels_dir
        if wheels and not Path(wheels).expanduser().is_dir():
            log.warning("no_wheels_dir", wheels_dir=wheels)
        self._nursery = nursery
        self._turns = trio.CapacityLimiter(ENVIRONMENT_BUILDS_MAX)
        self._builds: dict[str, Build] = {}
        """By lock: builds that run, and those that failed and were not tried again."""

    def code(self, digest: str) -> PackageCode:
        """How to run a package, in its own environment if it has requirements.

        Raises NotFound; Preparing while the environment is being built, which begins now if it
        is not there; EnvironmentFailed.
        """
        code = self._content.code(digest)
        requirements = self._content.requirements(digest)
        if not requirements:
            return code
        lock = lock_of(requirements)
        if self._is_there(lock):
            return attrs.evolve(code, interpreter=str(interpreter_in(self._root / lock)))
        build = self._wanted(lock, requirements)
        if build.status == "FAILED":
            raise EnvironmentFailed(f"its environment could not be built: {build.error}")
        raise Preparing(build.ended)

    def want(self, digest: str, *, again: bool = False) -> EnvironmentState:
        """Begin to build what a package needs, unless it is there or being built.

        again: also if that has failed before.
        """
        requirements = self._content.requirements(digest)
        if not requirements:
            return NO_ENVIRONMENT
        lock = lock_of(requirements)
        if self._is_there(lock):
            return EnvironmentState("READY", lock)
        return self._wanted(lock, requirements, again=again).state

    def state(self, digest: str) -> EnvironmentState:
        """How it stands; begins nothing: what is not there and not begun counts as BUILDING."""
        try:
            requirements = self._content.requirements(digest)
        except NotFound as failure:
            return EnvironmentState("FAILED", None, failure.message)
        if not requirements:
            return NO_ENVIRONMENT
        lock = lock_of(requirements)
        if self._is_there(lock):
            return EnvironmentState("READY", lock)
        build = self._builds.get(lock)
        return build.state if build is not None else EnvironmentState("BUILDING", lock)

    def running(self, lock: str) -> Build | None:
        """The build of an environment, while it has not ended; `kept_log` is for afterwards."""
        build = self._builds.get(lock)
        return build if build is not None and build.status == "BUILDING" else None

    def kept_log(self, lock: str) -> BuildLog:
        """What the last build that has ended said, from its file; blocks."""
        try:
            text = log_file(self._root, lock).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return BuildLog()
        return BuildLog(tuple(text.splitlines()))

    def _is_there(self, lock: str) -> bool:
        return interpreter_in(self._root / lock).exists()

    def _wanted(self, lock: str, requirements: Requirements, *, again: bool = False) -> Build:
        build = self._builds.get(lock)
        if build is None or (again and build.status == "FAILED"):
            build = self._builds[lock] = Build(lock, requirements)
            self._nursery.start_soon(self._run, build)
        return build

    # --- one build ---

    async def _run(self, build: Build) -> None:
        async with self._turns:
            log.info("environment_building", lock=build.lock)
            error: str | None
            try:
                error = await self._build(build)
            except OSError as failure:
                # The box's doing, out of descriptors or room: pushing again tries again.
                error = f"the builder could not be run: {failure}"
            if error is None:
                log.info("environment_ready", lock=build.lock)
                # From here on the directory tells; if it vanishes, it is built again.
                del self._builds[build.lock]
                build.end("READY")
            else:
                log.warning("environment_failed", lock=build.lock, error=error)
                build.end("FAILED", error)
                # Its words are in their file, and whoever follows has them.
                build.said = BuildLog()

    async def _build(self, build: Build) -> str | None:
        """Build it; why it failed, or None."""
        target = self._root / build.lock
        draft = self._root / f"{DRAFT}{build.lock}"
        await trio.to_thread.run_sync(build_process.remove_draft, draft)
        code: int | None = None
        with trio.move_on_after(self._settings.build_timeout_s):
            code = await self._run_builder(build, target, draft)
        build.said.end()
        await trio.to_thread.run_sync(build_process.remove_draft, draft)
        await trio.to_thread.run_sync(self._keep_log, build)
        if code is None:
            return f"it was not built within {self._settings.build_timeout_s:g} s"
        if code < 0:
            return f"the builder was killed by {signal_name(-code)}"
        if code > 0:
            return build.said.error_words() or f"the builder ended with exit {code}"
        return None

    async def _run_builder(self, build: Build, target: Path, draft: Path) -> int:
        """Run the builder to its end; cancelled, it and all that it started are killed."""
        popen = build_process.start(target, draft, build.requirements, self._settings)
        # Closing stdin ends the builder too; the group is killed so that it is dead on return.
        with popen, build_process.watched(popen) as pidfd:
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._listen, popen, build)
                    await wait_readable(pidfd)
                    kill_group(popen)
                    nursery.cancel_scope.deadline = trio.current_time() + _DRAIN_S
            finally:
                kill_group(popen)
                # Shielded: the kernel is quick, and what was killed must be dead on return.
                with trio.CancelScope(shield=True):
                    await wait_readable(pidfd)
        return popen.returncode

    async def _listen(self, popen: build_process.Builder, build: Build) -> None:
        assert popen.stdout is not None
        descriptor = popen.stdout.fileno()
        while True:
            await wait_readable(descriptor)
            # A pipe that can be read does not block.
            received = os.read(descriptor, _READ_BYTES)
            if not received:
                return
            build.said.feed(received)
            build.tell()

    def _keep_log(self, build: Build) -> None:
        try:
            log_file(self._root, build.lock).write_text(build.said.text(), encoding="utf-8")
        except OSError as failure:
            # The environment stands without it.
            log.warning("build_log_not_kept", lock=build.lock, error=str(failure))


@asynccontextmanager
async def open_environments(
    root: Path, content: Content, settings: EnvironmentSettings
) -> AsyncIterator[Environments]:
    """Environments that can be built; when the context is left, no build is running."""
    async with trio.open_nursery() as nursery:
        try:
            yield Environments(root, content, settings, nursery)
        finally:
            nursery.cancel_scope.cancel()
