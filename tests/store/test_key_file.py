"""The file with the keys: its owner's alone, whole, and worth nothing in another place."""

import attrs
import pytest

from axiomd.clock import SystemClock
from axiomd.errors import KeyFileUnusable, WrongState
from axiomd.execution.flow_configs import Sealed
from axiomd.ids import Ids
from axiomd.store.key_file import (
    KeyFile,
    keys_kept,
    keys_replaced,
    override_place,
    secret_place,
)


@pytest.fixture
def key_file(tmp_path):
    return KeyFile(tmp_path, Ids(SystemClock()).random_bytes)


def test_a_key_is_made_once_and_for_its_owner_only(key_file):
    assert key_file.read() == {}
    made = key_file.make()
    assert len(made) == 1
    assert key_file.make() == made == key_file.read()
    assert key_file.path.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in key_file.path.parent.iterdir()] == ["secrets.key"]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_a_file_that_others_can_reach_is_refused_with_what_to_do(key_file, mode):
    key_file.make()
    key_file.path.chmod(mode)
    with pytest.raises(KeyFileUnusable, match=f"mode {mode:04o}.*chmod 600"):
        key_file.read()


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: "k" * 32,
        lambda text: "[]",
        lambda text: text.replace('"format": 1', '"format": 2'),
        lambda text: text.replace('"key": "', '"key": "00'),
        lambda text: text.replace('"id": "', '"id": "0'),
        lambda text: text.replace('"keys": [', '"keys": [1, '),
        lambda text: '{"format": 1, "keys": []}',
        lambda text: '{"format": 1, "keys": [{"id": 1, "key": "é"}]}',
        lambda text: text[: len(text) // 2],
    ],
)
def test_a_damaged_file_is_refused_and_left_as_it_is(key_file, damage):
    key_file.make()
    text = damage(key_file.path.read_text())
    key_file.path.write_text(text)
    for look in (key_file.read, key_file.make):
        with pytest.raises(KeyFileUnusable, match="damaged"):
            look()
    assert key_file.path.read_text() == text


def test_what_is_sealed_can_be_read_in_its_place_only(key_file):
    (key,) = key_file.make().values()
    here = secret_place("t", "A")
    sealed = key.seal("välue", here, key_file.random_bytes)
    assert key.open(sealed, here) == "välue"
    assert b"lue" not in sealed.content
    for place in (secret_place("t", "B"), secret_place("u", "A"), override_place("t", "A", "")):
        with pytest.raises(KeyFileUnusable, match="damaged"):
            key.open(sealed, place)
    for wrong in (
        attrs.evolve(sealed, content=sealed.content[:-1] + b"\0"),
        attrs.evolve(sealed, nonce=b"\0" * 12),
        Sealed(key.key_id, b"", b""),
    ):
        with pytest.raises(KeyFileUnusable, match="damaged"):
            key.open(wrong, here)
    # The same value is another text each time.
    assert key.seal("välue", here, key_file.random_bytes) != sealed


def test_no_key_is_shown_by_accident(key_file):
    (key,) = key_file.make().values()
    assert key.secret.hex() not in repr(key)
    assert repr(key.secret) not in repr(key)


def test_keys_are_replaced_by_one_at_a_time_and_not_while_a_backup_is_made(tmp_path):
    refusal = pytest.raises(WrongState, match="try again")
    with keys_kept(tmp_path), keys_kept(tmp_path), refusal, keys_replaced(tmp_path):
        pass
    with keys_replaced(tmp_path), pytest.raises(WrongState), keys_replaced(tmp_path):
        pass


def test_what_a_killed_replacement_has_left_behind_is_removed(key_file, tmp_path):
    key_file.make()
    left = tmp_path / ".secrets.key.0123.lock"
    left.write_text("an old key")
    with keys_replaced(tmp_path):
        assert not left.exists()
        assert key_file.path.exists()
