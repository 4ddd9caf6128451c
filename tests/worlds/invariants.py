"""What `axiomd verify` says of a store in a test, and what tests read of one beside it."""

from collections.abc import Mapping
from pathlib import Path

from axiomd.execution.execution import Execution
from axiomd.execution.history import History
from axiomd.flow.artifact import Artifact
from axiomd.store import keys
from axiomd.store.blobs import Blobs
from axiomd.store.env import Store
from axiomd.store.records import decode_execution
from axiomd.store.verify import verify


def stored_executions(store: Store) -> list[Execution]:
    return [decode_execution(key.hex(), value) for key, value in rows(store, keys.EXECUTIONS)]


def rows(store: Store, table: str) -> list[tuple[bytes, bytes]]:
    with store.read() as transaction:
        return list(transaction.cursor(store.tables[table]))


def broken_invariants(store: Store, blobs: Path, artifacts: Mapping[str, Artifact]) -> list[str]:
    """An empty list is the promise kept."""
    return [str(finding) for finding in verify(store, Blobs(blobs), artifacts.get).findings]


def state_of(history: History) -> dict[str, object]:
    """What a history says, to be compared."""
    tables = ("pending", "calls", "lost", "failures", "due_ns", "settled", "completed")
    state: dict[str, object] = {name: dict(getattr(history, name)) for name in tables}
    state["gates"] = {
        place: (gate.tally, gate.opened, gate.arms) for place, gate in history.gates.items()
    }
    return state | {name: set(getattr(history, name)) for name in ("unanswered", "doubts")}
