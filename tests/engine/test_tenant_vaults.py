"""Secrets and flow configs as the engine keeps them: by tenant, judged by what is stored."""

import stat

import pytest
from worlds.vaults import BY, PLATFORM_S, look, open_vault, wanted

from axiomd.errors import Invalid, KeyFileUnusable, NotFound, ProfileTaken
from axiomd.execution.flow_configs import Terms
from axiomd.limits import CONFIG_SECRETS_MAX
from axiomd.store import keys
from axiomd.store.commit import RowsCommit
from axiomd.store.writer import write_now


@pytest.fixture
def opened(tmp_path):
    with open_vault(tmp_path) as found:
        yield found


async def test_a_secret_is_new_once_and_then_replaced(opened):
    assert await opened.secrets.put("t", "A", "first", BY) is True
    (made,) = opened.secrets.list("t", 10, None).rows
    assert await opened.secrets.put("t", "A", "second", BY) is False
    (replaced,) = opened.secrets.list("t", 10, None).rows
    assert (replaced.name, replaced.created_ns) == ("A", made.created_ns)
    assert replaced.updated_ns > made.updated_ns
    assert opened.secrets.values("t", ["A"], ()) == {"A": "second"}


async def test_tenants_see_and_remove_their_own_secrets_only(opened):
    await opened.secrets.put("t", "A", "of t", BY)
    await opened.secrets.put("tt", "A", "of tt", BY)
    assert opened.secrets.values("t", ["A"], ()) == {"A": "of t"}
    assert opened.secrets.values("", ["A"], ()) == {}
    with pytest.raises(NotFound):
        await opened.secrets.delete("u", "A", BY)
    await opened.secrets.delete("t", "A", BY)
    assert opened.secrets.list("t", 10, None).rows == []
    assert opened.secrets.values("tt", ["A"], ()) == {"A": "of tt"}
    with pytest.raises(NotFound):
        await opened.secrets.delete("t", "A", BY)


async def test_secrets_are_listed_by_name_in_pages(opened):
    for name in ("C", "A", "B_1", "D"):
        await opened.secrets.put("t", name, "value", BY)
    first = opened.secrets.list("t", 3, None)
    second = opened.secrets.list("t", 3, first.cursor)
    assert [row.name for row in (*first.rows, *second.rows)] == ["A", "B_1", "C", "D"]
    assert second.cursor is None


async def test_a_tenant_has_only_so_many(opened, monkeypatch):
    monkeypatch.setattr("axiomd.engine.tenant_secrets.SECRETS_PER_TENANT_MAX", 2)
    monkeypatch.setattr("axiomd.engine.flow_configs.FLOW_CONFIGS_PER_TENANT_MAX", 1)
    for name in ("A", "B", "A"):
        await opened.secrets.put("t", name, "value", BY)
    with pytest.raises(Invalid) as refusal:
        await opened.secrets.put("t", "C", "value", BY)
    assert refusal.value.problems[0].path == "name"
    await opened.secrets.put("u", "C", "value", BY)
    await opened.configs.create("t", wanted("a"), BY)
    with pytest.raises(Invalid):
        await opened.configs.create("t", wanted("b"), BY)
    many = {f"S{number}": "value" for number in range(CONFIG_SECRETS_MAX + 1)}
    with pytest.raises(Invalid) as refusal:
        await opened.configs.create("u", wanted("a", secrets=many), BY)
    assert refusal.value.problems[0].path == "secrets"


async def test_a_value_that_was_moved_to_another_place_is_refused(opened):
    await opened.secrets.put("t", "A", "value of t", BY)
    row = opened.vault.secret_row("t", "A")
    for tenant, name in (("u", "A"), ("t", "B")):
        write_now(opened.store, RowsCommit(((keys.SECRETS, keys.secret_key(tenant, name), row),)))
        with pytest.raises(KeyFileUnusable, match="damaged"):
            opened.secrets.values(tenant, [name], ())


async def test_the_first_secret_makes_the_key_and_two_at_once_make_one(opened, tmp_path):
    other = look(opened.store, tmp_path)
    real = opened.key_file.make
    sealings = []

    def both():
        ring = other.key_file.make()
        sealings.append(ring)
        return real()

    object.__setattr__(opened.sealer._key_file, "make", both)
    await opened.secrets.put("t", "A", "value", BY)
    assert opened.key_file.read() == sealings[0]
    assert stat.S_IMODE((tmp_path / "secrets.key").stat().st_mode) == 0o600
    assert other.secrets.values("t", ["A"], ()) == {"A": "value"}


async def test_without_secrets_no_key_is_needed_and_a_lost_one_is_made_anew(opened, tmp_path):
    opened.sealer.check()
    await opened.secrets.put("t", "A", "value", BY)
    await opened.secrets.delete("t", "A", BY)
    (tmp_path / "secrets.key").unlink()
    again = look(opened.store, tmp_path)
    again.sealer.check()
    await again.secrets.put("t", "A", "value again", BY)
    assert again.secrets.values("t", ["A"], ()) == {"A": "value again"}


async def test_a_profile_of_a_flow_is_one_config(opened):
    made = await opened.configs.create("t", wanted("p", "a/f", 20), BY)
    for again in (wanted("p", "a/f"), wanted("p", "a/f", 20)):
        with pytest.raises(ProfileTaken, match="profile p of flow a/f"):
            await opened.configs.create("t", again, BY)
    others = [
        await opened.configs.create(*given, BY)
        for given in (("t", wanted("p")), ("t", wanted("p", "a/g")), ("u", wanted("p", "a/f")))
    ]
    other = await opened.configs.create("t", wanted("q", "a/f"), BY)
    with pytest.raises(ProfileTaken):
        await opened.configs.replace("t", other.config_id, wanted("p", "a/f"), BY)
    # A name that is given up is free.
    await opened.configs.replace("t", made.config_id, wanted("r", "a/f"), BY)
    await opened.configs.replace("t", other.config_id, wanted("p", "a/f"), BY)
    await opened.configs.delete("t", other.config_id, BY)
    again = await opened.configs.create("t", wanted("p", "a/f"), BY)
    mine = [one.config_id for one in opened.configs.list("t", None)]
    assert (
        mine == sorted([made.config_id, again.config_id, *[o.config_id for o in others[:2]]])[::-1]
    )


async def test_a_config_keeps_what_stays_and_loses_what_is_left_out(opened):
    secrets = {"A": "first", "B": "second"}
    made = await opened.configs.create("t", wanted("p", "a/f", 20, secrets), BY)

    async def replace(changed, seconds=0.0):
        return await opened.configs.replace(
            "t", made.config_id, wanted("p", "a/f", seconds, changed), BY
        )

    def values():
        return opened.secrets.values("t", ["A", "B", "C"], [made.config_id])

    assert values() == secrets
    assert (await replace(None)).node_timeout_s == 0
    assert values() == secrets
    await replace({"A": None, "C": "third"})
    assert values() == {"A": "first", "C": "third"}
    with pytest.raises(Invalid) as refusal:
        await replace({"A": None, "B": None})
    assert [problem.path for problem in refusal.value.problems] == ["secrets.B"]
    with pytest.raises(Invalid) as refusal:
        await opened.configs.replace("t", made.config_id, wanted("p", "a/other"), BY)
    assert [problem.path for problem in refusal.value.problems] == ["flow"]
    await replace({})
    assert values() == {}
    with pytest.raises(NotFound):
        await opened.configs.replace("u", made.config_id, wanted("p", "a/f"), BY)
    with pytest.raises(NotFound):
        await opened.configs.delete("u", made.config_id, BY)


async def test_whoever_replaces_a_config_has_seen_the_one_that_is_there(opened, monkeypatch):
    made = await opened.configs.create("t", wanted("p", "a/f", 20, {"A": "first"}), BY)
    real, overtaken = opened.configs._sealed, []

    async def slowly(*given):
        found = await real(*given)
        if not overtaken:
            overtaken.append(1)
            monkeypatch.setattr(opened.configs, "_sealed", real)
            await opened.configs.replace(
                "t", made.config_id, wanted("q", "a/f", 30, {"A": "second", "B": "more"}), BY
            )
        return found

    monkeypatch.setattr(opened.configs, "_sealed", slowly)
    await opened.configs.replace("t", made.config_id, wanted("p", "a/f", 40, {"A": None}), BY)
    found = opened.secrets.values("t", ["A", "B"], [made.config_id])
    assert found == {"A": "second"}
    assert opened.configs.find("t", made.config_id).profile == "p"
    # The profile in between is free again.
    await opened.configs.create("t", wanted("q", "a/f"), BY)


async def test_an_invocation_names_a_config_of_its_flow_or_of_all(opened):
    tenant = await opened.configs.create("t", wanted("default", "", 20), BY)
    own = await opened.configs.create("t", wanted("own", "a/f", 30), BY)
    other = await opened.configs.create("t", wanted("other", "a/g", 40), BY)
    wide = await opened.configs.create("t", wanted("wide", "", 50), BY)
    alien = await opened.configs.create("u", wanted("own", "a/f", 60), BY)
    terms = opened.configs.terms
    assert terms("u", "a/g") == Terms(PLATFORM_S)
    assert terms("t", "a/f") == Terms(20)
    assert terms("t", "a/f", own.config_id) == Terms(30, own.config_id)
    assert terms("t", "a/f", wide.config_id) == Terms(50, wide.config_id)
    assert terms("t", "a/f", tenant.config_id) == Terms(20, tenant.config_id)
    for config, words in (
        (other.config_id, "another flow, a/g"),
        (alien.config_id, "no such flow config"),
        ("01JX5M4ZV8QK3T0B9N2R7C6D1E", "no such flow config"),
    ):
        with pytest.raises(Invalid) as refusal:
            terms("t", "a/f", config)
        (problem,) = refusal.value.problems
        assert problem.path == "config_id"
        assert words in problem.message
