"""Browsers that sign in: sessions, and the links that make one.

A session stands for an API key and has its tenant and its rights. Both are read from the store at
each request, so that revoking the key ends the session at once. Who signs in by a link stands for
the tenant's console: an API key like the others, which is listed and can be revoked, and which
nobody has as text. Tokens are shown once; only their hashes are stored.
"""

import hashlib

import attrs

from axiomd.clock import NS_PER_DAY, NS_PER_S, Clock, rfc3339
from axiomd.engine.revising import revise
from axiomd.errors import LinkUnusable, TenantDisabled, Unauthorized
from axiomd.ids import TOKEN, Ids, key_hash, token_expiry, token_key
from axiomd.limits import SIGN_IN_LINK_S_MAX
from axiomd.store import keys
from axiomd.store.acts import Act, ActKind, Actor, acted, actor_of, masked
from axiomd.store.commit import RowsCommit, SignInCommit
from axiomd.store.reader import Reader
from axiomd.store.records import (
    ApiKeyRecord,
    SessionRecord,
    SignInLinkRecord,
    encode_api_key,
    encode_link,
    encode_session,
)
from axiomd.store.writer import Writer

CONSOLE = "console"
"""The name of the key that stands for who signs in by a link."""
SIGN_IN_PATH = "/sign-in"
"""The page of the dashboard that a link leads to."""


@attrs.frozen
class SignedIn:
    """A session that is valid now."""

    key: ApiKeyRecord
    digest: bytes
    """SHA-256 of the API key that it stands for."""
    disabled: bool
    """Whether its tenant is."""
    expires_ns: int
    csrf_token: str
    """What a page of ours knows, and another site's does not. It follows from the session's token,
    so that a page that is loaded again is told the same, and nothing more has to be stored."""


def csrf_token_of(token: str) -> str:
    """The CSRF token of a session; it does not lead back to the session's token."""
    return hashlib.sha256(b"csrf " + token.encode()).hexdigest()


def new_link(
    reader: Reader, ids: Ids, clock: Clock, tenant: str, by: Actor
) -> tuple[str, RowsCommit]:
    """The token of a new sign-in link, and the commit that makes it valid."""
    now_ns = clock.now_ns()
    digest, puts, acts = _console_key(reader, ids, now_ns, tenant, by)
    token = ids.token(now_ns + SIGN_IN_LINK_S_MAX * NS_PER_S)
    link = SignInLinkRecord(digest, now_ns)
    made = acted(
        by,
        tenant,
        now_ns,
        ActKind.LOGIN_LINK_CREATED,
        CONSOLE,
        expires_at=rfc3339(token_expiry(token_key(token))),
    )
    row = (keys.SIGN_IN_LINKS, token_key(token), encode_link(link))
    return token, RowsCommit((*puts, row), acts=(*acts, *made))


def _console_key(
    reader: Reader, ids: Ids, now_ns: int, tenant: str, by: Actor
) -> tuple[bytes, tuple[tuple[str, bytes, bytes], ...], tuple[Act, ...]]:
    """The hash of the tenant's console key; its row and its act if it is a new one."""
    for digest, record in reader.api_keys():
        if record.console and record.tenant == tenant and not record.revoked_ns:
            return digest, (), ()
    key = ids.api_key()
    made = ApiKeyRecord(tenant, CONSOLE, key[:8], key[-4:], now_ns, console=True)
    acts = acted(by, tenant, now_ns, ActKind.KEY_CREATED, CONSOLE, key=masked(made))
    return key_hash(key), ((keys.API_KEYS, key_hash(key), encode_api_key(made)),), acts


def link_text(url: str, token: str) -> str:
    """A sign-in link. The token is a fragment: browsers send those to nobody, not even to us."""
    return f"{url}{SIGN_IN_PATH}#token={token}"


class SignIns:
    """The sessions of this box."""

    def __init__(
        self, writer: Writer, reader: Reader, clock: Clock, ids: Ids, session_days: float
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._clock = clock
        self._ids = ids
        self._session_ns = int(session_days * NS_PER_DAY)

    async def by_key(self, key: str) -> str:
        """The token of a new session for an API key, valid once this returns.

        Raises Unauthorized, saying nothing more; TenantDisabled.
        """
        digest = key_hash(key)
        holder = self._reader.holder(digest)
        if holder is None:
            raise Unauthorized
        if holder.disabled:
            raise TenantDisabled
        now_ns = self._clock.now_ns()
        token = self._ids.token(now_ns + self._session_ns)
        row = (keys.SESSIONS, token_key(token), encode_session(SessionRecord(digest, now_ns)))
        acts = _acts(actor_of(holder.key), now_ns, ActKind.SESSION_CREATED, token)
        await self._writer.submit(RowsCommit((row,), acts=acts)).wait()
        return token

    async def by_link(self, link: str) -> str:
        """The token of the session that a link brings, valid once this returns.

        Raises LinkUnusable, saying why; TenantDisabled. Cancelling leaves the link used or not.
        """
        if not TOKEN.fullmatch(link):
            raise LinkUnusable("This is no sign-in link of axiomd; copy the whole of it.")
        now_ns = self._clock.now_ns()
        token = self._ids.token(now_ns + self._session_ns)
        commit = SignInCommit(token_key(link), token_key(token), now_ns)
        await self._writer.submit(commit).wait()
        return token

    def find(self, token: str) -> SignedIn | None:
        """The session of a token, if it has not run out and its key is not revoked."""
        if not TOKEN.fullmatch(token):
            return None
        stored = token_key(token)
        session = self._reader.session(stored)
        if session is None or token_expiry(stored) <= self._clock.now_ns():
            return None
        holder = self._reader.holder(session.api_key)
        if holder is None:
            return None
        return SignedIn(
            key=holder.key,
            digest=session.api_key,
            disabled=holder.disabled,
            expires_ns=token_expiry(stored),
            csrf_token=csrf_token_of(token),
        )

    async def end(self, token: str, by: Actor) -> None:
        """End a session, for good once this returns; one that has ended stays so."""
        await revise(self._writer, lambda: self._ended(token, by))

    def _ended(self, token: str, by: Actor) -> RowsCommit | None:
        row = keys.SESSIONS, token_key(token)
        session = self._reader.session(row[1])
        if session is None:
            return None
        acts = _acts(by, self._clock.now_ns(), ActKind.SESSION_ENDED, token)
        still = (*row, encode_session(session))
        return RowsCommit((), deletes=(row,), acts=acts, still=(still,))


def _acts(by: Actor, at_ns: int, kind: ActKind, token: str) -> tuple[Act, ...]:
    """What is told of a session, which belongs to who begins and ends it."""
    expires_at = rfc3339(token_expiry(token_key(token)))
    return acted(by, by.tenant, at_ns, kind, by.name, expires_at=expires_at)
