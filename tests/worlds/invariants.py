"""Everything that must be true of a store at rest, whatever happened to the box before.

`broken_invariants` reads a whole store and says, in sentences that name the rule of the house,
what is wrong with it; an empty list is the promise kept.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from axiomd.execution.arrivals import Arrival
from axiomd.execution.execution import Execution, index_keys
from axiomd.execution.journal import Entry, EntryKind, History, Payload
from axiomd.execution.position import Position
from axiomd.execution.status import IllegalTransition, Status, Trigger, advance
from axiomd.flow.artifact import Artifact
from axiomd.store import keys
from axiomd.store.env import Store
from axiomd.store.reader import Reader
from axiomd.store.records import (
    decode_arrival,
    decode_execution,
    decode_frame,
    decode_idempotency,
)

TRIGGERS = {
    EntryKind.EXECUTION_CLAIMED: Trigger.CLAIM,
    EntryKind.EXECUTION_REQUEUED: Trigger.REQUEUE,
    EntryKind.EXECUTION_COMPLETED: Trigger.COMPLETE,
    EntryKind.EXECUTION_FAILED: Trigger.FAIL,
    EntryKind.EXECUTION_CANCELLED: Trigger.CANCEL,
}
"""The entry that each trigger leaves behind."""


def stored_executions(store: Store) -> list[Execution]:
    return [decode_execution(key.hex(), value) for key, value in rows(store, keys.EXECUTIONS)]


def rows(store: Store, table: str) -> list[tuple[bytes, bytes]]:
    with store.read() as transaction:
        return list(transaction.cursor(store.tables[table]))


def broken_invariants(store: Store, blobs: Path, artifacts: Mapping[str, Artifact]) -> list[str]:
    executions = stored_executions(store)
    known = {execution.execution_id for execution in executions}
    found = list(_index_faults(store, executions))
    for table in (keys.JOURNAL, keys.FRAMES, keys.ARRIVALS):
        strays = {key[:16].hex() for key, _ in rows(store, table)} - known
        found += [f"{table} has rows of {stray}, which has no record" for stray in strays]
    for _, value in rows(store, keys.IDEMPOTENCY):
        if decode_idempotency(value).execution_id not in known:
            found.append("an idempotency key names an execution that is not there")
    reader = Reader(store)
    for execution in executions:
        entries = reader.journal(execution.execution_id)
        artifact = artifacts[execution.graph_id]
        frames = _frames_of(store, execution)
        faults = [
            *_execution_faults(execution, entries, artifact, frames, blobs),
            *_arrival_faults(artifact, frames, _arrivals_of(store, execution)),
        ]
        found += [f"{execution.execution_id[-4:]}: {fault}" for fault in faults]
    return found


def _frames_of(store: Store, execution: Execution) -> dict[int, dict[int, Payload]]:
    prefix = keys.execution_key(execution.execution_id)
    frames: dict[int, dict[int, Payload]] = {}
    for key, value in rows(store, keys.FRAMES):
        if key.startswith(prefix):
            placement = int.from_bytes(key[16:18], "big")
            frames.setdefault(placement, {})[keys.frame_index(key)] = decode_frame(value)
    return frames


def _arrivals_of(store: Store, execution: Execution) -> list[Arrival]:
    prefix = keys.execution_key(execution.execution_id)
    table = rows(store, keys.ARRIVALS)
    return [decode_arrival(key, value) for key, value in table if key.startswith(prefix)]


def _arrival_faults(
    artifact: Artifact, frames: dict[int, dict[int, Payload]], arrivals: list[Arrival]
) -> Iterator[str]:
    """Each XOR gate takes every arm's frames in their order, and makes nothing of others."""
    decided: Counter[int] = Counter()
    taken: Counter[tuple[int, int]] = Counter()
    for arrival in arrivals:
        gate, arm = arrival.gate, (arrival.gate, arrival.edge)
        if not artifact.is_xor_gate(gate) or arrival.edge not in artifact.incoming[gate]:
            yield f"placement {gate} has an arrival of edge {arrival.edge}, which is no arm of it"
            continue
        if (arrival.index, arrival.frame) != (decided[gate], taken[arm]) or arrival.count < 1:
            yield f"gate {gate} took {arrival}, after {decided[gate]} inputs and {taken[arm]} of it"
        decided[gate] += arrival.count
        taken[arm] += arrival.count
        emitted = len(frames.get(artifact.edges[arrival.edge].source, ()))
        if taken[arm] > emitted:
            yield f"gate {gate} took {taken[arm]} frames of an arm that has {emitted}"
    for gate, placement in enumerate(artifact.placements):
        made = len(frames.get(gate, ()))
        if artifact.is_xor_gate(gate) and placement.kind == "unary" and made > decided[gate]:
            yield f"gate {gate} made {made} frames of {decided[gate]} arrivals"


def _index_faults(store: Store, executions: list[Execution]) -> Iterator[str]:
    wanted: dict[str, set[bytes]] = {table: set() for table in keys.INDEX_TABLES.values()}
    for execution in executions:
        for name, parts in index_keys(execution):
            wanted[keys.INDEX_TABLES[name]].add(keys.index_key(name, parts))
    for table, expected in wanted.items():
        stored = {key for key, _ in rows(store, table)}
        if stored != expected:
            more, less = len(stored - expected), len(expected - stored)
            yield f"rule 7: index {table} has {more} rows too many and lacks {less}"


def _execution_faults(
    execution: Execution,
    entries: list[Entry],
    artifact: Artifact,
    frames: dict[int, dict[int, Payload]],
    blobs: Path,
) -> Iterator[str]:
    if [entry.seq for entry in entries] != list(range(execution.entries)):
        yield f"journal is not 0..{execution.entries - 1} without a gap"
        return
    yield from _status_faults(execution, entries)
    yield from _visit_faults(entries, artifact)
    yield from _frame_faults(entries, frames)
    payloads = [entry.payload for entry in entries if entry.payload is not None]
    payloads += [payload for stored in frames.values() for payload in stored.values()]
    for payload in payloads:
        yield from _payload_faults(payload, blobs)
    if state_of(History.fold(artifact, entries)) != state_of(_fold_in_two(artifact, entries)):
        yield "rule 16: folding in two steps differs from folding at once"


def _fold_in_two(artifact: Artifact, entries: list[Entry]) -> History:
    history = History.fold(artifact, entries[: len(entries) // 2])
    for entry in entries[len(entries) // 2 :]:
        history.apply(entry)
    return history


def state_of(history: History) -> dict[str, object]:
    """What a history says, to be compared."""
    names = ("pending", "arms", "calls", "lost", "crashes", "completed")
    return {name: dict(getattr(history, name)) for name in names}


def _status_faults(execution: Execution, entries: list[Entry]) -> Iterator[str]:
    status, claims = Status.QUEUED, 0
    if not entries or entries[0].kind is not EntryKind.EXECUTION_ACCEPTED:
        yield "its journal does not begin with its acceptance"
    for entry in entries[1:]:
        if status.ended:
            yield f"rule 5: {entry.kind.wire} after it had ended"
        if entry.kind is EntryKind.EXECUTION_CLAIMED:
            claims += 1
            if entry.attempt != claims:
                yield f"claim {claims} calls itself {entry.attempt}"
        if entry.kind in TRIGGERS:
            try:
                status = advance(status, TRIGGERS[entry.kind])
            except IllegalTransition:
                yield f"rule 1: {entry.kind.wire} while {status}"
        elif entry.position is not None and status is not Status.RUNNING and not status.ended:
            yield f"rule 5: {entry.kind.wire} while {status}"
    if (status, claims) != (execution.status, execution.attempt):
        yield f"rule 1: the journal says {status} {claims}, the record {execution.status}"
    if status.ended != bool(execution.completed_ns):
        yield "its completion time does not fit its status"
    if (execution.failure is None) != (status not in (Status.FAILED, Status.CANCELLED)):
        yield "its failure does not fit its status"


def _visit_faults(entries: list[Entry], artifact: Artifact) -> Iterator[str]:
    seen: Counter[tuple[EntryKind, Position | None, int]] = Counter()
    for entry in entries:
        kind, position = entry.kind, entry.position
        seen[kind, position, entry.edge] += 1
        if kind is EntryKind.NODE_STARTED and seen[EntryKind.NODE_COMPLETED, position, -1]:
            yield f"a call of {position} started after its checkpoint"
        if kind is EntryKind.NODE_COMPLETED:
            assert position is not None
            if entry.edges != artifact.outgoing[position.placement]:
                yield f"rule 16: the checkpoint of {position} does not name the edges taken"
        if kind is EntryKind.GATE_OPENED:
            assert position is not None
            wanted = artifact.incoming[position.placement]
            arrived = [edge for edge in wanted if seen[EntryKind.GATE_ARRIVED, position, edge]]
            if tuple(arrived) != wanted:
                yield f"gate {position} opened with arms {arrived} of {wanted}"
    once = (EntryKind.NODE_COMPLETED, EntryKind.EDGE_TAKEN)
    once += (EntryKind.GATE_ARRIVED, EntryKind.GATE_OPENED)
    for (kind, position, edge), count in seen.items():
        if kind in once and count > 1:
            yield f"{kind.wire} of {position} {edge} is written {count} times"
    done = {position.placement for kind, position, _ in seen if kind is once[0] and position}
    if any(e.kind is EntryKind.EXECUTION_COMPLETED for e in entries):
        if artifact.terminal not in done:
            yield "it completed, its terminal did not"
        if artifact.mode == "unary" and len(done) != len(artifact.placements):
            yield "it completed, some placement did not"


def _frame_faults(entries: list[Entry], frames: dict[int, dict[int, Payload]]) -> Iterator[str]:
    for placement, stored in frames.items():
        if sorted(stored) != list(range(len(stored))):
            yield f"frames of placement {placement} have a gap: {sorted(stored)}"
    for entry in entries:
        if entry.kind is EntryKind.NODE_COMPLETED and entry.position is not None:
            count = len(frames.get(entry.position.placement, ()))
            if entry.frames != count:
                yield f"{entry.position} says it emitted {entry.frames} frames, {count} are stored"


def _payload_faults(payload: Payload, blobs: Path) -> Iterator[str]:
    content = payload.inline
    if content is None:
        name = payload.blob.hex()
        path = blobs / name[:2] / name
        if not path.exists():
            yield f"rule 10: blob {name[:8]} is named and not there"
            return
        content = path.read_bytes()
        if hashlib.sha256(content).digest() != payload.blob:
            yield f"rule 10: blob {name[:8]} is damaged"
    if len(content) != payload.size:
        yield f"a payload says {payload.size} bytes and has {len(content)}"
