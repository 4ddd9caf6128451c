"""One worker's numbered try at an execution: claim, fold, then call and commit until it ends.

Two lines carry everything. In `run` the claim is awaited *before* the journal is folded, so that
nothing of an earlier attempt can slip in between. In `commit` a decision is awaited before the
visits that it makes due are handed out. How calls follow each other is the mode's own business:
`engine/unary.py` and `engine/pipeline.py`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Literal

import attrs
import trio

from axiomd.clock import LOOK_AGAIN_S, NS_PER_S
from axiomd.engine.backoff import Backoff
from axiomd.engine.calls import event_entry, make_call
from axiomd.engine.parts import Parts
from axiomd.engine.routing import Routing
from axiomd.errors import AxiomdError, Fenced, StoreFull, WrongState
from axiomd.execution.call import (
    Content,
    ContentParts,
    Crashed,
    Failure,
    Lost,
    NodeCall,
    NodeEvent,
    describe_end,
)
from axiomd.execution.compensation import or_undo
from axiomd.execution.debugging import OF_A_HELD_VISIT, has_to_hold
from axiomd.execution.execution import Execution
from axiomd.execution.history import History
from axiomd.execution.journal import Entry, EntryKind, Payload
from axiomd.execution.pauses import after_asking, after_silence, unheard
from axiomd.execution.plan import (
    Decision,
    after_doubt,
    after_failure,
    after_fault,
    after_hold,
    after_loss,
    is_doubtful,
    is_last,
)
from axiomd.execution.position import Position, position_text, visit_text
from axiomd.execution.spread import Turn
from axiomd.execution.status import PARKING, Trigger
from axiomd.flow.artifact import Artifact, Mode
from axiomd.flow.rules import EdgeFault
from axiomd.limits import (
    LOG_BYTES_PER_CALL_MAX,
    LOG_EVENTS_PER_CALL_MAX,
    STREAMED_BYTES_MIN,
)
from axiomd.runners.base import Runner
from axiomd.store import commit as commits
from axiomd.store.writer import Ticket

PAUSE_S = 0.01
PAUSE_S_MAX = 1.0
"""Between the calls of a node visit that were taken away."""
_FULL_PAUSE_S = 0.5
_FULL_PAUSE_S_MAX = 10.0


@attrs.frozen
class Stopped:
    """A node call that a cancel brought to its end."""

    execution_id: str
    """The execution that was cancelled, or one that ran for it."""
    placement: str
    attempt: int
    how: str
    """`killed`: its process is dead. `cooperative`: it ended when told to, or had not started."""
    ms: float
    """Milliseconds from the cancel to the proof of it."""


Body = Callable[["Attempt"], Awaitable[None]]
"""Works through a folded history until the execution has ended."""
Work = Mode | Literal["undoing"]
"""What there is to do with a folded history."""


class Attempt:
    """What a worker slot runs."""

    def __init__(self, parts: Parts, execution_id: str, claimed: Ticket | None = None) -> None:
        self.execution_id = execution_id
        self._claimed = claimed
        """The commit that claims it, once that is submitted: with the acceptance, or later."""
        self.stopped: list[Stopped] = []
        """Calls that `cancel` ended."""
        self.finished = trio.Event()
        """Set when nothing of this attempt is running any more."""
        self.fence = 0
        """Its number, once claimed."""
        self.parts = parts
        self.execution: Execution
        self.artifact: Artifact
        self.history: History
        self.routing: Routing
        self.ended = False
        """Whether a decision that ends or parks the execution was submitted."""
        self.parked = False
        """Whether that was one that parks it, or queues it again to be undone."""
        self._folded = False
        self.on_settled: Callable[[Position], None] | None = None
        """Goes on with a visit that a person has settled: one in doubt, or a paused one."""
        self._scope = trio.CancelScope()
        self._started: set[Position] = set()
        """Visits whose call was handed to a node, not merely to a queue."""
        self._how_stopped: dict[Position, str] = {}
        """What runners said of the calls that a cancel ended."""
        self._over = False
        self._trouble: AxiomdError | None = None
        self._cancelled_at: float | None = None

    async def run(self, bodies: Mapping[Work, Body]) -> None:
        """Work until the execution has ended, or somebody else has it.

        bodies: what works through a history, by what is to do. Raises StoreFull or StoreFailed if
        a commit could not be written, WrongState if the journal is full. Cancelling leaves the
        execution claimed; the next start of the box, or the slot, requeues it.
        """
        with self._scope:
            try:
                if not await self._claim():
                    return
                entries = self.parts.reader.journal(self.execution_id)
                self.history = History.fold(self.artifact, entries)
                self._folded = True
                await bodies["undoing" if self.history.undoing else self.artifact.mode](self)
            finally:
                self._over = True
        if self._trouble is not None:
            raise self._trouble

    def cancel(self, *, undoing: bool = False) -> None:
        """Stop every call, at once; `finished` says when that is done.

        undoing: whether the execution is queued again.
        """
        self.parked = self.parked or undoing
        if self._cancelled_at is None:
            self._cancelled_at = trio.current_time()
        self._scope.cancel()

    @property
    def is_claiming(self) -> bool:
        """Whether it has submitted its claim: what is submitted from now on is judged behind it."""
        return self._claimed is not None

    @property
    def known_history(self) -> History | None:
        """The history with everything that was submitted; None before the journal is folded."""
        return self.history if self._folded else None

    @property
    def named(self) -> dict[str, str]:
        """Which execution it is at, for the log."""
        tenant = {"tenant": self.execution.tenant} if self.fence else {}
        return {"execution_id": self.execution_id, **tenant}

    @property
    def parent_id(self) -> str:
        """The execution that its own is a child of; empty if it is none, or not claimed yet."""
        return self.execution.parent_id if self.fence else ""

    async def _claim(self) -> bool:
        self._claimed = self._claimed or self.parts.writer.submit(
            commits.claim(self.execution_id, self.parts.clock.now_ns())
        )
        try:
            execution = await self._claimed.wait()
        except WrongState:
            # Cancelled between the choice and the claim.
            return False
        if not isinstance(execution, Execution):
            # An earlier request with the same Idempotency-Key made another one.
            return False
        self.execution = execution
        self.fence = self.execution.attempt
        tenant, graph_id = self.execution.tenant, self.execution.graph_id
        self.artifact = self.parts.artifact(tenant, graph_id)
        rules = self.parts.rules(tenant, graph_id)
        self.routing = Routing(self.artifact, rules, self.read, self.keep)
        return True

    async def decide_trouble(
        self, position: Position, outcome: Failure | Crashed | Lost, frames: int = 0
    ) -> Decision:
        """What follows from an end that is no output."""
        artifact, history, at_ns = self.artifact, self.history, self.parts.clock.now_ns()
        if position in self._started and is_doubtful(artifact, position, outcome):
            return self.doubt(position, describe_end(outcome))
        try:
            turns = await self._rescue(position, outcome)
        except EdgeFault as fault:
            return self.fault(position, None, fault)
        if isinstance(outcome, Lost):
            return after_loss(artifact, history, position, outcome.reason, at_ns, frames, turns)
        chance = self.parts.chance()
        return after_failure(artifact, history, position, outcome, at_ns, chance, frames, turns)

    async def _rescue(
        self, position: Position, outcome: Failure | Crashed | Lost
    ) -> Sequence[Turn]:
        """What the edges for failures do, if this is the last one."""
        if not is_last(self.artifact, self.history, position, outcome):
            return ()
        kind = outcome.kind if isinstance(outcome, Failure) else "NODE_CRASHED"
        attempts = self.history.calls.get(position, 0)
        return await self.routing.of_failure(position, kind, describe_end(outcome), attempts)

    def fault(self, position: Position, payload: Payload | None, fault: EdgeFault) -> Decision:
        """An expression has failed; `payload` is what the visit has returned, if it has."""
        ending = self.routing.ending(position, fault)
        return after_fault(self.history, position, payload, ending, self.parts.clock.now_ns())

    def doubt(self, position: Position, reason: str) -> Decision:
        """Nobody can tell whether this visit, which must not run twice, has happened."""
        at_ns = self.parts.clock.now_ns()
        return after_doubt(self.artifact, self.history, position, reason, at_ns)

    def has_to_ask(self, position: Position) -> bool:
        """Whether a person has to answer for this visit before it is called."""
        paused = self.artifact.placements[position.placement].hitl is not None
        return paused and position not in self.history.answered

    def ask(self, position: Position) -> Decision:
        """Open the pause of this visit."""
        at_ns = self.parts.clock.now_ns()
        return after_asking(self.artifact, position, self.execution_id, at_ns)

    def expire(self, position: Position) -> Decision:
        """Let the policy of this visit's pause answer."""
        at_ns = self.parts.clock.now_ns()
        return after_silence(self.artifact, position, self.execution_id, at_ns)

    def is_once(self, position: Position) -> bool:
        """Whether the visit must never run again silently."""
        return self.artifact.placements[position.placement].once

    @property
    def takes_settlements(self) -> bool:
        """Whether `settle` may be called: it works on a folded history, and goes on doing so."""
        return self.on_settled is not None and not self.ended and not self._over

    def settle(self, entry: Entry, visit: str) -> Ticket:
        """A person has settled a visit in doubt or a paused one: take that in, and go on with it.

        Raises WrongState if somebody was faster; what a decision builds on is known here first.
        """
        assert self.on_settled is not None
        assert entry.position is not None
        words = unheard(
            entry,
            f"{visit} of {self.execution_id}",
            doubted=entry.position in self.history.doubts,
            expires_ns=self.history.pauses.get(entry.position),
        )
        if words is not None:
            raise WrongState(words)
        ticket = self.submit(commits.settle(self.execution_id, self.fence, entry, visit))
        self.history.apply(entry)
        self.on_settled(entry.position)
        return ticket

    def direct(self, entry: Entry, visit: str) -> Ticket:
        """A debug session says how to go on: take that in, and start what it lets go.

        Raises WrongState if the visit that it names is not held any more.
        """
        assert self.on_settled is not None
        if entry.kind in OF_A_HELD_VISIT and entry.position not in self.history.session.held:
            raise WrongState(f"{visit} of {self.execution_id} is not held.")
        ticket = self.submit(commits.direct(self.execution_id, self.fence, entry, visit))
        released = self.history.session.let_go_by(entry)
        self.history.apply(entry)
        for position in released:
            self.on_settled(position)
        return ticket

    def has_to_hold(self, position: Position) -> bool:
        """Whether a debug session stops before this visit."""
        return has_to_hold(self.history, position)

    def hold(self, position: Position) -> Decision:
        """Stop before this visit."""
        return after_hold(position, self.parts.clock.now_ns())

    def _held(self) -> tuple[str, ...] | None:
        """What a debug session holds; None without one."""
        if self.history.session.debug is None:
            return None
        return tuple(visit_text(self.artifact, p) for p in self.history.session.held)

    async def commit(self, decision: Decision) -> list[Position]:
        """Make a decision durable and return the visits that it made due.

        The history takes it in at the moment of submitting, in the same breath in which it was
        made: the next decision builds on it. Its successors start only after the wait.
        """
        await self.still_ours()
        decision = or_undo(self.artifact, self.history, decision)
        at_ns = self.parts.clock.now_ns()
        for entry in decision.entries:
            if entry.kind is not EntryKind.COMPENSATION_BEGUN:
                # That is for the next attempt: whatever else runs here knows its own visit still.
                self.history.apply(entry)
        left, held = tuple(self.history.take_left()), self._held()
        ticket = self.submit(
            commits.decided(self.execution_id, self.fence, at_ns, decision, left, held)
        )
        following = self.history.take_due()
        leaves = decision.trigger not in (None, Trigger.COMPENSATE)
        self.ended = self.ended or leaves
        self.parked = self.parked or decision.trigger in (*PARKING, Trigger.UNDO)
        await self.durable(ticket)
        if leaves:
            # Whatever else of it is still running: nobody waits for that any more.
            await self.leave()
        return following

    def submit(
        self, commit: commits.ExecutionCommit, on_disk: Callable[[], None] = lambda: None
    ) -> Ticket:
        """Queue a commit that builds on this history; a refusal of it ends this attempt.

        The refusal is taken in while it is told, before any branch runs again: so none can build
        on what was lost. on_disk: called, in the same way, once the commit is durable.
        """

        def told(refusal: AxiomdError | None) -> None:
            if refusal is None:
                on_disk()
            else:
                self._refuse(refusal)

        ticket = self.parts.writer.submit(commit)
        ticket.then(told)
        return ticket

    async def durable(self, ticket: Ticket) -> None:
        """Await a ticket of `submit`."""
        try:
            await ticket.wait()
        except AxiomdError:
            # `submit` has heard of it, so this is cancelled.
            await trio.lowlevel.checkpoint()

    async def still_ours(self) -> None:
        """Go on at once, without a pause, unless this attempt is over."""
        if self._over:
            await trio.lowlevel.checkpoint()
        elif self.ended:
            # Its last commit is on its way: durable or refused, nothing can follow from this.
            await trio.sleep_forever()

    def _refuse(self, refusal: AxiomdError) -> None:
        if not isinstance(refusal, Fenced):
            self._trouble = refusal
        self._over = True
        self._scope.cancel()

    async def leave(self) -> None:
        """End this attempt now, whatever else of it is still running."""
        self._over = True
        self._scope.cancel()
        await trio.lowlevel.checkpoint()

    async def sleep_until(self, due_ns: int) -> None:
        """Wait for a wall time. It may be set meanwhile, so this looks again."""
        left_ns = due_ns - self.parts.clock.now_ns()
        while left_ns > 0:
            await trio.sleep(min(left_ns / NS_PER_S, LOOK_AGAIN_S))
            left_ns = due_ns - self.parts.clock.now_ns()

    def runner(self, position: Position) -> Runner:
        """What runs the placement of this visit."""
        return self.parts.runners[self.artifact.placements[position.placement].runner]

    async def begin_call(self, position: Position) -> int:
        """Note that a call starts; its number within the visit.

        Waits for the disk only if the node must not run twice.
        """
        attempt = self.history.calls.get(position, 0) + 1
        entry = Entry(EntryKind.NODE_STARTED, self.parts.clock.now_ns(), position, attempt)
        if self.is_once(position):
            self.history.apply(entry)
            commit = commits.started(self.execution_id, self.fence, entry)
            await self.durable(self.submit(commit))
        else:
            self.note(entry)
        return attempt

    def note(self, entry: Entry) -> None:
        """An event that nobody waits for: it shares the next commit of anything."""
        self.history.apply(entry)
        self.parts.writer.submit_later(
            commits.note(self.execution_id, self.fence, entry.at_ns, entry)
        )

    def waits_for_process(self, position: Position) -> bool:
        """Whether a call of this visit has begun, and no node has it yet."""
        known = self._folded and position in self.history.unanswered
        return known and position not in self._started

    def note_stopped(self, position: Position, attempt: int) -> None:
        """A cancel ended this call."""
        if self._cancelled_at is not None:
            ms = (trio.current_time() - self._cancelled_at) * 1000
            alias = self.artifact.placements[position.placement].alias
            unsaid = "killed" if position in self._started else "cooperative"
            how = self._how_stopped.get(position, unsaid)
            self.stopped.append(Stopped(self.execution_id, alias, attempt, how, round(ms, 3)))

    def emitter(self, position: Position, attempt: int) -> Callable[[NodeEvent], None]:
        """What a runner calls with the events of one call."""
        events_left, bytes_left = LOG_EVENTS_PER_CALL_MAX, LOG_BYTES_PER_CALL_MAX

        def emit(event: NodeEvent) -> None:
            nonlocal events_left, bytes_left
            if event.kind == "started":
                self._started.add(position)
                return
            if event.kind == "stopped":
                self._how_stopped[position] = event.level
                return
            if events_left <= 0:
                return
            entry = event_entry(event, position, attempt, self.parts.clock.now_ns())
            events_left, bytes_left = events_left - 1, bytes_left - len(entry.detail)
            if events_left == 0 or bytes_left < 0:
                events_left = 0
                last = NodeEvent("log", "warn", "this call says too much; the rest is dropped")
                entry = event_entry(last, position, attempt, entry.at_ns)
            self.note(entry)

        return emit

    def node_call(
        self, position: Position, attempt: int, payload: bytes | ContentParts, resume_index: int = 0
    ) -> NodeCall:
        """The call of one node visit; not started until its runner says so."""
        self._started.discard(position)
        self._how_stopped.pop(position, None)
        placement = self.artifact.placements[position.placement]
        text = position_text(position, placement.alias)
        # A unary node in a pipeline does one thing for each frame, so each has its own key.
        effect = text if placement.kind == self.artifact.mode else f"{text}/{resume_index}"
        return make_call(
            self.artifact,
            placement,
            payload,
            execution_id=self.execution_id,
            position=text,
            attempt=attempt,
            effect=effect,
            terms=self.execution.terms,
            resume_index=resume_index,
        )

    async def read(self, payloads: tuple[Payload, ...]) -> bytes:
        """The bytes of an input: several messages one behind the other are their merge."""
        if len(payloads) == 1 and payloads[0].inline is not None:
            return payloads[0].inline
        parts = [
            payload.inline
            if payload.inline is not None
            else await self.parts.run_blocking(self.parts.blobs.get, payload)
            for payload in payloads
        ]
        return b"".join(parts)

    async def input_of(self, payloads: tuple[Payload, ...]) -> bytes | ContentParts:
        """What a call is made with: a large input stays where it is until it is sent."""
        if sum(payload.size for payload in payloads) < STREAMED_BYTES_MIN:
            return await self.read(payloads)
        blobs = self.parts.blobs
        return tuple([await self.parts.run_blocking(blobs.part, payload) for payload in payloads])

    async def keep(self, content: Content) -> Payload:
        """The payload of `content`, durable where it has to be before it is named.

        Waits while the disk has no room: the node has run, and need not run again for that.
        """
        if self.parts.blobs.is_small(content):
            return Payload(len(content), bytes(content))
        backoff = Backoff(_FULL_PAUSE_S, _FULL_PAUSE_S_MAX)
        while True:
            try:
                payload = await self.parts.run_blocking(self.parts.blobs.keep, content)
            except StoreFull:
                await backoff.pause()
            else:
                assert isinstance(payload, Payload)
                return payload
