"""Who is asking: an API key, and its tenant. Keys are compared by hash, in the store."""

import re

from axiomd.errors import Unauthorized
from axiomd.ids import key_hash
from axiomd.store.reader import Reader
from axiomd.store.records import ApiKeyRecord

_BEARER = re.compile(r"Bearer ([0-9a-f]{64})")


def tenant_of(reader: Reader, authorization: str | None) -> str:
    """The tenant whose key the header carries. Raises Unauthorized."""
    return key_of(reader, authorization).tenant


def key_of(reader: Reader, authorization: str | None) -> ApiKeyRecord:
    """What is known of the key that the header carries. Raises Unauthorized, saying nothing more.

    Read from the store at each request, so that revoking a key bites at the next one.
    """
    match = _BEARER.fullmatch(authorization or "")
    record = reader.api_key(key_hash(match[1])) if match else None
    if record is None or record.revoked_ns:
        raise Unauthorized
    return record
