"""A store with very many ended executions, written without a server."""

import json
from pathlib import Path

import attrs

from axiomd.clock import SystemClock
from axiomd.execution.execution import Ending, Execution
from axiomd.execution.journal import Entry, EntryKind, Payload
from axiomd.execution.status import Status
from axiomd.ids import Ids
from axiomd.limits import COMMIT_BATCH_COUNT_MAX
from axiomd.settings import StoreSettings
from axiomd.store.commit import ExecutionCommit
from axiomd.store.env import open_store
from axiomd.store.writer import Ticket, Writer

FLOWS = ("acme/orders", "acme/reports", "acme/returns")
FAILED_EVERY = 50
STEP_NS = 1_000_000
DAY_NS = 86_400 * 10**9


def fill(directory: Path, count: int, *, days_ago: float = 0.0) -> None:
    """Write `count` ended executions of one tenant in bulk, the last one `days_ago`."""
    clock = SystemClock()
    ids, first_ns = Ids(clock), clock.now_ns() - count * STEP_NS - int(days_ago * DAY_NS)
    settings = StoreSettings(sync=False)
    directory.mkdir(parents=True)
    with open_store(settings, directory) as store:
        writer = Writer(store, lambda _: None)
        for start in range(0, count, COMMIT_BATCH_COUNT_MAX):
            numbers = range(start, min(start + COMMIT_BATCH_COUNT_MAX, count))
            commits = [ended(ids, number, first_ns + number * STEP_NS) for number in numbers]
            written = writer.write([Ticket(commit) for commit in commits])
            refused = [error for _, _, error in written.outcomes if error is not None]
            assert not refused, refused[0]


def ended(ids: Ids, number: int, created_ns: int) -> ExecutionCommit:
    """An execution that has ended: every 50th failed."""
    failed = number % FAILED_EVERY == 0
    execution = Execution(
        execution_id=ids.execution_id(),
        tenant="default",
        flow=FLOWS[number % len(FLOWS)],
        graph_id="0" * 26,
        mode="unary",
        status=Status.FAILED if failed else Status.COMPLETED,
        created_ns=created_ns,
        updated_ns=created_ns + STEP_NS,
        node_timeout_s=300.0,
        started_ns=created_ns,
        completed_ns=created_ns + STEP_NS,
        attempt=1,
    )
    last = EntryKind.EXECUTION_COMPLETED
    if failed:
        ending = Ending("NODE_ERROR", "ValueError: no", placement="price", attempts=1)
        execution = attrs.evolve(execution, failure=ending)
        last = EntryKind.EXECUTION_FAILED
    entries = (
        Entry(EntryKind.EXECUTION_ACCEPTED, created_ns, payload=Payload(2, b"{}")),
        Entry(last, created_ns + STEP_NS, detail=json.dumps({})),
    )
    return ExecutionCommit(execution.execution_id, created_ns, entries=entries, create=execution)
