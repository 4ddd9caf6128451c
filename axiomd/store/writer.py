"""How a commit becomes true: the only writer.

`submit` puts a commit into the queue: the order of submitting is the order of truth. Whatever is
queued is the next batch: admit each commit (judge it against the *stored* record), apply its
rows, sync once, then publish. There is no timer: alone, a commit is a batch of one; under load
the batch grows while the disk works.

A refused commit never poisons its batch, because judging comes before writing. Nobody is told
anything before the sync has returned. Batches run on a thread of the writer's own, so that the
disk never holds the event loop.
"""

import math
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

import attrs
import lmdb
import trio

from axiomd.errors import (
    AxiomdError,
    Fenced,
    LinkUnusable,
    NotFound,
    StoreFailed,
    StoreFull,
    TenantDisabled,
    WrongState,
)
from axiomd.execution.execution import Execution
from axiomd.limits import COMMIT_BATCH_BYTES_MAX, COMMIT_BATCH_COUNT_MAX, KIB
from axiomd.measures import Measures
from axiomd.store.batch import Batch, Effects, Result
from axiomd.store.commit import (
    Commit,
    DeliveryCommit,
    ExecutionCommit,
    ForgetCommit,
    PurgeCommit,
    RowsCommit,
    ScheduleCommit,
    SignInCommit,
)
from axiomd.store.env import Store

_FORGET_BYTES = 64 * KIB
"""What a slice of forgetting, or a delivery, is taken for: it moves rows rather than bytes."""
_SIGN_IN_BYTES = 512
"""Three rows, all of them small."""
_ACT_BYTES = 256
_SCHEDULE_BYTES = 512
"""A schedule's rows, but for its input."""

OnDurable = Callable[[Sequence[Execution]], None]
"""Told, on the trio thread, which executions changed in a batch that is on disk."""


class Ticket:
    """The promise that a commit becomes durable, or the reason why it does not."""

    __slots__ = ("_error", "_event", "_result", "_then", "commit", "number", "settled")

    def __init__(self, commit: Commit, number: int = 0) -> None:
        self.commit = commit
        self.number = number
        """Its place in the order of submitting."""
        self.settled = False
        self._event: trio.Event | None = None
        self._result: Result = None
        self._error: AxiomdError | None = None
        self._then: Callable[[AxiomdError | None], None] | None = None

    def then(self, call: Callable[[AxiomdError | None], None]) -> None:
        """Call back on the trio thread with the refusal, or with None once it is on disk."""
        if self.settled:
            call(self._error)
        else:
            self._then = call

    async def wait(self) -> Result:
        """Return when the commit is on disk.

        Raises what it was refused with: Fenced, WrongState, NotFound, IdempotencyConflict,
        LinkUnusable, TenantDisabled, StoreFull, StoreFailed. Cancelling stops the waiting only; the
        commit goes on.
        """
        if not self.settled:
            if self._event is None:
                self._event = trio.Event()
            await self._event.wait()
        if self._error is not None:
            raise self._error
        return self._result

    async def record(self) -> Execution:
        """`wait`, for a commit that leaves an execution record."""
        result = await self.wait()
        assert isinstance(result, Execution)
        return result

    def settle(self, result: Result, error: AxiomdError | None) -> None:
        """Say how it ended. On the trio thread, after the sync."""
        self.settled, self._result, self._error = True, result, error
        if self._event is not None:
            self._event.set()
        if self._then is not None:
            self._then(error)


Settled = tuple[Ticket, Result, AxiomdError | None]
"""A commit, what came of it, and the error if it was refused."""


_Outcome = tuple[list[Settled], Effects, AxiomdError | None]


class Driver(Protocol):
    """What makes the writer work through its queue, off the event loop."""

    def wake(self) -> None:
        """There is something in the queue."""
        ...


class Writer:
    """The queue of commits and what is done with a batch of it."""

    def __init__(
        self, store: Store, on_durable: OnDurable, measures: Measures | None = None
    ) -> None:
        self._store = store
        self._on_durable = on_durable
        self._measures = measures or Measures()
        self.on_ended: OnDurable = lambda _: None
        """Told in the same way which executions have ended, each once."""
        self._queue: deque[Ticket] = deque()
        self._driver: Driver | None = None
        self._submitted = 0
        self._losses: list[Loss] = []
        """What was lost, as long as anything that may build on it can still come to be written."""
        self.failed: StoreFailed | None = None
        """Why the store failed for good; from then on everything is refused."""
        self.lingering = trio.Event()
        """Set while something queued by `submit_later` may wait for a batch."""
        self.broken = trio.Event()
        """Set with `failed`: the process must end, and recovery is the next start."""

    def drive(self, driver: Driver) -> None:
        """Take the driver that empties the queue."""
        self._driver = driver

    def submit(self, commit: Commit) -> Ticket:
        """Queue a commit for the next batch; its place in the order is now fixed."""
        ticket = self._enqueue(commit)
        assert self._driver is not None
        self._driver.wake()
        return ticket

    def submit_later(self, commit: Commit) -> Ticket:
        """Queue a commit that nobody waits for: it goes with the next batch, or with `flush`."""
        self.lingering.set()
        return self._enqueue(commit)

    def _enqueue(self, commit: Commit) -> Ticket:
        ticket = Ticket(commit, self._submitted)
        self._submitted += 1
        if self.failed is not None:
            ticket.settle(None, self.failed)
        else:
            self._queue.append(ticket)
        return ticket

    def flush(self) -> None:
        """Start a batch if anything is queued."""
        self.lingering = trio.Event()
        if self._queue and self._driver is not None:
            self._driver.wake()

    @property
    def queued(self) -> int:
        """Commits that wait for a batch."""
        return len(self._queue)

    def take(self) -> list[Ticket]:
        """The next batch: what is queued, up to the bounds."""
        batch: list[Ticket] = []
        size = 0
        while self._queue and len(batch) < COMMIT_BATCH_COUNT_MAX and size < COMMIT_BATCH_BYTES_MAX:
            ticket = self._queue.popleft()
            size += commit_bytes(ticket.commit)
            batch.append(ticket)
        return batch

    def write(self, batch: Sequence[Ticket]) -> "Written":
        """Make a batch durable. Blocks on the disk; touches nothing but the store.

        Where a commit was lost, everything of the same execution that was submitted before that
        was told is lost with it: who submitted it may have built on what is not there.
        """
        began = time.perf_counter()
        losses = tuple(self._losses)
        refused: list[Settled] = []
        for ticket in batch if losses else ():
            error = next((loss.error for loss in losses if loss.dooms(ticket)), None)
            if error is not None:
                refused.append((ticket, None, error))
        doomed = {id(ticket) for ticket, _, _ in refused}
        rest = [ticket for ticket in batch if id(ticket) not in doomed]
        outcomes, effects, failure = self._write(rest)
        if failure is not None:
            refused += [(ticket, None, failure) for ticket in rest]
        loss = Loss.of(refused)
        if loss is not None:
            self._losses.append(loss)
        took_s = time.perf_counter() - began
        return Written([*refused, *outcomes], loss, effects, took_s)

    def _write(self, batch: Sequence[Ticket]) -> "_Outcome":
        """One transaction: how each commit ended, and what that did. With the error, nothing of
        it was written."""
        if not batch:
            return [], Effects(), None

        def apply(transaction: "lmdb.Transaction") -> "_Outcome":
            changes = Batch(self._store, transaction)
            outcomes = [_settled(ticket, changes) for ticket in batch]
            changes.finish()
            return outcomes, changes.effects, None

        try:
            return self._store.transact(apply)
        except StoreFull as failure:
            return [], Effects(), failure
        except Exception as failure:  # noqa: BLE001 - the last frame of the writer's thread
            # A bug or a broken disk: nothing of the batch is written, and the box must restart.
            broken = StoreFailed(f"{type(failure).__name__}: {failure}")
            broken.__cause__ = failure
            return [], Effects(), broken

    def publish(self, written: "Written") -> None:
        """Tell everybody. On the trio thread."""
        if written.loss is not None:
            # Told now: what is submitted from here on knows of it.
            written.loss.until = self._submitted
        for ticket, result, error in written.outcomes:
            if isinstance(error, StoreFailed) and self.failed is None:
                self.failed = error
                self.broken.set()
            ticket.settle(result, error)
        self._forget_losses(max(ticket.number for ticket, _, _ in written.outcomes))
        self._count(written)
        effects = written.effects
        if effects.changed:
            self._on_durable(effects.changed)
        if effects.ended:
            self.on_ended(effects.ended)

    def _count(self, written: "Written") -> None:
        measures, effects = self._measures, written.effects
        measures.batch_commits.observe(len(written.outcomes))
        measures.batch_s.observe(written.took_s)
        measures.frames += effects.frames
        if effects.living:
            measures.change_living(effects.living)
        for one in effects.ended:
            measures.ends.add(one.tenant, one.flow, one.status.value)

    def _forget_losses(self, told: int) -> None:
        for loss in tuple(self._losses):
            if loss.until <= told + 1:
                self._losses.remove(loss)


@attrs.define(eq=False)
class Loss:
    """Commits that were not written though they were in order."""

    executions: frozenset[str] | None
    """Whose; None if the store has failed for good, which loses everything."""
    error: AxiomdError
    until: float = math.inf
    """The number of the first commit that was submitted after this was told."""

    @classmethod
    def of(cls, refused: Sequence[Settled]) -> "Loss | None":
        """What the refused commits of a batch mean; nothing is built on a note."""
        error = next((error for _, _, error in refused if error is not None), None)
        if error is None:
            return None
        if isinstance(error, StoreFailed):
            return cls(None, error)
        commits = [ticket.commit for ticket, _, _ in refused]
        executions = frozenset(
            commit.execution_id
            for commit in commits
            if isinstance(commit, ExecutionCommit) and not commit.note
        )
        return cls(executions, error) if executions else None

    def dooms(self, ticket: Ticket) -> bool:
        """Whether this commit may build on what was lost."""
        if ticket.number >= self.until:
            return False
        if self.executions is None:
            return True
        commit = ticket.commit
        return isinstance(commit, ExecutionCommit) and commit.execution_id in self.executions


@attrs.frozen
class Written:
    """What became of the commits of one batch."""

    outcomes: Sequence[Settled]
    loss: Loss | None = None
    """What has to be told of before anything may be built on the batch."""
    effects: Effects = attrs.field(factory=Effects)
    took_s: float = 0.0
    """Seconds until it was on disk."""


class ThreadDriver:
    """Works through the queue on a thread of its own.

    A `to_thread` hop for each batch was measured 16 % slower under load.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._token = trio.lowlevel.current_trio_token()
        # A lock as a bell: held while there is nothing to do. A semaphore costs ten times more.
        self._bell = threading.Lock()
        self._bell.acquire()
        self._rung = False
        self._stopping = False
        self.stopped = trio.Event()
        self._thread = threading.Thread(target=self._work, name="axiomd-writer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wake(self) -> None:
        """There is something in the queue."""
        if not self._rung:
            self._rung = True
            self._bell.release()

    def stop(self) -> None:
        """Empty the queue and end; `stopped` is set then."""
        self._stopping = True
        self.wake()

    def _work(self) -> None:
        while True:
            self._bell.acquire()
            # Cleared before the queue is read: what is queued later rings again.
            self._rung = False
            # Read before the queue too: what was submitted before the stop must still be found.
            stopping = self._stopping
            while batch := self._writer.take():
                written = self._writer.write(batch)
                self._token.run_sync_soon(self._writer.publish, written)
            if stopping:
                self._token.run_sync_soon(self.stopped.set)
                return


@asynccontextmanager
async def open_writer(
    store: Store, on_durable: OnDurable, measures: Measures | None = None
) -> AsyncIterator[Writer]:
    """The writer, for as long as anything may be submitted; leaving makes the rest durable."""
    writer = Writer(store, on_durable, measures)
    driver = ThreadDriver(writer)
    writer.drive(driver)
    driver.start()
    try:
        yield writer
    finally:
        # Shielded: what was submitted is promised, and a cancelled box must still keep it.
        with trio.CancelScope(shield=True):
            driver.stop()
            await driver.stopped.wait()


def commit_bytes(commit: Commit) -> int:
    """Roughly the bytes of a commit's rows."""
    if isinstance(commit, ForgetCommit | PurgeCommit | DeliveryCommit):
        return _FORGET_BYTES
    if isinstance(commit, SignInCommit):
        return _SIGN_IN_BYTES
    if isinstance(commit, ScheduleCommit):
        kept = len(commit.after.definition.content) if commit.after is not None else 0
        made = commit_bytes(commit.fires) if commit.fires is not None else 0
        return _SCHEDULE_BYTES + kept + made + _ACT_BYTES * len(commit.acts)
    if isinstance(commit, RowsCommit):
        rows = sum(len(key) + len(value) for _, key, value in commit.puts)
        return rows + _ACT_BYTES * len(commit.acts)
    payloads = [entry.payload for entry in commit.entries if entry.payload is not None]
    child = 0
    if isinstance(commit, ExecutionCommit):
        payloads += [row.payload for row in commit.frames]
        child = commit_bytes(commit.begets) if commit.begets is not None else 0
    words = sum(len(entry.detail) for entry in commit.entries)
    return 256 + child + words + sum(len(payload.inline or b"") for payload in payloads)


def write_now(store: Store, commit: Commit) -> Result:
    """Make one commit durable without a writer: for commands beside a server, or before one."""

    def apply(transaction: "lmdb.Transaction") -> Result:
        batch = Batch(store, transaction)
        result = batch.add(commit)
        batch.finish()
        return result

    return store.transact(apply)


def _settled(ticket: Ticket, batch: Batch) -> Settled:
    try:
        return ticket, batch.add(ticket.commit), None
    except (Fenced, WrongState, NotFound, LinkUnusable, TenantDisabled) as refusal:
        return ticket, None, refusal
