"""Sign-in links and sessions, cut by a loss of power at every commit."""

import pytest
import trio
from worlds.box import MAP_BYTES, Physics, open_box
from worlds.disk import Cut, open_disk
from worlds.flows import BRANCHING
from worlds.invariants import broken_invariants, rows
from worlds.rows import BY, put_rows
from worlds.seeds import TickingClock, run_seeded, seeded_ids

from axiomd.clock import NS_PER_S
from axiomd.engine.keyring import Keyring, new_key
from axiomd.engine.sign_in import SignIns, new_link
from axiomd.errors import LinkUnusable
from axiomd.ids import token_key
from axiomd.limits import FORGET_ROWS_MAX, SIGN_IN_LINK_S_MAX
from axiomd.settings import StoreSettings
from axiomd.store import keys
from axiomd.store.env import open_store
from axiomd.store.reader import Reader
from axiomd.store.records import (
    ApiKeyRecord,
    SessionRecord,
    SignInLinkRecord,
    encode_api_key,
    encode_link,
    encode_session,
)
from axiomd.store.writer import Writer, write_now

SETTINGS = StoreSettings(map_size_bytes=MAP_BYTES, sync=False)
TENANT = "tenant"


class House:
    """What outlives the power: a directory, the time, a link, a key, what browsers were told."""

    def __init__(self, directory):
        self.directory = directory
        self.clock = TickingClock()
        self.ids = seeded_ids(self.clock, 0)
        self.told = []
        """Tokens of sessions that a browser has got."""
        self.revoked = False
        """Whether somebody was told that the key is revoked."""
        with open_store(SETTINGS, directory) as store:
            self.key, commit = new_key(self.ids, self.clock, "laptop", TENANT, BY)
            write_now(store, commit)
            self.link, commit = new_link(Reader(store), self.ids, self.clock, TENANT, BY)
            write_now(store, commit)

    def live(self, story, cut=None):
        """One life, in which `story(sign_ins, keyring)` happens; how many batches it took."""

        async def life():
            with open_store(SETTINGS, self.directory) as store:
                writer, reader = Writer(store, lambda _: None), Reader(store)
                async with open_disk(writer, 0, 0.001, cut) as disk:
                    sign_ins = SignIns(writer, reader, self.clock, self.ids, 7)
                    await story(sign_ins, Keyring(writer, reader, self.clock, self.ids))
                    await disk.finish()
                assert broken_invariants(store, self.directory / "blobs", {}) == []
                return disk.batches

        return run_seeded(0, life)


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_link_is_used_at_most_once_even_over_a_power_cut(tmp_path, side):
    house = House(tmp_path)

    async def use(sign_ins, _):
        house.told.append(await sign_ins.by_link(house.link))

    house.live(use, Cut(0, side))
    assert house.told == []

    async def again(sign_ins, _):
        try:
            house.told.append(await sign_ins.by_link(house.link))
        except LinkUnusable:
            assert side == "after", "nothing was written, and the link is used"
        with pytest.raises(LinkUnusable, match="has been used"):
            await sign_ins.by_link(house.link)
        for token in house.told:
            assert sign_ins.find(token) is not None

    house.live(again)
    # Lost with the power where nobody was told of it; never there twice.
    assert len(house.told) == (0 if side == "after" else 1)
    with open_store(SETTINGS, house.directory) as store:
        assert len(rows(store, keys.SESSIONS)) == 1


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("batch", range(3))
def test_what_was_told_of_sessions_holds_after_a_power_cut(tmp_path, batch, side):
    house = House(tmp_path)
    ended = []

    async def story(sign_ins, keyring):
        house.told.append(await sign_ins.by_key(house.key))
        house.told.append(await sign_ins.by_key(house.key))
        await sign_ins.end(house.told[1], BY)
        ended.append(house.told[1])
        await keyring.revoke(TENANT, house.key[:8], BY)
        house.revoked = True

    async def look(sign_ins, _):
        for token in house.told:
            over = token in ended or house.revoked
            # What was about to end may have ended unheard.
            assert sign_ins.find(token) is None or not over
            if not over and batch < 2:
                assert sign_ins.find(token) is not None

    house.live(story, Cut(batch, side))
    house.live(look)


def test_the_sessions_of_a_revoked_key_are_dead_after_a_restart(tmp_path):
    house = House(tmp_path)

    async def sign_in_and_revoke(sign_ins, keyring):
        house.told.append(await sign_ins.by_key(house.key))
        assert sign_ins.find(house.told[0]) is not None
        await keyring.revoke(TENANT, house.key[:8], BY)
        assert sign_ins.find(house.told[0]) is None

    async def look(sign_ins, _):
        assert sign_ins.find(house.told[0]) is None

    house.live(sign_in_and_revoke)
    house.live(look)


COUNT = FORGET_ROWS_MAX * 2 + 3


def test_what_has_run_out_goes_slice_by_slice_through_any_power_cut(make_world):
    """And what has not stays."""
    world = make_world(BRANCHING)
    key = b"k" * 32
    soon_ns = world.clock.now_ns() + SIGN_IN_LINK_S_MAX * NS_PER_S
    with open_store(SETTINGS, world.directory) as store:
        record = ApiKeyRecord(TENANT, "console", "12345678", "abcd", 1, console=True)
        session, link = SessionRecord(key, 1), SignInLinkRecord(key, 1)
        put_rows(
            store,
            (keys.API_KEYS, key, encode_api_key(record)),
            *((keys.SESSIONS, token_of(n, soon_ns), encode_session(session)) for n in range(COUNT)),
            *((keys.SIGN_IN_LINKS, token_of(n, soon_ns), encode_link(link)) for n in range(COUNT)),
            (keys.SESSIONS, token_of(0, soon_ns * 2), encode_session(session)),
        )

    def left(store):
        return len(rows(store, keys.SESSIONS)), len(rows(store, keys.SIGN_IN_LINKS))

    def live(cut=None):
        async def life():
            async with open_box(world, Physics(sync_s=0.0005, cut=cut)) as box:
                await trio.sleep(5)
                await box.disk.finish()
                assert box.broken() == []
                return left(box.store)
            return None

        return run_seeded(1, life)

    assert live() == (COUNT + 1, COUNT)
    world.clock.advance(SIGN_IN_LINK_S_MAX * NS_PER_S)
    for side in ("before", "after", "before"):
        assert live(Cut(1, side)) is None
        assert world.nodes.violations == []
    assert live() == (1, 0)


def token_of(number, expires_ns):
    return token_key(f"{expires_ns:016x}{number:064x}")
