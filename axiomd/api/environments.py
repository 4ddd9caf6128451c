"""The route that shows how a package's environment is built, and follows it live."""

from collections.abc import Sequence
from typing import Literal, TypedDict

import attrs
from quart import Blueprint, Response, g, request

from axiomd.api import sse
from axiomd.api.box import Box
from axiomd.api.executions import query_of
from axiomd.errors import NotFound
from axiomd.limits import PAGE_ROWS_MAX
from axiomd.runners.build_process import BuildLog, Line
from axiomd.runners.builds import Build, EnvironmentState
from axiomd.runners.builds import Status as EnvironmentStatus


class EnvironmentView(TypedDict):
    """What a package's nodes run in."""

    status: EnvironmentStatus
    lock: str | None
    """SHA-256 that names the environment; null if the package needs nothing."""
    error: str | None
    """Why it could not be built."""


class LineView(TypedDict):
    """One line that a build said; as an event its `id` is `seq`."""

    seq: int
    text: str


class BuildView(TypedDict):
    """An environment, and a page of what its build said."""

    environment: EnvironmentView
    lines: list[LineView]
    next_cursor: str | None


class ProgressView(TypedDict):
    """How much of the present download is here."""

    bytes_done: int
    bytes_total: int


class BuildProgressView(TypedDict):
    """An event that tells of a download."""

    progress: ProgressView


class BuildEndView(TypedDict):
    """The event that ends the stream."""

    environment: EnvironmentView
    is_final: Literal[True]


def environments_routes(box: Box) -> Blueprint:
    """The environment of a package, below /app/v1."""
    routes = Blueprint("environments", __name__, url_prefix="/app/v1")
    shown = Shown(box)
    routes.get("/packages/<handle>/<name>/<version>/environment")(shown.environment)
    return routes


class Shown:
    """The handler, over a box."""

    def __init__(self, box: Box) -> None:
        self._box = box

    async def environment(self, handle: str, name: str, version: str) -> BuildView | Response:
        """What the build said, or with `Accept: text/event-stream` what it says.

        What is needed and not there is begun, so that whoever follows sees an end.
        """
        record = self._box.reader.package(g.tenant, f"{handle}/{name}", version)
        if record is None:
            raise NotFound(f"There is no package {handle}/{name}@{version}.")
        query = query_of("after", "limit", "cursor")
        limit = query.number("limit", PAGE_ROWS_MAX, PAGE_ROWS_MAX, least=1)
        query.check()
        start = sse.read_cursor(
            ("Last-Event-ID", request.headers.get("Last-Event-ID"), 1),
            ("cursor", query.text("cursor"), 1),
            ("after", query.text("after"), 1),
        )
        state = self._box.environments.state(record.digest)
        if state.status == "BUILDING":
            state = self._box.environments.want(record.digest)
        build = self._box.environments.running(state.lock) if state.lock else None
        said = build.said if build is not None else await self._kept(state)
        if "text/event-stream" in request.headers.get("Accept", ""):
            return sse.answer_events(build_events(self._box, state, said, start, build))
        lines = said.after(start, limit + 1)
        more = len(lines) > limit
        return {
            "environment": environment_view(state),
            "lines": line_views(lines[:limit]),
            "next_cursor": str(lines[limit - 1].seq) if more else None,
        }

    async def _kept(self, state: EnvironmentState) -> BuildLog:
        if state.lock is None:
            return BuildLog()
        run_blocking = self._box.engine.parts.run_blocking
        kept: BuildLog = await run_blocking(self._box.environments.kept_log, state.lock)
        return kept


def environment_view(state: EnvironmentState) -> EnvironmentView:
    """An environment, in a package and on its own."""
    return {"status": state.status, "lock": state.lock, "error": state.error}


def line_views(lines: Sequence[Line]) -> list[LineView]:
    """Lines of a build's log."""
    return [{"seq": line.seq, "text": line.text} for line in lines]


async def build_events(
    box: Box, state: EnvironmentState, said: BuildLog, start: int, build: Build | None
) -> sse.Chunks:
    """The lines from `start` on, each new one while it is being built, and how that ended."""
    # A cursor from before a restart or a retry may lie beyond what this build has said.
    cursor = start if start <= said.count else 0
    yield sse.KEEP_ALIVE
    while True:
        # Taken first: what comes after the look at the lines sets it.
        change = build.change if build is not None else None
        lines = said.after(cursor)
        if lines:
            cursor = lines[-1].seq + 1
            yield b"".join(sse.event(view, view["seq"]) for view in line_views(lines))
        elif build is None or change is None or build.status != "BUILDING":
            ended = build.state if build is not None else state
            yield sse.event({"environment": environment_view(ended), "is_final": True})
            return
        else:
            progress = said.progress
            if progress is not None:
                yield sse.event({"progress": attrs.asdict(progress)})
            if not await sse.changed(change.wait, box.settings.keep_alive_s, float("inf")):
                yield sse.KEEP_ALIVE
