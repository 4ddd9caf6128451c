"""Rows of secrets and flow configs: bytes and back, and what `verify` finds wrong with them."""

import attrs
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from worlds.rows import delete_row, put_rows
from worlds.vaults import BY, open_vault, wanted

from axiomd.execution.flow_configs import FlowConfig, Sealed, Secret
from axiomd.store import keys
from axiomd.store.blobs import Blobs
from axiomd.store.vault import SEALING_KEY
from axiomd.store.vault_records import decode_config, decode_secret, encode_config, encode_secret
from axiomd.store.verify import verify

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
NS = st.integers(0, 2**63)
SEALED = st.builds(Sealed, TEXT, st.binary(max_size=12), st.binary(max_size=40))
CONFIGS = st.builds(
    FlowConfig,
    config_id=st.just("01JX5M4ZV8QK3T0B9N2R7C6D1E"),
    tenant=TEXT,
    flow=TEXT,
    profile=TEXT,
    created_ns=NS,
    updated_ns=NS,
    node_timeout_s=st.floats(1, 3600),
    secrets=st.dictionaries(TEXT, SEALED, max_size=3),
)


@given(st.builds(Secret, SEALED, NS, NS))
def test_a_secret_is_what_was_stored(secret):
    assert decode_secret(encode_secret(secret)) == secret


@given(CONFIGS)
def test_a_config_is_what_was_stored(config):
    key = keys.flow_config_key(config.tenant, config.config_id)
    assert decode_config(key, encode_config(config)) == config


class Filled:
    """A store with a secret and a config, and hands to break it with."""

    def __init__(self, opened, directory):
        self.opened, self.store, self.directory = opened, opened.store, directory
        trio.run(opened.secrets.put, "t", "TOKEN", "value", BY)
        given = wanted("own", "a/f", 20, {"TOKEN": "value of it"})
        self.config = trio.run(opened.configs.create, "t", given, BY)
        self.config_row = (keys.FLOW_CONFIGS, keys.flow_config_key("t", self.config.config_id))
        self.profile_row = (keys.FLOW_CONFIGS, keys.profile_key("t", "a/f", "own"))

    def findings(self):
        found = verify(self.store, Blobs(self.directory / "blobs"))
        assert found.counts["secrets"] == 3
        return [str(one) for one in found.findings]

    def put_config(self, **changes):
        config = attrs.evolve(self.config, **changes)
        put_rows(self.store, (*self.config_row, encode_config(config)))


@pytest.fixture
def filled(tmp_path):
    with open_vault(tmp_path) as opened:
        yield Filled(opened, tmp_path)


def test_rows_as_they_are_written_are_sound(filled):
    assert filled.findings() == []


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda f: f.put_config(profile="other"), "profile other does not lead to it"),
        (lambda f: f.put_config(node_timeout_s=0.5), "its node timeout is 0.5 s"),
        (lambda f: f.put_config(secrets={"A": Sealed("", b"", b"")}), "it is not sealed"),
        (
            lambda f: put_rows(f.store, (*f.profile_row, b"01JX5M4ZV8QK3T0B9N2R7C6D1E")),
            "it leads to config 01JX5M4ZV8QK3T0B9N2R7C6D1E, which is not there",
        ),
        (
            lambda f: put_rows(f.store, (keys.SECRETS, keys.secret_key("t", "TOKEN"), b"\x01\xff")),
            "secret t TOKEN: it cannot be read",
        ),
        (lambda f: delete_row(f.store, keys.META, SEALING_KEY), "nobody knows with which key"),
    ],
)
def test_what_is_wrong_with_a_row_is_found(filled, damage, words):
    damage(filled)
    found = filled.findings()
    assert found
    assert any(words in one for one in found), found
