"""When a key was last used, over a stop of the box and over its death."""

import time

from system.box import Box, User
from system.conftest import OpenBox

from axiomd.ids import key_hash
from axiomd.store.env import Store
from axiomd.store.reader import Reader


def last_used(user: User, key: str) -> str:
    rows = user.get("/app/v1/keys")["keys"]
    (row,) = [row for row in rows if row["key"].startswith(key[:8])]
    return row["last_used_at"] or ""


def use(box: Box, key: str) -> None:
    with box.client(key) as other:
        other.get("/app/v1/flows")


def test_a_last_use_outlives_a_stop_and_what_was_written_outlives_a_kill(
    open_box: OpenBox,
) -> None:
    box = open_box()
    with box.client() as user:
        key = user.http.post("/app/v1/keys", json={"name": "used"}).json()["key"]
        use(box, key)
        first = last_used(user, key)
        assert first
    box.stop()
    box.start()
    with box.client() as user:
        assert last_used(user, key) == first
        other = user.http.post("/app/v1/keys", json={"name": "used too"}).json()["key"]
        use(box, other)
        second = last_used(user, other)
        deadline = time.monotonic() + 20
        with box.open_store() as store:
            while not written(store, other):
                assert time.monotonic() < deadline
                time.sleep(0.05)
    box.restart()
    with box.client() as user:
        assert last_used(user, other) == second
    box.kill()


def written(store: Store, key: str) -> bool:
    record = Reader(store).api_key(key_hash(key))
    return record is not None and bool(record.last_used_ns)
