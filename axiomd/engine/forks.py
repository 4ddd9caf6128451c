"""Forks: new executions that begin with what another one has done.

A journal may have a million entries, so a fork is written in slices: first the entries, under an
ID that has no record and is marked in the table `fo` as a fork in the making, then one commit
that makes the record and takes the mark away. Before that commit nobody can find the fork; after
it, it is whole. What a box that dies in between leaves behind is marked for forgetting by the
next start (`Engine.run`), and forgotten like any other history without a record.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import attrs

from axiomd.engine.parts import Parts
from axiomd.errors import Invalid, NotFound, Problem, WrongMode, WrongState
from axiomd.execution.execution import Debug, Execution, queued
from axiomd.execution.fork import Beginning, Translation, Wire, from_checkpoint, from_failure
from axiomd.execution.journal import Entry, EntryKind, Payload
from axiomd.execution.position import Position, visit_text
from axiomd.execution.status import Status
from axiomd.execution.targets import Target
from axiomd.flow.artifact import Artifact
from axiomd.limits import FORK_SLICE_BYTES_MAX, FORK_SLICE_ENTRIES_MAX
from axiomd.store import commit as commits

Begin = Callable[[Artifact, Iterable[Entry]], Beginning]


@attrs.frozen(eq=False)
class Onto:
    """Another artifact that a fork is to run."""

    artifact: Artifact
    wire: Wire


@attrs.frozen
class Beside:
    """What a fork has of its own."""

    debug: Debug | None = None
    """The debug session that it is in."""
    webhook: Target | None = None
    """Who is told of its end."""


class Forks:
    """Makes executions of the histories of others."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def fork(
        self,
        source: Execution,
        at: Position,
        output: Payload | None,
        onto: Onto | None,
        beside: Beside,
    ) -> str:
        """The ID of a fork that goes on behind the completed visit `at`.

        output: what that visit returns in the fork; None for what it has returned. Raises Invalid
        if there is no such checkpoint, or if the other artifact does not fit; NotFound if the
        source is forgotten meanwhile. Cancelling leaves nothing that anybody could find.
        """
        now_ns = self._parts.clock.now_ns()

        def begin(artifact: Artifact, journal: Iterable[Entry]) -> Beginning:
            anew = onto is not None
            return from_checkpoint(artifact, journal, at, output, now_ns, anew=anew)

        return await self._make(source, begin, onto, beside)

    async def retry(self, source: Execution) -> str:
        """The ID of a fork that runs again what failed. Raises WrongState if nothing can."""
        if source.status not in (Status.FAILED, Status.CANCELLED):
            said = source.status.label.lower()
            raise WrongState(f"Execution {source.execution_id} is {said}: it has not failed.")
        now_ns = self._parts.clock.now_ns()
        begin = partial(from_failure, now_ns=now_ns)
        # Whoever wanted to know how it ends wants to know that.
        return await self._make(source, begin, None, Beside(webhook=source.webhook))

    async def _make(
        self, source: Execution, begin: Begin, onto: Onto | None, beside: Beside
    ) -> str:
        if source.mode != "unary":
            raise WrongMode(f"Execution {source.execution_id} is a pipeline, and cannot fork.")
        old = self._parts.artifact(source.tenant, source.graph_id)
        new = onto.artifact if onto is not None else old
        beginning = await self._parts.run_blocking(begin, old, self._journal(source))
        translation = Translation(old, new)
        if onto is not None:
            await self._check(source, beginning, translation, onto)
        fork_id, copied = self._parts.ids.execution_id(), False
        try:
            count = await self._copy(source, fork_id, beginning, translation)
            if self._parts.reader.find_execution(source.execution_id) is None:
                raise NotFound(f"Execution {source.execution_id} has just been forgotten.")
            copied = True
        finally:
            if not copied:
                self._give_up(fork_id)
        execution = self._record(source, fork_id, new, count, beside)
        entry = _forked(execution, beginning, translation)
        ticket = self._parts.writer.submit(commits.forked(execution, entry))
        # Not after the wait: whoever asked may be gone by then.
        ticket.then(lambda refusal: self._give_up(fork_id) if refusal is not None else None)
        await ticket.wait()
        return fork_id

    async def _check(
        self, source: Execution, beginning: Beginning, translation: Translation, onto: Onto
    ) -> None:
        if onto.artifact.mode != "unary":
            raise WrongMode(f"Artifact {onto.artifact.graph_id} is a pipeline, and cannot fork.")
        reasons = await self._parts.run_blocking(
            translation.misfits, beginning, self._journal(source), onto.wire
        )
        if reasons:
            raise Invalid(
                f"Artifact {onto.artifact.graph_id} cannot go on with what has been done.",
                problems=[Problem("graph_id", reason) for reason in reasons],
            )

    async def _copy(
        self, source: Execution, fork_id: str, beginning: Beginning, translation: Translation
    ) -> int:
        """Write the first entries of the fork; how many they are."""
        found = map(translation.entry, beginning.entries(self._journal(source)))
        slices, count = _slices(found), 0
        while some := await self._parts.run_blocking(next, slices, ()):
            await self._parts.writer.submit(commits.CopyCommit(fork_id, count, some)).wait()
            count += len(some)
        return count

    def _record(
        self,
        source: Execution,
        fork_id: str,
        artifact: Artifact,
        entries: int,
        beside: Beside,
    ) -> Execution:
        at_ns = self._parts.clock.now_ns()
        return attrs.evolve(
            queued(fork_id, artifact, source.terms, at_ns, beside.debug, beside.webhook),
            entries=entries,
            forked_from=source.execution_id,
            priority=source.priority,
        )

    def _give_up(self, fork_id: str) -> None:
        """Leave what was written to be forgotten."""
        self._parts.writer.submit_later(commits.give_up_fork(fork_id))

    def _journal(self, source: Execution) -> Iterator[Entry]:
        return self._parts.reader.whole_journal(source.execution_id)


def _forked(execution: Execution, beginning: Beginning, translation: Translation) -> Entry:
    detail: dict[str, object] = {
        "forked_from": execution.forked_from,
        "seq": beginning.until - 1,
    }
    position = None
    if beginning.routed is not None:
        position = translation.position(beginning.routed)
        detail["output_of"] = visit_text(translation.new, position)
    return Entry(
        EntryKind.EXECUTION_FORKED,
        execution.created_ns,
        position,
        payload=beginning.payload,
        detail=json.dumps(detail),
    )


def _slices(entries: Iterable[Entry]) -> Iterator[tuple[Entry, ...]]:
    """Entries as they go into one commit."""
    some: list[Entry] = []
    size = 0
    for entry in entries:
        some.append(entry)
        size += len(entry.detail) + len((entry.payload and entry.payload.inline) or b"")
        if len(some) == FORK_SLICE_ENTRIES_MAX or size >= FORK_SLICE_BYTES_MAX:
            yield tuple(some)
            some, size = [], 0
    if some:
        yield tuple(some)
