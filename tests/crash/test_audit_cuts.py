"""Administrative acts and their lines of the log, cut by a loss of power at every commit."""

import json
from collections import Counter

import pytest
import trio
from worlds.box import MAP_BYTES, Physics, open_box
from worlds.disk import Cut, open_disk
from worlds.flows import BRANCHING
from worlds.invariants import broken_invariants, rows
from worlds.rows import put_rows
from worlds.seeds import TickingClock, run_inline, run_seeded, seeded_ids

from axiomd.clock import NS_PER_S
from axiomd.engine.catalog import Catalog
from axiomd.engine.keyring import Keyring
from axiomd.engine.sign_in import SignIns, new_link
from axiomd.engine.signing import Signing
from axiomd.engine.tenants import Days, TenantChanges, Tenants
from axiomd.execution.signatures import SigningSecrets
from axiomd.flow.source import read_flow_json
from axiomd.limits import FORGET_ROWS_MAX
from axiomd.settings import RetentionSettings, StoreSettings
from axiomd.store import keys
from axiomd.store.acts import ActKind, Actor, acted, decode_act, encode_act
from axiomd.store.delivery_records import decode_secrets
from axiomd.store.env import Store, open_store
from axiomd.store.outbox import Outbox
from axiomd.store.reader import Reader
from axiomd.store.records import decode_api_key, decode_link, decode_tenant
from axiomd.store.writer import Writer

SETTINGS = StoreSettings(map_size_bytes=MAP_BYTES, sync=False)
OPERATOR = Actor("laptop/12345678", "default")
FLOW = read_flow_json({"name": "acme/echo", "nodes": [], "edges": []})


def catalog_of(writer, reader, clock, ids):
    """A catalog that pushes nothing."""
    return Catalog(writer, reader, None, None, None, clock, ids, run_inline)


async def story(writer, store, clock, ids, told):
    """One act after the other; `told` counts those that somebody was told of."""
    reader = Reader(store)
    tenants, keyring = Tenants(writer, reader, clock), Keyring(writer, reader, clock, ids)
    sign_ins = SignIns(writer, reader, clock, ids, 7)
    catalog = catalog_of(writer, reader, clock, ids)
    signing = Signing(writer, Outbox(store), clock, ids)

    def done(*kinds):
        told.update(kind.value for kind in kinds)

    await tenants.create("acme", "Acme", OPERATOR)
    done(ActKind.TENANT_CREATED)
    key = await keyring.create("ci", "acme", OPERATOR)
    done(ActKind.KEY_CREATED)
    token = await sign_ins.by_key(key)
    done(ActKind.SESSION_CREATED)
    link, commit = new_link(reader, ids, clock, "acme", OPERATOR)
    await writer.submit(commit).wait()
    done(ActKind.LOGIN_LINK_CREATED, ActKind.KEY_CREATED)
    await sign_ins.by_link(link)
    done(ActKind.SESSION_CREATED)
    await sign_ins.end(token, BY_ACME)
    done(ActKind.SESSION_ENDED)
    await catalog.save_draft("acme", FLOW, BY_ACME)
    done(ActKind.FLOW_SAVED)
    await catalog.delete_draft("acme", FLOW.name, BY_ACME)
    done(ActKind.FLOW_DELETED)
    await signing.of("acme")
    await signing.rotate("acme", BY_ACME)
    done(ActKind.WEBHOOK_SECRET_ROTATED)
    await keyring.revoke("acme", key[:8], BY_ACME)
    done(ActKind.KEY_REVOKED)
    await tenants.change("acme", TenantChanges("New", True, Days(3)), OPERATOR)
    done(ActKind.TENANT_RENAMED, ActKind.TENANT_DISABLED, ActKind.TENANT_RETENTION_CHANGED)


BY_ACME = Actor("ci/12345678", "acme")
COMMITS = 12


def log_of(store: Store, tenant: str) -> Counter:
    acts = [decode_act(*row) for row in rows(store, keys.ACTS)]
    return Counter(act.kind.value for act in acts if act.tenant == tenant)


def state_says(store: Store) -> Counter:
    """What must have been done for the tables to be as they are, as far as they remember."""
    found: Counter = Counter()
    for _, value in rows(store, keys.API_KEYS):
        key = decode_api_key(value)
        found["key.created"] += 1
        found["key.revoked"] += bool(key.revoked_ns)
    for _, value in rows(store, keys.TENANTS):
        tenant = decode_tenant(value)
        found["tenant.created"] += 1
        found["tenant.renamed"] += tenant.name == "New"
        found["tenant.disabled"] += bool(tenant.disabled_ns)
        found["tenant.retention_changed"] += tenant.retention_days is not None
    links = [decode_link(value) for _, value in rows(store, keys.SIGN_IN_LINKS)]
    found["login_link.created"] += len(links)
    for _, value in rows(store, keys.SIGNING_SECRETS):
        secrets: SigningSecrets = decode_secrets(value)
        found["webhook_secret.rotated"] += bool(secrets.previous)
    return +found


def live(directory, cut=None):
    """One life; how often which act was told, and how many batches it took."""
    told: Counter = Counter()
    clock = TickingClock()

    async def life():
        with open_store(SETTINGS, directory) as store:
            writer = Writer(store, lambda _: None)
            async with open_disk(writer, 0, 0.001, cut) as disk:
                await story(writer, store, clock, seeded_ids(clock, 0), told)
                await disk.finish()
            return disk.batches

    return told, run_seeded(0, life)


def test_the_whole_story_is_in_the_log(tmp_path):
    told, batches = live(tmp_path)
    assert batches == COMMITS
    with open_store(SETTINGS, tmp_path) as store:
        assert log_of(store, "acme") == told
        assert broken_invariants(store, tmp_path / "blobs", {}) == []


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("batch", range(COMMITS))
def test_an_act_and_its_line_of_the_log_are_on_disk_together_or_not_at_all(tmp_path, batch, side):
    told, _ = live(tmp_path, Cut(batch, side))
    with open_store(SETTINGS, tmp_path) as store:
        log = log_of(store, "acme")
        state = state_says(store)
        sessions = len(rows(store, keys.SESSIONS))
        drafts = len(rows(store, keys.DRAFTS))
        assert {kind: log[kind] for kind in state} == state
        assert {kind for kind in log if kind in REMEMBERED} == set(state)
        assert log["session.created"] - log["session.ended"] == sessions
        assert log["flow.saved"] - log["flow.deleted"] == drafts
        # Whoever was told finds it there; what was about to be told may be there too.
        assert told <= log
        assert (log - told).total() <= 3
        assert broken_invariants(store, tmp_path / "blobs", {}) == []
        details = [json.loads(decode_act(*row).detail) for row in rows(store, keys.ACTS)]
        assert all(isinstance(detail, dict) for detail in details)


REMEMBERED = {
    *("key.created", "key.revoked", "login_link.created", "webhook_secret.rotated"),
    *("tenant.created", "tenant.renamed", "tenant.disabled", "tenant.retention_changed"),
}
"""What can be seen in the tables afterwards, for as long as this story goes."""


COUNT = FORGET_ROWS_MAX * 2 + 3
YEAR_NS = 366 * 86_400 * NS_PER_S


def test_old_acts_go_slice_by_slice_through_any_power_cut_and_younger_ones_stay(make_world):
    world = make_world(BRANCHING)
    old_ns, young_ns = world.clock.now_ns(), world.clock.now_ns() + YEAR_NS

    def acts(at_ns, count):
        return [
            (keys.ACTS, keys.act_key(tenant, at_ns + number), encode_act(act))
            for number in range(count)
            for tenant in ("acme", "default")
            for act in acted(Actor("x", tenant), tenant, 1, ActKind.FLOW_SAVED, "a/b")
        ]

    with open_store(SETTINGS, world.directory) as store:
        put_rows(store, *acts(old_ns, COUNT), *acts(young_ns, 2))

    def life(cut=None, days=365.0):
        async def live_on():
            physics = Physics(sync_s=0.0005, cut=cut, retention=RetentionSettings(audit_days=days))
            async with open_box(world, physics) as box:
                await trio.sleep(5)
                await box.disk.finish()
                assert box.broken() == []
                return len(rows(box.store, keys.ACTS))
            return None

        return run_seeded(1, live_on)

    everything = 2 * (COUNT + 2)
    assert life() == everything
    world.clock.advance(YEAR_NS)
    assert life(days=0) == everything, "kept for ever"
    for side in ("before", "after", "before"):
        assert life(Cut(1, side)) is None
        assert world.nodes.violations == []
    assert life() == 4
