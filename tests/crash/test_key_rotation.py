"""The key of secrets is replaced, and whoever does it dies at any effect, before or after it."""

import subprocess
import sys

import pytest
import trio
from worlds.vaults import BY, SETTINGS, look, open_vault, wanted

from axiomd.errors import KeyFileUnusable
from axiomd.store import rotation
from axiomd.store.backup import back_up, restore
from axiomd.store.env import Store, open_store
from axiomd.store.key_file import KeyFile

COUNT = 7
TENANTS = ("a", "b")


class Died(BaseException):
    """The process is gone."""


def fill(directory):
    """Secrets of two tenants, and a config with some of its own."""

    async def put(opened):
        for tenant in TENANTS:
            for number in range(COUNT):
                await opened.secrets.put(tenant, f"S{number}", value(tenant, number), BY)
        config = await opened.configs.create(
            "a", wanted("own", "acme/f", secrets={"S0": "of the config", "S1": "another"}), BY
        )
        return config.config_id

    with open_vault(directory) as opened:
        return trio.run(put, opened)


def value(tenant, number):
    return f"value {number} of {tenant}"


def holds(store, directory, config_id):
    """Whether a server that starts now can read every value."""
    opened = look(store, directory)
    opened.sealer.check()
    for tenant in TENANTS:
        names = [f"S{number}" for number in range(COUNT)]
        expected = {f"S{n}": value(tenant, n) for n in range(COUNT)}
        assert opened.secrets.values(tenant, names, ()) == expected
    own = opened.secrets.values("a", ["S0", "S1", "S2"], [config_id])
    assert own == {"S0": "of the config", "S1": "another", "S2": value("a", 2)}
    assert opened.secrets.values("b", ["S0"], [config_id]) == {"S0": value("b", 0)}
    return True


def starts(directory, config_id):
    """The same of a directory that nobody has open."""
    with open_store(SETTINGS, directory) as store:
        return holds(store, directory, config_id)


def dying(monkeypatch, effects, side):
    """The process dies at its effect number `effects`: a transaction, or a change of the file."""
    left = [effects]

    def deadly(real):
        def call(*args, **kwargs):
            last = left[0] == 0
            left[0] -= 1
            if last and side == "before":
                raise Died
            result = real(*args, **kwargs)
            if last:
                raise Died
            return result

        return call

    monkeypatch.setattr(Store, "transact", deadly(Store.transact))
    monkeypatch.setattr(KeyFile, "replace", deadly(KeyFile.replace))


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_rotation_that_is_killed_at_any_effect_loses_nothing_and_is_finished_by_the_next(
    tmp_path, monkeypatch, side
):
    monkeypatch.setattr(rotation, "RESEAL_ROWS_MAX", 3)
    config_id = fill(tmp_path)
    deaths = 0
    while True:
        with open_vault(tmp_path) as opened, monkeypatch.context() as patch:
            before = list(opened.key_file.read())
            dying(patch, deaths, side)
            try:
                done = opened.rotate()
            except Died:
                deaths += 1
            else:
                break
        assert starts(tmp_path, config_id)
        # A server that goes on beside or after it may seal with either key, and both are there.
        with open_vault(tmp_path) as opened:
            trio.run(opened.secrets.put, "a", "S3", value("a", 3), BY)
            assert holds(opened.store, tmp_path, config_id)
            opened.rotate()
            after = list(opened.key_file.read())
            assert len(after) == 1
            assert after != before or deaths == 1
            assert opened.vault.sealed_with() == set(after)
            assert holds(opened.store, tmp_path, config_id)
    assert done.resealed == 2 * COUNT + 2
    # The name of the key, the slices of two tables, and the file twice.
    assert deaths >= 8


def test_a_server_beside_it_seals_with_the_new_key_from_the_instant_it_is_named(
    tmp_path, monkeypatch
):
    config_id = fill(tmp_path)
    with open_vault(tmp_path) as server:
        command = look(server.store, tmp_path)
        server.sealer.check()
        real = server.sealer.sealing

        async def overtaken():
            """The key is replaced between the choice of it and the commit."""
            found = await real()
            if rotations:
                rotations.pop()
                command.rotate()
            return found

        monkeypatch.setattr(server.sealer, "sealing", overtaken)
        rotations = [1]
        for name in ("S0", "NEW"):
            # A new one too, of which no row tells that it was overtaken.
            rotations[:] = [1]
            trio.run(server.secrets.put, "a", name, "written meanwhile", BY)
            (key_id,) = command.key_file.read()
            assert server.vault.sealed_with() == {key_id}
            assert server.secrets.values("a", [name], ()) == {name: "written meanwhile"}
        rotations.append(1)
        more = wanted("own", "acme/f", 9, {"S0": None, "S1": "written too"})
        trio.run(server.configs.replace, "a", config_id, more, BY)
        (key_id,) = command.key_file.read()
        assert server.vault.sealed_with() == {key_id}
        assert server.secrets.values("a", ["S0", "S1"], [config_id]) == {
            "S0": "of the config",
            "S1": "written too",
        }


def test_a_backup_that_was_begun_before_a_rotation_can_be_read(tmp_path):
    """Its snapshot has rows of the old key: that must not leave the file before it is copied."""
    home, kept, new = tmp_path / "home", tmp_path / "kept", tmp_path / "new"
    home.mkdir()
    config_id = fill(home)
    refused = []

    def rotate_meanwhile(_):
        refused.append(run_command(home))

    back_up(SETTINGS, home, kept, now_ns=1, version="1", on_progress=rotate_meanwhile)
    assert {ended.returncode for ended in refused} == {1}
    assert "A backup is being made" in refused[0].stderr
    restore(kept, new)
    assert starts(new, config_id)
    assert run_command(home).returncode == 0
    assert starts(home, config_id)
    # The copy has a ring of its own.
    assert starts(new, config_id)


def run_command(directory):
    command = [sys.executable, "-m", "axiomd", "secrets", "rotate-key", "--data-dir"]
    return subprocess.run([*command, str(directory)], capture_output=True, text=True, check=False)


def test_a_key_that_is_lost_is_told_and_its_secrets_can_be_given_up(tmp_path):
    config_id = fill(tmp_path)
    with open_vault(tmp_path) as opened:
        (old,) = opened.key_file.read()
        opened.key_file.path.rename(tmp_path / "away")
        with pytest.raises(KeyFileUnusable, match=r"missing.*--drop-unreadable"):
            opened.rotate()
        with pytest.raises(KeyFileUnusable, match="missing"):
            opened.sealer.check()
        with pytest.raises(KeyFileUnusable, match="missing"):
            trio.run(opened.secrets.put, "a", "NEW", "never written", BY)
        assert not opened.key_file.path.exists()
        other = opened.key_file.make()
        with pytest.raises(KeyFileUnusable, match=f"key {old}, which"):
            opened.sealer.check()
        with pytest.raises(KeyFileUnusable, match="secret S0 of tenant a cannot be read"):
            opened.rotate()
        assert set(other) < set(opened.key_file.read())
        done = opened.rotate(drop_unreadable=True)
        assert len(done.dropped) == 2 * COUNT + 2
        assert f"secret S0 of flow config {config_id} of tenant a" in done.dropped
        assert opened.secrets.list("a", 100, None).rows == []
        assert opened.configs.find("a", config_id).secrets == {}
        trio.run(opened.secrets.put, "a", "NEW", "written", BY)
        assert opened.secrets.values("a", ["NEW"], ()) == {"NEW": "written"}


def test_without_secrets_there_is_nothing_to_replace(tmp_path):
    with open_vault(tmp_path) as opened:
        assert opened.rotate().key_id == ""
        assert not opened.key_file.path.exists()
