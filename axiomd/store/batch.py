"""One transaction of the writer: judge each commit against what is stored, then apply it.

All preconditions live here: the attempt's fence, the table of statuses, the uniqueness of an
idempotency key. Each execution record that a batch touches is read once and put once, at the end;
in between, a commit is judged against what the commits before it in the batch have left. Judging
comes before writing, so a refused commit leaves no row behind.

What a commit means for the parent and the children of its execution is applied with it, here and
nowhere else: a parent that waits wakes, and children that nobody waits for are cancelled.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs
import lmdb

from axiomd.errors import Fenced, IdempotencyConflict, NotFound, Occupied, WrongState
from axiomd.execution.debugging import after_command, refusal
from axiomd.execution.execution import Execution, index_keys
from axiomd.execution.journal import Entry, trigger_of
from axiomd.execution.pauses import unheard
from axiomd.execution.status import (
    ENDING,
    PARKING,
    TRANSITIONS,
    IllegalTransition,
    Residence,
    Trigger,
    advance,
)
from axiomd.limits import JOURNAL_ENTRIES_MAX, JOURNAL_NOTES_MAX, JOURNAL_UNDOING_MAX
from axiomd.store import keys
from axiomd.store.acts import put_acts
from axiomd.store.commit import (
    NO_FENCE,
    Commit,
    CopyCommit,
    DeliveryCommit,
    ExecutionCommit,
    ForgetCommit,
    PurgeCommit,
    RowsCommit,
    ScheduleCommit,
    SignInCommit,
    cancel_child,
    wake,
)
from axiomd.store.deliveries import Deliveries
from axiomd.store.env import Store, get
from axiomd.store.forget import Forgetting, Forgotten
from axiomd.store.records import (
    IdempotencyRecord,
    decode_execution,
    decode_idempotency,
    encode_arrival,
    encode_entry,
    encode_execution,
    encode_frame,
    encode_idempotency,
)
from axiomd.store.schedules import change_schedule
from axiomd.store.sign_in import use_link


@attrs.frozen
class Duplicate:
    """The Idempotency-Key has already made this execution, from the same body."""

    execution_id: str


@attrs.define
class Effects:
    """What a batch has done to executions, for who tells of it or counts it."""

    changed: Sequence[Execution] = ()
    """The records that it has changed, of whomever: also of parents and children."""
    ended: list[Execution] = attrs.field(factory=list)
    """Those of them that it has ended."""
    living: dict[str, int] = attrs.field(factory=dict)
    """How many more executions that have not ended have each status."""
    frames: int = 0
    """Frames that it has written."""

    def note(self, before: Execution | None, after: Execution) -> None:
        """A record was changed."""
        was = before.status if before is not None else None
        if after.status is was:
            return
        living = self.living
        if was is not None and not was.ended:
            living[was.value] = living.get(was.value, 0) - 1
        if not after.status.ended:
            living[after.status.value] = living.get(after.status.value, 0) + 1
        else:
            self.ended.append(after)


@attrs.frozen
class Existing:
    """A `RowsCommit` found the row it must not replace."""

    value: bytes


Result = Execution | Duplicate | Existing | Forgotten | None
"""The record after an `ExecutionCommit`; None after what changes none."""


class Batch:
    """The commits of one write transaction."""

    def __init__(self, store: Store, transaction: "lmdb.Transaction") -> None:
        self._tables = store.tables
        self._transaction = transaction
        self._deliveries = Deliveries(store.tables, transaction)
        self._stored: dict[str, Execution] = {}
        self._latest: dict[str, Execution] = {}
        self.effects = Effects()
        """Complete once it is finished."""

    def add(self, commit: Commit) -> Result:
        """Judge and apply one commit.

        Raises Fenced, WrongState, IdempotencyConflict, NotFound, LinkUnusable or TenantDisabled:
        then nothing of it is written.
        """
        if isinstance(commit, RowsCommit):
            return self._add_rows(commit)
        if isinstance(commit, ForgetCommit):
            return Forgetting(self._tables, self._transaction).apply(commit, self._latest)
        if isinstance(commit, CopyCommit):
            self._add_copy(commit)
            return None
        if isinstance(commit, SignInCommit):
            use_link(self._tables, self._transaction, commit)
            return None
        if isinstance(commit, PurgeCommit):
            self._deliveries.purge(commit)
            return None
        if isinstance(commit, DeliveryCommit):
            return self._add_delivery(commit)
        if isinstance(commit, ScheduleCommit):
            return self._add_schedule(commit)
        if commit.idempotency is not None:
            duplicate = self._find_duplicate(commit)
            if duplicate is not None:
                return duplicate
        before = self._record(commit)
        commit, after = self._announce(commit, before, admit(commit, before))
        # Admitted: from here on everything is applied, nothing is judged.
        self._put_history(commit, after.entries - len(commit.entries), after)
        self._latest[commit.execution_id] = after
        if commit.idempotency is not None:
            self._remember_key(commit)
        self._tell_kin(commit, before.children if before else (), after)
        return self._latest[commit.execution_id]

    def finish(self) -> None:
        """Put the records that have changed, and the difference of their index rows."""
        table = self._tables[keys.EXECUTIONS]
        for execution_id, after in self._latest.items():
            key = keys.execution_key(execution_id)
            self._transaction.put(key, encode_execution(after), db=table)
            before = self._stored.get(execution_id)
            self._put_indexes(before, after)
            self.effects.note(before, after)
        self.effects.changed = list(self._latest.values())

    def _add_rows(self, commit: RowsCommit) -> Existing | None:
        if commit.unless is not None:
            table, key = commit.unless
            found = get(self._transaction, key, self._tables[table])
            if found is not None:
                return Existing(found)
        for table, key, wanted in commit.still:
            if get(self._transaction, key, self._tables[table]) != wanted:
                raise Occupied("It has changed at this very moment; try again at once.")
        for table, key, value in commit.puts:
            self._transaction.put(key, value, db=self._tables[table])
        for table, key in commit.deletes:
            self._transaction.delete(key, db=self._tables[table])
        put_acts(self._tables, self._transaction, commit.acts)
        return None

    def _add_schedule(self, commit: ScheduleCommit) -> Result:
        """A schedule as it is from now on, and what it makes: both or neither."""
        change_schedule(self._tables, self._transaction, commit)
        put_acts(self._tables, self._transaction, commit.acts)
        # Nothing is stored that it could be refused for.
        return self.add(commit.fires) if commit.fires is not None else None

    # -- webhooks -----------------------------------------------------------------------------

    def _announce(
        self, commit: ExecutionCommit, before: Execution | None, after: Execution
    ) -> tuple[ExecutionCommit, Execution]:
        """Begin the deliveries that tell of a commit, in its own history too."""
        told = self._deliveries.announce(commit, before, after)
        if not told:
            return commit, after
        entries = (*commit.entries, *told)
        changed = attrs.evolve(after, entries=after.entries + len(told))
        return attrs.evolve(commit, entries=entries), changed

    def _add_delivery(self, commit: DeliveryCommit) -> Execution:
        """What became of a delivery, and the line of history that says so."""
        identity = commit.after.execution_id
        record = self._find(identity)
        if record is None:
            # Its record is forgotten already, and what is left of it soon will be.
            raise NotFound(f"There is no execution {identity}.")
        self._deliveries.change(commit)
        if record.entries < JOURNAL_NOTES_MAX:
            self._put_entries(keys.execution_key(identity), record.entries, (commit.entry,))
            record = attrs.evolve(record, entries=record.entries + 1)
        self._latest[identity] = record
        return record

    def _record(self, commit: ExecutionCommit) -> Execution | None:
        latest = self._find(commit.execution_id)
        if latest is None and commit.create is None:
            raise NotFound(f"There is no execution {commit.execution_id}.")
        assert latest is None or commit.create is None, "an execution ID was made twice"
        return latest

    def _find(self, identity: str) -> Execution | None:
        """The record as the commits so far have left it."""
        latest = self._latest.get(identity)
        if latest is None:
            key = keys.execution_key(identity)
            value = get(self._transaction, key, self._tables[keys.EXECUTIONS])
            if value is None:
                return None
            latest = self._stored[identity] = decode_execution(identity, value)
        return latest

    # -- parents and children -----------------------------------------------------------------

    def _tell_kin(
        self, commit: ExecutionCommit, children: tuple[str, ...], after: Execution
    ) -> None:
        """What a commit means for its execution's parent and children.

        children: those it had before. Nothing of this is ever refused: whom the table of statuses
        does not let be cancelled, or woken, is left to itself.
        """
        if commit.begets is not None:
            self.add(commit.begets)
        for child in _left(commit, children, after):
            self._add_if_legal(cancel_child(child, after.execution_id, commit.at_ns))
        if after.status.ended and after.parent_id:
            self._tell_parent(after, commit.at_ns)
        if commit.trigger in PARKING and not set(commit.awaits).issubset(after.children):
            # It has ended while the parent was letting go of its worker.
            self._add_if_legal(wake(after.execution_id, commit.at_ns))

    def _tell_parent(self, child: Execution, at_ns: int) -> None:
        """The child has ended: whoever waits for it goes on."""
        parent = self._find(child.parent_id)
        if parent is None or child.execution_id not in parent.children:
            # It has ended itself, or goes on without this child.
            return
        left = tuple(one for one in parent.children if one != child.execution_id)
        self._latest[parent.execution_id] = attrs.evolve(parent, children=left)
        if parent.residence is Residence.PARKED:
            self._add_if_legal(wake(parent.execution_id, at_ns))

    def _add_if_legal(self, commit: ExecutionCommit) -> None:
        record = self._find(commit.execution_id)
        if record is not None and (record.status, commit.trigger) in TRANSITIONS:
            self.add(commit)

    def _put_history(self, commit: ExecutionCommit, seq: int, after: Execution) -> None:
        key = keys.execution_key(commit.execution_id)
        self._put_entries(key, seq, _numbered(commit, after))
        if commit.create is not None and after.forked_from:
            marked = self._transaction.delete(key, db=self._tables[keys.FORGOTTEN])
            assert marked, "a fork is complete that was never begun"
        table = self._tables[keys.FRAMES]
        self.effects.frames += len(commit.frames)
        for row in commit.frames:
            frame_key = keys.frame_key(key, row.placement, row.index)
            self._transaction.put(frame_key, encode_frame(row.payload), db=table)
            if row.payload.blob:
                self._put_reference(row.payload.blob, key)
        for arrival in commit.arrivals:
            arrival_key = keys.arrival_key(key, arrival.gate, arrival.index)
            table = self._tables[keys.ARRIVALS]
            self._transaction.put(arrival_key, encode_arrival(arrival), db=table)

    def _put_entries(self, key: bytes, seq: int, entries: Iterable[Entry]) -> None:
        table = self._tables[keys.JOURNAL]
        for number, entry in enumerate(entries, seq):
            self._transaction.put(keys.journal_key(key, number), encode_entry(entry), db=table)
            if entry.payload is not None and entry.payload.blob:
                self._put_reference(entry.payload.blob, key)

    def _add_copy(self, commit: CopyCommit) -> None:
        """Rows that nobody can find before `forked` makes their record; marked until then."""
        key = keys.execution_key(commit.execution_id)
        self._transaction.put(key, keys.FORKING, db=self._tables[keys.FORGOTTEN])
        self._put_entries(key, commit.first, commit.entries)

    def _put_reference(self, blob: bytes, execution: bytes) -> None:
        """In the transaction of the name itself: a blob that is named is never collected."""
        reference = keys.named_by_execution(blob, execution)
        self._transaction.put(reference, b"", db=self._tables[keys.BLOB_REFERENCES])

    def _put_indexes(self, before: Execution | None, after: Execution) -> None:
        if before is not None and (
            (before.status, before.wake_ns, before.pauses)
            == (after.status, after.wake_ns, after.pauses)
        ):
            return
        old = index_keys(before) if before is not None else frozenset()
        new = index_keys(after)
        for name, parts in old - new:
            key = keys.index_key(name, parts)
            deleted = self._transaction.delete(key, db=self._tables[keys.INDEX_TABLES[name]])
            assert deleted, f"index {name} lacks a row of {after.execution_id}"
        for name, parts in new - old:
            key = keys.index_key(name, parts)
            self._transaction.put(key, b"", db=self._tables[keys.INDEX_TABLES[name]])

    def _find_duplicate(self, commit: ExecutionCommit) -> Duplicate | None:
        found = get(self._transaction, _idempotency_key(commit), self._tables[keys.IDEMPOTENCY])
        if found is None:
            return None
        record = decode_idempotency(found)
        assert commit.idempotency is not None
        if record.body_hash != commit.idempotency.body_hash:
            raise IdempotencyConflict
        return Duplicate(record.execution_id)

    def _remember_key(self, commit: ExecutionCommit) -> None:
        assert commit.idempotency is not None
        record = IdempotencyRecord(commit.execution_id, commit.idempotency.body_hash)
        table = self._tables[keys.IDEMPOTENCY]
        self._transaction.put(_idempotency_key(commit), encode_idempotency(record), db=table)


def admit(commit: ExecutionCommit, stored: Execution | None) -> Execution:
    """The record after `commit`, judged against the stored one.

    Raises Fenced for a superseded attempt, WrongState for what the table of statuses forbids.
    """
    if stored is None:
        assert commit.create is not None
        stored = commit.create
    claimed = stored.residence is Residence.CLAIMED
    if commit.fence != NO_FENCE and (commit.fence != stored.attempt or not claimed):
        raise Fenced(f"attempt {commit.fence} of {commit.execution_id} is over")
    entries = stored.entries + len(commit.entries)
    most = JOURNAL_NOTES_MAX if commit.note else JOURNAL_ENTRIES_MAX
    most += JOURNAL_UNDOING_MAX if stored.undoing else 0
    if entries > most and commit.trigger is None:
        raise WrongState(f"The journal of {commit.execution_id} is full.")
    changes: dict[str, Any] = {"entries": entries, "updated_ns": commit.at_ns}
    if commit.progress and stored.losses:
        changes["losses"] = 0
    if commit.settled:
        _judge_settlement(commit, stored)
    changes |= _waits(commit, stored)
    if commit.held is not None:
        changes["held"] = commit.held
    if commit.directs:
        changes |= _directed(commit, stored)
    trigger = _trigger(commit, stored)
    if trigger is not None:
        changes |= _changes(commit, stored, trigger)
    after = attrs.evolve(stored, **changes)
    if commit.begets is None and not stored.children:
        return after
    return attrs.evolve(after, children=_children(commit, after))


def _children(commit: ExecutionCommit, after: Execution) -> tuple[str, ...]:
    """Those that it still waits for: none once it has ended, or does nothing but undo."""
    if after.status.ended or after.undoing:
        return ()
    stay = after.children
    if commit.leaves:
        stay = tuple(child for child in stay if child not in commit.leaves)
    return stay if commit.begets is None else (*stay, commit.begets.execution_id)


def _left(commit: ExecutionCommit, children: tuple[str, ...], after: Execution) -> tuple[str, ...]:
    """Those of `children` that it does not wait for any more.

    There may be thousands of them, so they are not looked through without need.
    """
    if not after.children:
        return children
    return tuple(child for child in children if child in commit.leaves) if commit.leaves else ()


def _judge_settlement(commit: ExecutionCommit, stored: Execution) -> None:
    """What was asked is answered once, in time, and not past the worker that has it."""
    (entry,) = commit.entries
    expiries = {pause.position: pause.expires_ns for pause in stored.pauses}
    words = unheard(
        entry,
        f"{commit.settled} of {stored.execution_id}",
        doubted=commit.settled in stored.doubts,
        expires_ns=expiries.get(commit.settled),
    )
    if words is not None:
        raise WrongState(words)
    if commit.fence == NO_FENCE and stored.residence is Residence.CLAIMED:
        raise Occupied


def _waits(commit: ExecutionCommit, stored: Execution) -> dict[str, Any]:
    """What a person has to say after `commit`."""
    if not (commit.doubted or commit.opened or commit.settled or commit.dropped):
        return {}
    over = {*commit.dropped, commit.settled}
    doubts = [visit for visit in (*stored.doubts, commit.doubted) if visit and visit not in over]
    pauses = [pause for pause in stored.pauses if pause.position not in over]
    if commit.opened is not None:
        assert all(pause.position != commit.opened.position for pause in pauses)
        pauses.append(commit.opened)
    return {"doubts": tuple(doubts), "pauses": tuple(pauses)}


def _directed(commit: ExecutionCommit, stored: Execution) -> dict[str, Any]:
    """What a command to a debug session changes, if it comes in time."""
    (entry,) = commit.entries
    words = refusal(stored, entry, commit.visit)
    if words is not None:
        raise WrongState(words)
    if commit.fence == NO_FENCE and stored.residence is Residence.CLAIMED:
        raise Occupied
    assert stored.debug is not None
    return after_command(entry, commit.visit, stored.debug, stored.held)


def _trigger(commit: ExecutionCommit, stored: Execution) -> Trigger | None:
    if commit.settled and stored.residence is Residence.PARKED:
        return Trigger.WAKE
    if commit.directs:
        return trigger_of(commit.entries[0], parked=stored.residence is Residence.PARKED)
    return commit.trigger


def _changes(commit: ExecutionCommit, stored: Execution, trigger: Trigger) -> dict[str, Any]:
    parked = stored.residence is Residence.PARKED
    try:
        status = advance(stored.status, trigger)
        if parked not in _PARKED_FOR[trigger]:
            raise IllegalTransition
        if trigger is Trigger.COMPENSATE and not stored.undoing:
            raise IllegalTransition
    except IllegalTransition:
        raise WrongState(
            f"Execution {stored.execution_id} is {stored.status.label.lower()}."
        ) from None
    if trigger is Trigger.UNDO and stored.undoing:
        raise WrongState(f"Execution {stored.execution_id} is being undone already.")
    changes: dict[str, Any] = {"status": status, "wake_ns": commit.wake_ns}
    if trigger is Trigger.CLAIM:
        changes["attempt"] = stored.attempt + 1
        changes["started_ns"] = stored.started_ns or commit.at_ns
    if trigger is Trigger.REQUEUE and commit.counted:
        changes["losses"] = stored.losses + 1
    if trigger is Trigger.UNDO:
        # Undoing has losses of its own.
        changes |= {
            "losses": 0,
            "undoing": True,
            "doubts": (),
            "pauses": (),
            "children": (),
            "held": (),
        }
    if status.ended:
        changes["completed_ns"] = commit.at_ns
        changes["failure"] = commit.failure
        changes["doubts"] = ()
        changes["pauses"] = ()
        changes["held"] = ()
        changes["ended_at"] = commit.ended_at
    return changes


_PARKED_FOR: Mapping[Trigger, frozenset[bool]] = {
    trigger: frozenset({True, False} if trigger in ENDING else {trigger is Trigger.WAKE})
    for trigger in Trigger
}
"""Whether an execution may be parked when this happens to it."""


def _numbered(commit: ExecutionCommit, after: Execution) -> tuple[Entry, ...]:
    if commit.trigger is not Trigger.CLAIM:
        return commit.entries
    # Only the stored record knows which attempt this is.
    *others, claim = commit.entries
    return (*others, attrs.evolve(claim, attempt=after.attempt))


def _idempotency_key(commit: ExecutionCommit) -> bytes:
    assert commit.create is not None
    assert commit.idempotency is not None
    return keys.hashed_key(commit.create.tenant, commit.idempotency.key_hash)
