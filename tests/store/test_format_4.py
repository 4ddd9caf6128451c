"""A store that a version of format 4 wrote, byte by byte: what waited in it waits, in its queue.

`format_4.txt` was written by that version: the names of its tables, then a row on each line. Four
executions wait, one of them another tenant's, and one is with a worker.
"""

from pathlib import Path

import pytest
from worlds.flows import BRANCHING
from worlds.invariants import broken_invariants, rows, stored_executions
from worlds.old_format import write_store
from worlds.rows import waiting

from axiomd.execution.status import Status
from axiomd.limits import PRIORITY_DEFAULT
from axiomd.settings import StoreSettings
from axiomd.store import keys, upgrade
from axiomd.store.env import open_store
from axiomd.store.reader import Reader

ROWS = Path(__file__).with_name("format_4.txt")
SETTINGS = StoreSettings(sync=False)


@pytest.fixture
def old(tmp_path):
    """A data directory as that version has left it."""
    write_store(tmp_path, ROWS.read_text().splitlines())
    return tmp_path


def test_what_waited_waits_in_the_queue_of_its_tenant_and_flow(old):
    with open_store(SETTINGS, old, upgrade=upgrade.upgrade) as store:
        queued = [one for one in stored_executions(store) if one.status is Status.QUEUED]
        wanted = [e.execution_id for e in sorted(queued, key=lambda e: (e.tenant, e.created_ns))]
        assert waiting(Reader(store)) == wanted
        assert len(wanted) == 4
        assert {one.priority for one in stored_executions(store)} == {PRIORITY_DEFAULT}
        assert rows(store, keys.RETIRED_READY) == []
        artifacts = {BRANCHING.artifact.graph_id: BRANCHING.artifact}
        found = broken_invariants(store, old / "blobs", artifacts)
        assert [fault for fault in found if "rule 7" in fault] == []
