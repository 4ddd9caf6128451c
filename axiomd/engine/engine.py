"""The engine: the only door for commands, and the owner of everything that moves.

Its nursery holds the scheduler, the flush of events that nobody waits for, and one slot for each
execution that is being worked on. Start-up is recovery: whatever a previous process had claimed
is given back before anything is chosen, and there is no other recovery code.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress

import attrs
import trio

from axiomd.engine.attempt import Attempt, Stopped
from axiomd.engine.calls import make_call
from axiomd.engine.compensation import can_undo
from axiomd.engine.forks import Beside, Forks, Onto
from axiomd.engine.limits import TenantLimits
from axiomd.engine.parts import Parts, log
from axiomd.engine.rates import Rates
from axiomd.engine.retention import Retention
from axiomd.engine.scheduler import Scheduler
from axiomd.engine.schedules import Schedules
from axiomd.engine.subflows import family
from axiomd.engine.timers import Timers
from axiomd.engine.usage import Usages
from axiomd.engine.worker import work
from axiomd.errors import (
    AxiomdError,
    Draining,
    Fenced,
    Occupied,
    Recovering,
    StoreFailed,
    StoreFull,
    WrongState,
)
from axiomd.execution.call import NodeEvent, Outcome
from axiomd.execution.compensation import who_asked
from axiomd.execution.execution import Debug, Execution, queued
from axiomd.execution.flow_configs import Terms
from axiomd.execution.journal import Entry, EntryKind, Payload
from axiomd.execution.pauses import approval, pause_id, rejection
from axiomd.execution.position import Position, parse_position
from axiomd.execution.status import Status
from axiomd.execution.targets import Target
from axiomd.execution.trace_context import NO_ORIGIN, Origin
from axiomd.flow.artifact import Artifact
from axiomd.limits import PRIORITY_DEFAULT, RECOVERY_SLICE_MAX
from axiomd.store import commit as commits
from axiomd.store.batch import Duplicate, Result
from axiomd.store.writer import Ticket

_FULL_PAUSE_S = 1.0
_CLOSE_S = 1.0
_SETTLE_AGAIN_S = 0.01


@attrs.frozen
class Accepted:
    """An execution that is durable."""

    execution_id: str
    duplicate: bool = False
    """Whether an earlier request with the same Idempotency-Key made it."""


class Engine:
    """Accepts, cancels, waits; and works."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.tail = tail = parts.tail
        self._ids = parts.ids
        self.limits = TenantLimits(parts.writer, parts.reader, parts.clock, parts.limits)
        """What tenants may ask for and have running."""
        self.rates = Rates(self.limits.of, parts.clock)
        self.usages = Usages(parts.reader, parts.clock, parts.run_blocking)
        self._scheduler = Scheduler(parts.reader, parts.settings.slots, self.limits.of)
        self.limits.on_changed = self._scheduler.limits_changed
        tail.on_ready = self._scheduler.ready
        self._timers = Timers(parts.writer, parts.reader, parts.clock)
        tail.on_parked = self._timers.notice
        tail.on_cancelled = self._stop
        self.schedules = Schedules(parts)
        self._forks = Forks(parts)
        self._attempts: dict[str, Attempt] = {}
        self._nursery: trio.Nursery | None = None
        self._draining = False
        self._recovered = trio.Event()
        """Set once all that a previous process had is given back."""
        self._answers = trio.Event()
        """Set with it, or before, if the store takes nothing for now: it can still be read."""
        self._quiet = trio.Event()

    # -- commands -----------------------------------------------------------------------------

    async def accept(
        self,
        artifact: Artifact,
        payload: bytes,
        idempotency: commits.IdempotencyClaim | None = None,
        debug: Debug | None = None,
        webhook: Target | None = None,
        terms: Terms | None = None,
        priority: int = PRIORITY_DEFAULT,
        origin: Origin = NO_ORIGIN,
    ) -> Accepted:
        """Make a new execution durable; it is worked on from then on, in a debug session or not.

        webhook: who is told of its end. terms: what its calls are given; else as the box is set.
        priority: 0 to PRIORITY_MAX. origin: the span that it is invoked in.

        Raises Draining, StoreFull, IdempotencyConflict. Cancelling the wait leaves open whether
        it was accepted; it is if the commit was.
        """
        self.refuse_when_draining()
        now_ns = self.parts.clock.now_ns()
        terms = terms or Terms(self.parts.settings.node_timeout_s)
        identity = self._ids.execution_id()
        execution = queued(identity, artifact, terms, now_ns, debug, webhook, priority, origin)
        kept = await self._keep(payload)
        self.refuse_when_draining()
        result = await self._submit(execution, kept, idempotency).wait()
        if isinstance(result, Duplicate):
            return Accepted(result.execution_id, duplicate=True)
        return Accepted(execution.execution_id)

    def _submit(
        self,
        execution: Execution,
        payload: Payload,
        idempotency: commits.IdempotencyClaim | None,
    ) -> Ticket:
        """Submit a new execution; with a slot to spare, claimed in the same commit."""
        nursery, queue = self._nursery, (execution.tenant, execution.flow)
        free = nursery is not None and self._scheduler.admits(queue)
        ticket = self.parts.writer.submit(
            commits.accept(execution, payload, idempotency, claimed=free)
        )
        if free and nursery is not None:
            self._scheduler.started(execution.execution_id, queue)
            self._start(nursery, execution.execution_id, ticket)
        return ticket

    async def cancel(self, tenant: str, execution_id: str, by: str = "") -> list[Stopped]:
        """End an execution, durably, then stop its calls; what was stopped, once it is dead.

        Its children end with it, and theirs; their calls are among what was stopped. by: who asks.
        Raises NotFound; WrongState if it has ended.
        """
        self.parts.reader.execution(tenant, execution_id)
        stopping: list[Attempt] = []

        def stop(refusal: AxiomdError | None) -> None:
            if refusal is not None:
                return
            for attempt in family(self._attempts.values(), execution_id, self.parts.reader):
                attempt.cancel()
                stopping.append(attempt)

        ticket = self.parts.writer.submit(
            commits.cancel(execution_id, self.parts.clock.now_ns(), who_asked(by))
        )
        # Not after the wait: whoever asked may be gone by then, and the calls must still stop.
        ticket.then(stop)
        await ticket.wait()
        for attempt in stopping:
            await attempt.finished.wait()
        return [call for attempt in stopping for call in attempt.stopped]

    async def compensate(
        self, tenant: str, execution_id: str, by: str = ""
    ) -> tuple[Status, list[Stopped]]:
        """Cancel an execution, and have undone what it has done; a plain cancel if that is nothing.

        by: who asks. Its status from now on, and what was stopped, once it is dead. Raises
        NotFound; WrongState if it has ended, or is being undone already.
        """
        execution = self.parts.reader.execution(tenant, execution_id)
        attempt = self._attempts.get(execution_id)
        if not can_undo(self.parts, execution, attempt):
            # In the same breath: nothing can complete between the look and the cancel.
            return Status.CANCELLED, await self.cancel(tenant, execution_id, by)

        if attempt is not None and not attempt.is_claiming:
            # It was chosen, and its claim comes behind this: it will be there to undo.
            attempt = None

        def stop(refusal: AxiomdError | None) -> None:
            # Nor whoever has begun meanwhile.
            if refusal is None and attempt is not None:
                attempt.cancel(undoing=True)

        commit = commits.undo(execution_id, self.parts.clock.now_ns(), by)
        ticket = self.parts.writer.submit(commit)
        ticket.then(stop)
        await ticket.wait()
        if attempt is None:
            return Status.COMPENSATING, []
        await attempt.finished.wait()
        return Status.COMPENSATING, attempt.stopped

    async def settle(
        self, tenant: str, execution_id: str, visit: str, output: bytes | None, detail: str
    ) -> None:
        """Say of a node visit in doubt that it has happened, with its output, or has not.

        visit: its position as text. output: None if it has not happened, and is to be called
        again. detail: JSON of who said so, for the history. Raises NotFound; WrongState if the
        visit is not in doubt.
        """
        execution = self.parts.reader.execution(tenant, execution_id)
        artifact = self.parts.artifact(tenant, execution.graph_id)
        if visit not in execution.doubts:
            raise WrongState(f"{visit} of {execution_id} is not in doubt.")
        kept = None if output is None else await self._keep(output)
        position = _position(artifact, visit)

        def say(at_ns: int) -> Entry:
            return Entry(EntryKind.NODE_SETTLED, at_ns, position, payload=kept, detail=detail)

        await self._settle(execution_id, visit, say)

    async def answer(
        self,
        tenant: str,
        execution_id: str,
        visit: str,
        *,
        approved: bool,
        value: bytes | None = None,
        comment: str = "",
        by: str = "",
    ) -> None:
        """Let a paused node visit go on, or fail it.

        visit: its position as text. value: its input from now on, if it goes on with another one.
        by: who says so. Raises NotFound; WrongState if the pause is over, or its time is.
        """
        execution = self.parts.reader.execution(tenant, execution_id)
        if all(pause.position != visit for pause in execution.pauses):
            raise WrongState(f"The pause of {visit} of {execution_id} is over.")
        kept = None if value is None else await self._keep(value)
        position = _position(self.parts.artifact(tenant, execution.graph_id), visit)
        pause = pause_id(execution_id, visit)

        def say(at_ns: int) -> Entry:
            if approved:
                return approval(position, pause, at_ns, kept, comment, by)
            return rejection(position, pause, at_ns, comment, by)

        await self._settle(execution_id, visit, say)

    async def _settle(self, execution_id: str, visit: str, say: Callable[[int], Entry]) -> None:
        """Write what a person says of a visit, as of the time at which it is taken in."""

        def submit() -> Ticket:
            entry = say(self.parts.clock.now_ns())
            return self._submit_settlement(execution_id, entry, visit)

        await _until_taken(submit)

    def _submit_settlement(self, execution_id: str, entry: Entry, visit: str) -> Ticket:
        attempt = self._attempts.get(execution_id)
        if attempt is not None and attempt.takes_settlements:
            return attempt.settle(entry, visit)
        commit = commits.settle(execution_id, commits.NO_FENCE, entry, visit)
        return self.parts.writer.submit(commit)

    async def direct(
        self,
        tenant: str,
        execution_id: str,
        command: Entry,
        visit: str = "",
        value: bytes | None = None,
    ) -> Execution:
        """Tell a debug session how to go on; the record after that.

        command: without its time, the visit that it is for and the input that it gives. visit:
        that visit, as text. value: that input.
        Raises NotFound; WrongState if there is no session, or the visit is not held.
        """
        execution = self.parts.reader.execution(tenant, execution_id)
        artifact = self.parts.artifact(tenant, execution.graph_id)
        if visit and visit not in execution.held:
            raise WrongState(f"{visit} of {execution_id} is not held.")
        position = _position(artifact, visit) if visit else None
        kept = None if value is None else await self._keep(value)
        said = attrs.evolve(command, position=position, payload=kept)

        def submit() -> Ticket:
            entry = attrs.evolve(said, at_ns=self.parts.clock.now_ns())
            return self._submit_command(execution_id, entry, visit)

        found = await _until_taken(submit)
        assert isinstance(found, Execution)
        return found

    def _submit_command(self, execution_id: str, entry: Entry, visit: str) -> Ticket:
        attempt = self._attempts.get(execution_id)
        if attempt is not None and attempt.takes_settlements:
            return attempt.direct(entry, visit)
        return self.parts.writer.submit(
            commits.direct(execution_id, commits.NO_FENCE, entry, visit)
        )

    async def fork(
        self,
        tenant: str,
        execution_id: str,
        at: Position,
        output: bytes | None = None,
        onto: Onto | None = None,
        debug: Debug | None = None,
        webhook: Target | None = None,
    ) -> str:
        """Begin a new execution behind a completed visit of another one; its ID.

        output: what the visit returns there instead. onto: the artifact that it runs instead.
        debug: the debug session that it is in. webhook: who is told of its end.
        Raises NotFound, WrongMode, Invalid.
        """
        self.refuse_when_draining()
        source = self.parts.reader.execution(tenant, execution_id)
        kept = None if output is None else await self._keep(output)
        return await self._forks.fork(source, at, kept, onto, Beside(debug, webhook))

    async def retry(self, tenant: str, execution_id: str) -> str:
        """Begin a new execution that runs again what has failed of another one; its ID.

        Raises NotFound; WrongState if nothing has failed that could run again.
        """
        self.refuse_when_draining()
        return await self._forks.retry(self.parts.reader.execution(tenant, execution_id))

    async def wait_ended(self, execution_id: str, timeout_s: float) -> Execution | None:
        """The record once the execution has ended; None if it has not after `timeout_s`."""
        with (
            trio.move_on_after(timeout_s),
            self.tail.watch(execution_id, ended_only=True) as watch,
        ):
            execution = self.parts.reader.find_execution(execution_id)
            while execution is None or not execution.status.ended:
                await watch.changed()
                execution = watch.latest
            return execution
        return None

    async def call_node(
        self, artifact: Artifact, payload: bytes, terms: Terms | None = None
    ) -> Outcome:
        """Run the one placement of a throw-away artifact: no execution, no history."""
        self.refuse_when_draining()
        placement = artifact.placements[0]
        call = make_call(
            artifact,
            placement,
            payload,
            execution_id=self._ids.execution_id(),
            position=placement.alias,
            attempt=1,
            effect=placement.alias,
            terms=terms or Terms(self.parts.settings.node_timeout_s),
        )
        return await self.parts.runners[placement.runner].run(call, _say_for(artifact.tenant))

    def refuse_when_draining(self) -> None:
        """Raise Draining once the box is stopping."""
        if self._draining:
            raise Draining

    @property
    def draining(self) -> bool:
        """Whether the box is stopping."""
        return self._draining

    def running(self, tenant: str) -> int:
        """Executions of a tenant that have a worker now."""
        return self._scheduler.running(tenant)

    def refuse_when_recovering(self) -> None:
        """Raise Recovering until all that a previous process had is given back."""
        if not self._recovered.is_set():
            raise Recovering

    @property
    def answers(self) -> bool:
        """Whether requests are answered: not while it recovers, unless the store is full."""
        return self._answers.is_set()

    async def wait_answers(self, timeout_s: float) -> bool:
        """Whether requests are answered, after at most `timeout_s`."""
        with trio.move_on_after(timeout_s):
            await self._answers.wait()
        return self.answers

    def is_limited(self, tenant: str, flow: str) -> bool:
        """Whether a limit of the tenant lets no more executions of a flow be worked on."""
        return self._scheduler.is_limited((tenant, flow))

    def waits_for_process(self, execution_id: str, position: Position) -> bool:
        """Whether the call of a node visit waits for a node process at this moment."""
        attempt = self._attempts.get(execution_id)
        return attempt is not None and attempt.waits_for_process(position)

    def statistics(self) -> dict[str, int]:
        """Counts for metrics."""
        return {
            "attempts": len(self._attempts),
            "commits_queued": self.parts.writer.queued,
            "watches": self.tail.watching,
        }

    # -- movement -----------------------------------------------------------------------------

    async def _recover(self) -> None:
        """Give back what a previous process had claimed; waits while the store takes nothing."""
        while True:
            try:
                count = await self._give_back_claimed("the box restarted")
                for fork_id in self.parts.reader.half_forked():
                    await self.parts.writer.submit(commits.give_up_fork(fork_id)).wait()
            except StoreFull as trouble:
                log.warning("store_full", error=str(trouble))
                # That may last, and whoever frees some space wants to look.
                self._answers.set()
                await trio.sleep(_FULL_PAUSE_S)
            else:
                log.info("recovered", executions=count)
                self._recovered.set()
                self._answers.set()
                return

    async def _give_back_claimed(self, reason: str) -> int:
        # What was submitted before is on disk after this, so that `claimed` tells all of it.
        await self.parts.writer.submit(commits.RowsCommit(())).wait()
        claimed = self.parts.reader.claimed()
        for start in range(0, len(claimed), RECOVERY_SLICE_MAX):
            # Not all at once: there may be very many, and others have the loop in between.
            for ticket in self._give_back(claimed[start : start + RECOVERY_SLICE_MAX], reason):
                # Refused if it has ended meanwhile.
                with suppress(Fenced, WrongState):
                    await ticket.wait()
        return len(claimed)

    def _give_back(self, claimed: Sequence[str], reason: str) -> list[Ticket]:
        now_ns = self.parts.clock.now_ns()
        tickets = []
        for execution_id in claimed:
            execution = self.parts.reader.find_execution(execution_id)
            assert execution is not None
            # The end of a box is nobody's fault: any number of them costs an execution nothing.
            fence = execution.attempt
            commit = commits.requeue(execution_id, fence, now_ns, reason, counted=False)
            tickets.append(self.parts.writer.submit(commit))
        return tickets

    async def close(self) -> None:
        """After the last attempt has ended: what is left goes back, at no cost in losses."""
        with suppress(StoreFull, StoreFailed):
            await self._give_back_claimed("the box stopped")

    async def run(self) -> None:
        """Work until `drain` and then cancellation."""
        await self._recover()
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            nursery.start_soon(self._flush_events)
            nursery.start_soon(self._timers.run)
            nursery.start_soon(self.schedules.run)
            nursery.start_soon(Retention(self.parts).run)
            nursery.start_soon(
                self._scheduler.run,
                lambda chosen: self._start(nursery, chosen.execution_id),
                self._wait_claimed,
            )

    def _start(
        self, nursery: trio.Nursery, execution_id: str, claimed: Ticket | None = None
    ) -> None:
        attempt = Attempt(self.parts, execution_id, claimed)
        self._attempts[execution_id] = attempt
        nursery.start_soon(self._work, attempt)

    async def _wait_claimed(self) -> None:
        """Return once what was started has been claimed, on disk, or could not be."""
        # The attempts submit their claims when they first run.
        await trio.lowlevel.checkpoint()
        with suppress(StoreFull, StoreFailed):
            await self.parts.writer.submit(commits.RowsCommit(())).wait()

    def _stop(self, cancelled: Sequence[Execution]) -> None:
        """Stop the calls of executions that were cancelled, by whomever."""
        for execution in cancelled:
            attempt = self._attempts.get(execution.execution_id)
            if attempt is not None:
                attempt.cancel()

    async def _work(self, attempt: Attempt) -> None:
        again = False
        try:
            again = await work(self.parts, attempt)
        finally:
            del self._attempts[attempt.execution_id]
            attempt.finished.set()
            self._scheduler.ended(attempt.execution_id, again=again)
            if not self._attempts:
                self._quiet.set()

    async def _flush_events(self) -> None:
        delay_s = self.parts.settings.started_delay_ms / 1000
        while True:
            await self.parts.writer.lingering.wait()
            await trio.sleep(delay_s)
            self.parts.writer.flush()

    async def drain(self) -> None:
        """Take nothing new, and give running attempts `drain_s` to finish."""
        self._draining = True
        self._scheduler.close()
        self.schedules.close()
        with trio.move_on_after(self.parts.settings.drain_s):
            while self._attempts:
                self._quiet = trio.Event()
                await self._quiet.wait()
        log.info("drained", left_for_the_next_start=len(self._attempts))

    async def _keep(self, payload: bytes) -> Payload:
        if self.parts.blobs.is_small(payload):
            return Payload(len(payload), payload)
        kept = await self.parts.run_blocking(self.parts.blobs.keep, payload)
        assert isinstance(kept, Payload)
        return kept


@asynccontextmanager
async def open_engine(parts: Parts) -> AsyncIterator[Engine]:
    """The engine at work; leaving drains it and stops every call that is still running."""
    engine = Engine(parts)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(engine.run)
            try:
                yield engine
            finally:
                if not engine.draining:
                    with trio.CancelScope(shield=True):
                        # Shielded: bounded by drain_s.
                        await engine.drain()
                nursery.cancel_scope.cancel()
    finally:
        # Shielded, and bounded: a commit or two, without which the next start does the same.
        with trio.move_on_after(_CLOSE_S, shield=True):
            await engine.close()


def _position(artifact: Artifact, visit: str) -> Position:
    alias, iteration, items = parse_position(visit)
    return Position(artifact.index_of[alias], iteration, items)


async def _until_taken(submit: Callable[[], Ticket]) -> Result:
    """Submit what a person says, past any worker that begins with it or lets go just then."""
    while True:
        try:
            return await submit().wait()
        except (Occupied, Fenced):
            await trio.sleep(_SETTLE_AGAIN_S)


def _say_for(tenant: str) -> Callable[[NodeEvent], None]:
    """What becomes of what a node says that was called without an execution."""

    def say(event: NodeEvent) -> None:
        if event.message:
            log.info("node_said", tenant=tenant, said=event.level, message=event.message)

    return say
