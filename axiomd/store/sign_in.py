"""How a sign-in link is used: once, for one session, in the transaction that says both.

Judged by what is stored, as everything is: of two browsers with the same link one has its session,
and after a loss of power either the link is used and the session there, or neither is so.
"""

from collections.abc import Mapping

import attrs
import lmdb

from axiomd.clock import rfc3339
from axiomd.errors import LinkUnusable, TenantDisabled
from axiomd.ids import token_expiry
from axiomd.store import keys
from axiomd.store.acts import ActKind, acted, actor_of, put_acts
from axiomd.store.commit import SignInCommit
from axiomd.store.env import get
from axiomd.store.records import (
    ApiKeyRecord,
    SessionRecord,
    SignInLinkRecord,
    decode_api_key,
    decode_link,
    decode_tenant,
    encode_link,
    encode_session,
)

_ANOTHER = "On the server's machine, `axiomd login-link` makes another one."


def use_link(
    tables: Mapping[str, "lmdb._Database"], transaction: "lmdb.Transaction", commit: SignInCommit
) -> None:
    """Write the session that the link brings, and the act.

    Raises LinkUnusable, TenantDisabled; then nothing is written.
    """
    link_value = get(transaction, commit.link, tables[keys.SIGN_IN_LINKS])
    link = decode_link(link_value) if link_value is not None else None
    if link is None or token_expiry(commit.link) <= commit.at_ns:
        raise LinkUnusable(f"This sign-in link has run out, or is none of this box. {_ANOTHER}")
    if link.used_ns:
        raise LinkUnusable(f"This sign-in link has been used: each signs in once. {_ANOTHER}")
    key = _key_of(tables, transaction, link)
    if key is None or key.revoked_ns:
        raise LinkUnusable(f"This sign-in link has been revoked. {_ANOTHER}")
    if _is_disabled(tables, transaction, key.tenant):
        raise TenantDisabled
    used = attrs.evolve(link, used_ns=commit.at_ns)
    transaction.put(commit.link, encode_link(used), db=tables[keys.SIGN_IN_LINKS])
    session = encode_session(SessionRecord(link.api_key, commit.at_ns))
    transaction.put(commit.session, session, db=tables[keys.SESSIONS])
    by = actor_of(key)
    kind, expires_at = ActKind.SESSION_CREATED, rfc3339(token_expiry(commit.session))
    acts = acted(by, key.tenant, commit.at_ns, kind, by.name, expires_at=expires_at)
    put_acts(tables, transaction, acts)


def _key_of(
    tables: Mapping[str, "lmdb._Database"], transaction: "lmdb.Transaction", link: SignInLinkRecord
) -> ApiKeyRecord | None:
    value = get(transaction, link.api_key, tables[keys.API_KEYS])
    return decode_api_key(value) if value is not None else None


def _is_disabled(
    tables: Mapping[str, "lmdb._Database"], transaction: "lmdb.Transaction", tenant: str
) -> bool:
    value = get(transaction, tenant.encode(), tables[keys.TENANTS])
    return value is not None and bool(decode_tenant(value).disabled_ns)
