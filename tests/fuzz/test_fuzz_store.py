"""What is on the disk and in a backup: damaged, it is said to be, and nothing else happens."""

import json
from pathlib import Path

import pytest
from fuzz.foreign import changed, damaged, only
from hypothesis import given
from hypothesis import strategies as st
from worlds.flows import TENANT
from worlds.rows import commit_now, new_execution, open_writing

from axiomd.errors import Refused, StoreFailed
from axiomd.store import artifact_records, keys, records
from axiomd.store import commit as commits
from axiomd.store.backup import MANIFEST, read_manifest
from axiomd.store.blobs import Blobs
from axiomd.store.delivery_records import decode_delivery, decode_secrets, decode_subscription
from axiomd.store.env import FORMAT
from axiomd.store.reader import Reader
from axiomd.store.verify import verify

OLD = Path(__file__).parent.parent / "system" / "box_of_format_4.txt"

DECODERS = {
    keys.EXECUTIONS: lambda key, value: records.decode_execution(key.hex(), value),
    keys.JOURNAL: lambda _, value: (records.decode_entry(1, value), records.blob_in_entry(value)),
    keys.FRAMES: lambda _, value: records.decode_frame(value),
    keys.ARTIFACTS: lambda _, value: artifact_records.decode_artifact(value),
    keys.PACKAGE_CONTENTS: lambda _, value: records.decode_package(value),
    keys.DRAFTS: lambda _, value: records.decode_draft(value),
    keys.API_KEYS: lambda _, value: records.decode_api_key(value),
    keys.SESSIONS: lambda _, value: records.decode_session(value),
    keys.SIGN_IN_LINKS: lambda _, value: records.decode_link(value),
    keys.IDEMPOTENCY: lambda _, value: records.decode_idempotency(value),
    keys.DELIVERIES: decode_delivery,
    keys.SUBSCRIPTIONS: decode_subscription,
    keys.SIGNING_SECRETS: lambda _, value: decode_secrets(value),
}


def real_rows() -> dict[str, list[tuple[bytes, bytes]]]:
    """Rows of a real store, by table."""
    found: dict[str, list[tuple[bytes, bytes]]] = {}
    for line in OLD.read_text().splitlines()[4:]:
        table, key, *value = line.split()
        if table != "blob":
            found.setdefault(table, []).append((bytes.fromhex(key), bytes.fromhex("".join(value))))
    return found


ROWS = {table: rows for table, rows in real_rows().items() if table in DECODERS}


def test_every_kind_of_record_is_among_the_good_ones():
    # Drafts are of the same form as what is pushed; the record has some of each but these.
    assert set(DECODERS) - set(ROWS) <= {keys.DRAFTS}
    for table, rows in ROWS.items():
        for key, value in rows:
            DECODERS[table](key, value)


@pytest.mark.parametrize("table", sorted(ROWS))
@given(data=st.data())
def test_a_damaged_record_is_a_store_that_failed(table, data):
    key, _ = data.draw(st.sampled_from(ROWS[table]))
    value = data.draw(damaged(*(value for _, value in ROWS[table])))
    only(StoreFailed, lambda: DECODERS[table](key, value))
    only(StoreFailed, lambda: DECODERS[table](data.draw(damaged(key)), value))


@given(st.binary(max_size=40), st.binary(max_size=20))
def test_a_damaged_arrival_or_tenant_is_a_store_that_failed(key, value):
    for form in (value, b"\x01" + value):
        only(StoreFailed, lambda form=form: records.decode_arrival(key, form))
        only(StoreFailed, lambda form=form: records.decode_tenant(form))


BACKUP = {
    "backup_format": 1,
    "store_format": FORMAT,
    "axiomd": "0.1.0",
    "created_at": "2026-01-01T00:00:00.000Z",
    "executions": 1,
    "files": {"store/data.mdb": "ab" * 32, "signing.key": "cd" * 32},
    "blobs": 0,
    "blobs_hash": "ef" * 32,
    "size": 10,
}


@given(st.one_of(damaged(json.dumps(BACKUP).encode()), changed(BACKUP).map(json.dumps)))
def test_any_manifest_of_a_backup_is_read_or_refused(tmp_path_factory, told):
    source = tmp_path_factory.getbasetemp()
    (source / MANIFEST).write_bytes(told if isinstance(told, bytes) else told.encode())
    manifest = only(Refused, lambda: read_manifest(source))
    if manifest is not None:
        for name in manifest.files:
            assert (source / name).resolve().is_relative_to(source.resolve()), name


def test_a_damaged_row_ends_the_server_and_is_found_by_verify(tmp_path):
    with open_writing(tmp_path) as (store, writer):
        writer.submit(commits.accept(new_execution(1), Blobs(tmp_path / "blobs").put(b"x"), None))
        commit_now(writer)
        key = keys.execution_key(new_execution(1).execution_id)
        torn = lambda t: t.put(key, b"\x01\xff\xff", db=store.tables[keys.EXECUTIONS])  # noqa: E731
        store.transact(torn)
        with pytest.raises(StoreFailed, match=r"a record is damaged \(decode_execution\)"):
            Reader(store).execution(TENANT, new_execution(1).execution_id)
        assert verify(store, Blobs(tmp_path / "blobs")).findings
