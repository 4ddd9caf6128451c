"""Writes that become true together, as data.

An `ExecutionCommit` says what happened to one execution; the writer, holding the stored record,
judges whether it may. Build one with a named constructor, so that no caller can put together a
combination that the table of statuses does not have. A `RowsCommit` changes the catalog.
"""

import json

import attrs

from axiomd.execution.arrivals import Arrival
from axiomd.execution.compensation import begun_entry, cancelled_ending
from axiomd.execution.debugging import begun
from axiomd.execution.deliveries import Delivery
from axiomd.execution.execution import Ending, Execution, OpenPause
from axiomd.execution.journal import SETTLING, Entry, EntryKind, Payload
from axiomd.execution.plan import Decision, failed_entry
from axiomd.execution.schedules import Schedule
from axiomd.execution.status import Status, Trigger
from axiomd.store import keys
from axiomd.store.acts import Act

NO_FENCE = 0


@attrs.frozen
class FrameRow:
    """One frame that a placement emitted."""

    placement: int
    index: int
    payload: Payload


@attrs.frozen
class IdempotencyClaim:
    """The wish that a key makes one execution only."""

    key_hash: bytes
    body_hash: bytes


@attrs.frozen
class ExecutionCommit:
    """Something that happened to one execution."""

    execution_id: str
    at_ns: int
    entries: tuple[Entry, ...] = ()
    frames: tuple[FrameRow, ...] = ()
    arrivals: tuple[Arrival, ...] = ()
    trigger: Trigger | None = None
    fence: int = NO_FENCE
    """The attempt that says so; its commit is refused once a later attempt has begun."""
    failure: Ending | None = None
    create: Execution | None = None
    """The record, if this commit makes the execution."""
    idempotency: IdempotencyClaim | None = None
    counted: bool = True
    """Whether a requeue is a loss, of which there may only be so many without progress."""
    note: bool = False
    """Whether nothing is lost with it but words."""
    progress: bool = False
    """Whether this is work done, which clears the count of losses."""
    wake_ns: int = 0
    """When a parked execution goes on by itself."""
    doubted: str = ""
    """A node visit that a person has to settle from now on."""
    settled: str = ""
    """The node visit that a person has settled; it must be one that is in doubt, or paused."""
    opened: OpenPause | None = None
    """A node visit that a person has to answer for from now on."""
    dropped: tuple[str, ...] = ()
    """Node visits about which nobody is asked any more."""
    ended_at: tuple[str, ...] = ()
    """Where its branches ended, if it completes without its terminal."""
    begets: "ExecutionCommit | None" = None
    """What makes the child that begins for a visit of it."""
    leaves: tuple[str, ...] = ()
    """Children that it does not wait for any more; those that have not ended are cancelled."""
    awaits: tuple[str, ...] = ()
    """Children that it waits for while it is parked; if one has ended, it wakes at once."""
    directs: bool = False
    """Whether this is a command to a debug session."""
    visit: str = ""
    """The held node visit that such a command is for, if it is for one."""
    held: tuple[str, ...] | None = None
    """The node visits that a debug session holds from now on, if that changes."""


@attrs.frozen
class RowsCommit:
    """Rows of the catalog: packages, drafts, artifacts, keys."""

    puts: tuple[tuple[str, bytes, bytes], ...]
    """(table, key, value)."""
    unless: tuple[str, bytes] | None = None
    """(table, key): if that row exists, nothing is written and its value is the result."""
    deletes: tuple[tuple[str, bytes], ...] = ()
    """(table, key)."""
    acts: tuple[Act, ...] = ()
    """What of it stands in the log of administrative acts."""
    still: tuple[tuple[str, bytes, bytes | None], ...] = ()
    """(table, key, value): rows from which it follows. If one is another by now, it is refused."""


@attrs.frozen
class ForgetCommit:
    """A slice of forgetting: of executions that ended long ago, a bounded number of rows."""

    executions: tuple[str, ...]
    """Those of which a history is still left, or a tenant's that may be due."""
    tenant: str = ""
    ended_before_ns: int = 0
    """Which of `tenant`'s executions are old enough; judged by the stored record."""


@attrs.frozen
class CopyCommit:
    """A slice of a history for an execution that has no record yet: a fork that is being made."""

    execution_id: str
    first: int
    """The seq of the first entry."""
    entries: tuple[Entry, ...]


@attrs.frozen
class SignInCommit:
    """A sign-in link is used for a session; both are named as they are stored."""

    link: bytes
    session: bytes
    at_ns: int


@attrs.frozen
class DeliveryCommit:
    """What became of a delivery."""

    before: Delivery
    """As it must be stored: whoever has seen another one knows too little."""
    after: Delivery
    entry: Entry
    """What the history says of that."""
    stops: bool = False
    """Whether its receiver is gone: nothing more is told to that subscription."""


@attrs.frozen
class PurgeCommit:
    """A slice of forgetting notifications of executions that go on."""

    deliveries: tuple[tuple[str, str], ...]
    """Execution and key of each."""
    created_before_ns: int


@attrs.frozen
class ScheduleCommit:
    """What becomes of a schedule, and the execution that it makes with that."""

    before: Schedule | None
    """As it must be stored: whoever has seen another one knows too little. None if it is new."""
    after: Schedule | None
    """None if it is deleted."""
    fires: ExecutionCommit | None = None
    """What makes the execution."""
    acts: tuple[Act, ...] = ()
    """What of it stands in the log of administrative acts."""


Commit = (
    ExecutionCommit
    | RowsCommit
    | ForgetCommit
    | CopyCommit
    | SignInCommit
    | DeliveryCommit
    | PurgeCommit
    | ScheduleCommit
)

_PROGRESS = frozenset({EntryKind.NODE_COMPLETED, EntryKind.COMPENSATION_COMPLETED})
"""What is work done, if a decision begins with it."""


def accept(
    execution: Execution,
    payload: Payload,
    idempotency: IdempotencyClaim | None = None,
    *,
    claimed: bool = False,
) -> ExecutionCommit:
    """A new execution with its input; `claimed` by the worker that waits for it already."""
    assert execution.status is Status.QUEUED
    at_ns = execution.created_ns
    if idempotency is not None:
        execution = attrs.evolve(execution, idempotency=idempotency.key_hash)
    entries = [Entry(EntryKind.EXECUTION_ACCEPTED, at_ns, payload=payload)]
    if execution.debug is not None:
        entries.append(begun(execution.debug, at_ns))
    if claimed:
        entries.append(Entry(EntryKind.EXECUTION_CLAIMED, at_ns))
    return ExecutionCommit(
        execution.execution_id,
        at_ns,
        entries=tuple(entries),
        trigger=Trigger.CLAIM if claimed else None,
        create=execution,
        idempotency=idempotency,
    )


def forked(execution: Execution, entry: Entry) -> ExecutionCommit:
    """A fork is complete: what `CopyCommit`s have written becomes an execution."""
    assert entry.kind is EntryKind.EXECUTION_FORKED
    assert execution.status is Status.QUEUED
    entries = [entry]
    if execution.debug is not None:
        entries.append(begun(execution.debug, entry.at_ns))
    identity = execution.execution_id
    return ExecutionCommit(identity, entry.at_ns, entries=tuple(entries), create=execution)


def give_up_fork(execution_id: str) -> RowsCommit:
    """A fork that will not be completed: what was written of it may be forgotten."""
    return RowsCommit(((keys.FORGOTTEN, keys.execution_key(execution_id), b""),))


def claim(execution_id: str, at_ns: int) -> ExecutionCommit:
    """A worker begins the next attempt."""
    entry = Entry(EntryKind.EXECUTION_CLAIMED, at_ns)
    return ExecutionCommit(execution_id, at_ns, entries=(entry,), trigger=Trigger.CLAIM)


def requeue(
    execution_id: str, fence: int, at_ns: int, reason: str, *, counted: bool = True
) -> ExecutionCommit:
    """The worker, or the box, that had attempt `fence` is gone; `counted` as a loss."""
    detail = json.dumps({"reason": reason})
    entry = Entry(EntryKind.EXECUTION_REQUEUED, at_ns, attempt=fence, detail=detail)
    return ExecutionCommit(
        execution_id,
        at_ns,
        entries=(entry,),
        trigger=Trigger.REQUEUE,
        fence=fence,
        counted=counted,
    )


def started(execution_id: str, fence: int, entry: Entry) -> ExecutionCommit:
    """A call starts that must not be made twice: durable before it is made."""
    return ExecutionCommit(execution_id, entry.at_ns, entries=(entry,), fence=fence)


def note(execution_id: str, fence: int, at_ns: int, entry: Entry) -> ExecutionCommit:
    """An event that changes nothing: a call started, a node logged."""
    return ExecutionCommit(execution_id, at_ns, entries=(entry,), fence=fence, note=True)


def decided(
    execution_id: str,
    fence: int,
    at_ns: int,
    decision: Decision,
    leaves: tuple[str, ...] = (),
    held: tuple[str, ...] | None = None,
) -> ExecutionCommit:
    """The end of a node call and all that follows from it.

    leaves: children that it does not wait for any more. held: what a debug session holds after it.
    """
    child = decision.child
    return ExecutionCommit(
        execution_id,
        at_ns,
        entries=decision.entries,
        trigger=decision.trigger,
        fence=fence,
        failure=decision.failure,
        progress=decision.entries[0].kind in _PROGRESS,
        wake_ns=decision.wake_ns,
        doubted=decision.doubted,
        opened=decision.opened,
        dropped=decision.dropped,
        ended_at=decision.ended_at,
        begets=accept(child.execution, child.payload) if child is not None else None,
        leaves=leaves,
        awaits=decision.awaits,
        held=held,
    )


def wake(execution_id: str, at_ns: int) -> ExecutionCommit:
    """A parked execution's time has come."""
    entry = Entry(EntryKind.EXECUTION_WOKEN, at_ns)
    return ExecutionCommit(execution_id, at_ns, entries=(entry,), trigger=Trigger.WAKE)


def settle(execution_id: str, fence: int, entry: Entry, visit: str) -> ExecutionCommit:
    """A person has said whether a visit in doubt has happened, or whether a paused one may.

    fence: the attempt that takes it in, if one is at work; a parked execution wakes.
    """
    assert entry.kind in SETTLING
    return ExecutionCommit(execution_id, entry.at_ns, entries=(entry,), fence=fence, settled=visit)


def direct(execution_id: str, fence: int, entry: Entry, visit: str = "") -> ExecutionCommit:
    """A command to a debug session; `visit`, if it is for one, must be held.

    fence: the attempt that takes it in, if one is at work; a parked execution may wake.
    """
    return ExecutionCommit(
        execution_id, entry.at_ns, entries=(entry,), fence=fence, directs=True, visit=visit
    )


def frames(
    execution_id: str, fence: int, at_ns: int, rows: tuple[FrameRow, ...]
) -> ExecutionCommit:
    """Frames that a placement emitted."""
    return ExecutionCommit(execution_id, at_ns, frames=rows, fence=fence, progress=True)


def arrived(
    execution_id: str, fence: int, at_ns: int, arrivals: tuple[Arrival, ...]
) -> ExecutionCommit:
    """What an XOR gate takes next."""
    return ExecutionCommit(execution_id, at_ns, arrivals=arrivals, fence=fence)


def cancel(execution_id: str, at_ns: int, detail: str) -> ExecutionCommit:
    """Somebody ended it."""
    entry = Entry(EntryKind.EXECUTION_CANCELLED, at_ns, detail=detail)
    return ExecutionCommit(
        execution_id,
        at_ns,
        entries=(entry,),
        trigger=Trigger.CANCEL,
        failure=cancelled_ending(),
    )


def undo(execution_id: str, at_ns: int, by: str = "") -> ExecutionCommit:
    """Somebody, `by`, ended it, once what it has done is compensated."""
    entry = begun_entry(Status.CANCELLED, cancelled_ending(), at_ns, by)
    return ExecutionCommit(execution_id, at_ns, entries=(entry,), trigger=Trigger.UNDO)


def undo_failed(execution_id: str, fence: int, at_ns: int, ending: Ending) -> ExecutionCommit:
    """It fails for a reason that is no node's, once what it has done is compensated."""
    entry = begun_entry(Status.FAILED, ending, at_ns)
    return ExecutionCommit(execution_id, at_ns, entries=(entry,), trigger=Trigger.UNDO, fence=fence)


def cancel_child(execution_id: str, parent_id: str, at_ns: int) -> ExecutionCommit:
    """Its parent has ended, or goes on without it."""
    commit = cancel(execution_id, at_ns, json.dumps({"parent_id": parent_id}))
    words = f"its parent execution {parent_id} does not wait for it any more"
    return attrs.evolve(commit, failure=Ending("CANCELLED", words))


def failed(execution_id: str, fence: int, at_ns: int, ending: Ending) -> ExecutionCommit:
    """It failed for a reason that is no node's."""
    return ExecutionCommit(
        execution_id,
        at_ns,
        entries=(failed_entry(ending, at_ns),),
        trigger=Trigger.FAIL,
        fence=fence,
        failure=ending,
    )
