"""Replacing the key that secrets are sealed with; beside a running server, or without one.

A new key is in the key file before the store names it; from that transaction on nothing is sealed
with an old one, since whoever writes a sealed row says in its commit which key that was for
(`RowsCommit.still`). Then everything is sealed anew, a bounded number of rows at a time. Only when
nothing is left of the old keys do they leave the file. Killed anywhere, all that is sealed can
be read, and the next rotation first finishes this one.
"""

from collections.abc import Callable, Iterator
from functools import partial

import attrs
import lmdb

from axiomd.errors import KeyFileUnusable
from axiomd.execution.flow_configs import Sealed
from axiomd.limits import RESEAL_ROWS_MAX
from axiomd.store import keys
from axiomd.store.acts import Act, put_acts
from axiomd.store.env import Store, get
from axiomd.store.key_file import Key, KeyFile, Ring, keys_replaced, override_place, secret_place
from axiomd.store.vault import SEALING_KEY, Vault, is_config_row
from axiomd.store.vault_records import decode_config, decode_secret, encode_config, encode_secret


@attrs.frozen
class Rotated:
    """What a rotation has done."""

    key_id: str
    """The key that seals from now on; empty if there was nothing that needs one."""
    resealed: int
    """Values that were sealed anew."""
    dropped: tuple[str, ...]
    """What could not be read any more and was removed, in words."""


def rotate(
    store: Store, key_file: KeyFile, acts: tuple[Act, ...] = (), *, drop_unreadable: bool = False
) -> Rotated:
    """Replace the key, or finish an earlier replacement; blocks.

    acts: what the log says of it, from the instant at which the store names the key.
    drop_unreadable: remove what no key of the file can read. Raises WrongState while somebody
    else replaces it or a backup is made, StoreFull, KeyFileUnusable if the file is missing or
    damaged, or has no key for something that is sealed.
    """
    with keys_replaced(key_file.path.parent):
        ring = key_file.read()
        if not ring and not Vault(store).sealed_with():
            return Rotated("", 0, ())
        if not ring and not drop_unreadable:
            raise KeyFileUnusable(missing_words(key_file))
        if len(ring) > 1:
            # An earlier rotation was killed, and the newest is its new one.
            new = [*ring.values()][-1]
        else:
            new = key_file.new_key()
            ring = {**ring, new.key_id: new}
            key_file.replace(ring)
        store.transact(partial(_name, store, new, acts))
        resealing = _Resealing(ring, new, key_file, drop_unreadable)
        done = [*_walked(store, keys.SECRETS, resealing.secret)]
        done += _walked(store, keys.FLOW_CONFIGS, resealing.config)
        key_file.replace({new.key_id: new})
    return Rotated(
        new.key_id,
        sum(one.resealed for one in done),
        tuple(words for one in done for words in one.dropped),
    )


def missing_words(key_file: KeyFile) -> str:
    """Said where there are secrets, and no file with their keys."""
    return (
        f"There are secrets, and {key_file.path} is missing: put the one of a backup in its place. "
        "If there is none, `axiomd secrets rotate-key --drop-unreadable` removes those secrets."
    )


@attrs.frozen
class _Done:
    """What was done with one row."""

    value: bytes | None
    """What is stored from now on; None for nothing."""
    resealed: int
    dropped: tuple[str, ...] = ()


@attrs.frozen
class _Resealing:
    """Seals rows anew."""

    ring: Ring
    new: Key
    key_file: KeyFile
    drop_unreadable: bool

    def secret(self, key: bytes, value: bytes) -> _Done:
        tenant, _, name = key.decode().partition("\0")
        secret, words = decode_secret(value), f"secret {name} of tenant {tenant}"
        sealed = self._again(secret.value, secret_place(tenant, name), words)
        if sealed is None:
            return _Done(None, 0, (words,))
        same = sealed == secret.value
        return _Done(encode_secret(attrs.evolve(secret, value=sealed)), int(not same))

    def config(self, key: bytes, value: bytes) -> _Done:
        if not is_config_row(key):
            return _Done(value, 0)
        config = decode_config(key, value)
        kept: dict[str, Sealed] = {}
        resealed, dropped = 0, []
        for name, before in config.secrets.items():
            words = f"secret {name} of flow config {config.config_id} of tenant {config.tenant}"
            place = override_place(config.tenant, config.config_id, name)
            sealed = self._again(before, place, words)
            if sealed is None:
                dropped.append(words)
            else:
                kept[name] = sealed
                resealed += sealed != before
        return _Done(encode_config(attrs.evolve(config, secrets=kept)), resealed, tuple(dropped))

    def _again(self, sealed: Sealed, place: bytes, words: str) -> Sealed | None:
        """The same value under the new key; None if nobody can read it and that is accepted."""
        if sealed.key_id == self.new.key_id:
            return sealed
        try:
            key = self.ring.get(sealed.key_id)
            if key is None:
                raise KeyFileUnusable(f"it is sealed with key {sealed.key_id}, which is not there")
            return self.new.seal(key.open(sealed, place), place, self.key_file.random_bytes)
        except KeyFileUnusable as failure:
            if self.drop_unreadable:
                return None
            raise KeyFileUnusable(
                f"The {words} cannot be read: {failure} Put the {self.key_file.path.name} of a "
                "backup in its place, or remove what cannot be read with --drop-unreadable."
            ) from None


def _name(store: Store, key: Key, acts: tuple[Act, ...], transaction: "lmdb.Transaction") -> None:
    meta, key_id = store.tables[keys.META], key.key_id.encode()
    if get(transaction, SEALING_KEY, meta) != key_id:
        transaction.put(SEALING_KEY, key_id, db=meta)
        put_acts(store.tables, transaction, acts)


def _walked(store: Store, table: str, again: Callable[[bytes, bytes], _Done]) -> Iterator[_Done]:
    first: bytes | None = b""
    while first is not None:
        done, first = store.transact(partial(_slice, store, table, again, first))
        yield from done


def _slice(
    store: Store,
    table: str,
    again: Callable[[bytes, bytes], _Done],
    start: bytes,
    transaction: "lmdb.Transaction",
) -> tuple[list[_Done], bytes | None]:
    """Seal some rows anew; what was done, and where the next slice begins."""
    walk = transaction.cursor(store.tables[table])
    more = walk.set_range(start) if start else walk.first()
    some: list[tuple[bytes, bytes]] = []
    while more and len(some) < RESEAL_ROWS_MAX:
        some.append((bytes(walk.key()), bytes(walk.value())))
        more = walk.next()
    following = bytes(walk.key()) if more else None
    done = [again(key, value) for key, value in some]
    for (key, before), one in zip(some, done, strict=True):
        if one.value is None:
            transaction.delete(key, db=store.tables[table])
        elif one.value != before:
            transaction.put(key, one.value, db=store.tables[table])
    return done, following
