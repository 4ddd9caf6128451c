"""Identities: execution IDs, artifact IDs, API keys. Randomness enters axiomd here only."""

import hashlib
import os
import re
from collections.abc import Callable

import attrs
from ulid import ULID

from axiomd.clock import NS_PER_MS, Clock

EXECUTION_ID = re.compile(r"[0-9a-f]{32}")
ARTIFACT_ID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")
SCHEDULE_ID = ARTIFACT_ID
TOKEN = re.compile(r"[0-9a-f]{80}")
TENANT_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")

_TIME_BYTES = 6
_RANDOM_BYTES = 10
_CHANCE_BYTES = 6
_SIGNING_BYTES = 32


@attrs.frozen
class Ids:
    """Makes new identities from a clock and a source of random bytes."""

    clock: Clock
    random_bytes: Callable[[int], bytes] = os.urandom

    def execution_id(self) -> str:
        """32 hex characters: 48 bits of Unix milliseconds, then 80 random bits.

        Led by time so that new executions land at the end of every table (random keys were
        measured five times slower), and still a valid W3C trace ID.
        """
        return (self._millis() + self.random_bytes(_RANDOM_BYTES)).hex()

    def artifact_id(self) -> str:
        """A ULID, 26 characters."""
        return str(ULID(self._millis() + self.random_bytes(_RANDOM_BYTES)))

    def subscription_id(self) -> str:
        """A ULID, 26 characters."""
        return self.artifact_id()

    def schedule_id(self) -> str:
        """A ULID, 26 characters."""
        return self.artifact_id()

    def signing_bytes(self) -> bytes:
        """What a tenant's webhooks are signed with."""
        return self.random_bytes(_SIGNING_BYTES)

    def api_key(self) -> str:
        """64 hex characters of pure randomness."""
        return self.random_bytes(32).hex()

    def token(self, expires_ns: int) -> str:
        """A secret that runs out: 16 hex characters of the time, then 64 of pure randomness."""
        return f"{expires_ns:016x}{self.api_key()}"

    def chance(self) -> float:
        """A number from 0 up to 1."""
        return int.from_bytes(self.random_bytes(_CHANCE_BYTES), "big") / (1 << 8 * _CHANCE_BYTES)

    def _millis(self) -> bytes:
        return (self.clock.now_ns() // NS_PER_MS).to_bytes(_TIME_BYTES, "big")


def key_hash(key: str) -> bytes:
    """The only form of an API key that is stored: its SHA-256."""
    return hashlib.sha256(key.encode()).digest()


def token_key(token: str) -> bytes:
    """The only form of a token that is stored: when it runs out, and the SHA-256 of all of it.

    Led by the time, so that those which have run out are found without an index. Whoever changes
    the time in a token has another hash, and no token.
    """
    return bytes.fromhex(token[:16]) + key_hash(token)


def token_expiry(key: bytes) -> int:
    """When a token runs out, by its stored form."""
    return int.from_bytes(key[:8], "big")
