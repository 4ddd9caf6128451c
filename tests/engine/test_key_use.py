"""When keys were last used: written behind the back of requests, and never over a revoke."""

from contextlib import asynccontextmanager

import attrs
import trio
from worlds.box import MAP_BYTES
from worlds.disk import open_disk
from worlds.rows import BY
from worlds.seeds import TickingClock, seeded_ids

from axiomd.clock import NS_PER_S
from axiomd.engine.keyring import Keyring
from axiomd.ids import key_hash
from axiomd.settings import StoreSettings
from axiomd.store.env import open_store
from axiomd.store.reader import Reader
from axiomd.store.writer import Writer

TENANT = BY.tenant


@attrs.define
class Life:
    """One life of a box that has keys and nothing else."""

    keyring: Keyring
    reader: Reader
    writer: Writer
    clock: TickingClock
    written: list[int] = attrs.field(factory=list)
    """What was stored as the last use of a key, in order."""

    def stored_ns(self, key: str) -> int:
        record = self.reader.api_key(key_hash(key))
        assert record is not None
        if record.last_used_ns not in self.written:
            self.written.append(record.last_used_ns)
        return record.last_used_ns

    async def look(self) -> None:
        """What the loop does every few seconds."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.keyring.use.write_due)
            await trio.sleep(0.01)
            self.writer.flush()


@asynccontextmanager
async def living(directory):
    clock = TickingClock()
    settings = StoreSettings(map_size_bytes=MAP_BYTES, sync=False)
    with open_store(settings, directory) as store:
        writer, reader = Writer(store, lambda _: None), Reader(store)
        async with open_disk(writer, 0, 0.001, None):
            keyring = Keyring(writer, reader, clock, seeded_ids(clock, 0))
            yield Life(keyring, reader, writer, clock)


async def test_a_use_is_told_at_once_and_written_by_the_next_look(tmp_path, autojump_clock):
    async with living(tmp_path) as life:
        key = await life.keyring.create("laptop", TENANT, BY)
        (row,) = life.keyring.list(TENANT)
        assert row.last_used_ns == 0
        life.keyring.use.note(key_hash(key))
        (row,) = life.keyring.list(TENANT)
        assert row.last_used_ns > 0
        assert life.stored_ns(key) == 0
        await life.look()
        assert life.stored_ns(key) == row.last_used_ns


async def test_a_key_that_is_always_used_is_written_once_a_minute(tmp_path, autojump_clock):
    async with living(tmp_path) as life:
        key = await life.keyring.create("laptop", TENANT, BY)
        began_ns = life.clock.now_ns()
        while life.clock.now_ns() - began_ns < 600 * NS_PER_S:
            life.keyring.use.note(key_hash(key))
            await life.look()
            life.stored_ns(key)
            life.clock.advance(5 * NS_PER_S)
        assert 9 <= len(life.written) <= 11
        gaps = [b - a for a, b in zip(life.written, life.written[1:], strict=False)]
        assert min(gaps) >= 59 * NS_PER_S


async def test_a_use_within_the_minute_is_written_in_its_time_or_when_the_box_stops(
    tmp_path, autojump_clock
):
    async with living(tmp_path) as life:
        key = await life.keyring.create("laptop", TENANT, BY)
        life.keyring.use.note(key_hash(key))
        await life.look()
        first = life.stored_ns(key)
        life.keyring.use.note(key_hash(key))
        await life.look()
        assert life.stored_ns(key) == first
        life.clock.advance(61 * NS_PER_S)
        await life.look()
        second = life.stored_ns(key)
        assert second > first
        life.keyring.use.note(key_hash(key))
        await life.keyring.use.close()
    async with living(tmp_path) as life:
        assert life.stored_ns(key) > second
        (row,) = life.keyring.list(TENANT)
        assert row.last_used_ns == life.stored_ns(key)


async def test_a_use_that_is_written_behind_a_revoke_does_not_bring_the_key_back(
    tmp_path, autojump_clock
):
    async with living(tmp_path) as life:
        key = await life.keyring.create("laptop", TENANT, BY)
        life.keyring.use.note(key_hash(key))
        async with trio.open_nursery() as nursery:
            # Both have read the key as it was; whoever is written first, it ends.
            nursery.start_soon(life.keyring.use.write_due)
            nursery.start_soon(life.keyring.revoke, TENANT, key[:8], BY)
        assert life.reader.holder(key_hash(key)) is None
        record = life.reader.api_key(key_hash(key))
        assert record is not None
        assert record.revoked_ns
        await life.look()
        assert life.reader.holder(key_hash(key)) is None
