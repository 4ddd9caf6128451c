"""How a sign-in link is used: once, for one session, in the transaction that says both.

Judged by what is stored, as everything is: of two browsers with the same link one has its session,
and after a loss of power either the link is used and the session there, or neither is so.
"""

from collections.abc import Mapping

import attrs
import lmdb

from axiomd.errors import LinkUnusable
from axiomd.ids import token_expiry
from axiomd.store import keys
from axiomd.store.commit import SignInCommit
from axiomd.store.env import get
from axiomd.store.records import (
    SessionRecord,
    SignInLinkRecord,
    decode_api_key,
    decode_link,
    encode_link,
    encode_session,
)

_ANOTHER = "On the server's machine, `axiomd login-link` makes another one."


def use_link(
    tables: Mapping[str, "lmdb._Database"], transaction: "lmdb.Transaction", commit: SignInCommit
) -> None:
    """Write the session that the link brings. Raises LinkUnusable; then nothing is written."""
    link_value = get(transaction, commit.link, tables[keys.SIGN_IN_LINKS])
    link = decode_link(link_value) if link_value is not None else None
    if link is None or token_expiry(commit.link) <= commit.at_ns:
        raise LinkUnusable(f"This sign-in link has run out, or is none of this box. {_ANOTHER}")
    if link.used_ns:
        raise LinkUnusable(f"This sign-in link has been used: each signs in once. {_ANOTHER}")
    if not _stands(tables, transaction, link):
        raise LinkUnusable(f"This sign-in link has been revoked. {_ANOTHER}")
    used = attrs.evolve(link, used_ns=commit.at_ns)
    transaction.put(commit.link, encode_link(used), db=tables[keys.SIGN_IN_LINKS])
    session = encode_session(SessionRecord(link.api_key, commit.at_ns))
    transaction.put(commit.session, session, db=tables[keys.SESSIONS])


def _stands(
    tables: Mapping[str, "lmdb._Database"], transaction: "lmdb.Transaction", link: SignInLinkRecord
) -> bool:
    value = get(transaction, link.api_key, tables[keys.API_KEYS])
    return value is not None and not decode_api_key(value).revoked_ns
