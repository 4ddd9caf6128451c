"""Signatures of webhooks, as Standard Webhooks has them: HMAC-SHA256 with a shared secret.

Pure. A body may be larger than memory should hold, so it is taken in piece by piece.
"""

import base64
import hashlib
import hmac

import attrs

SECRET_PREFIX = "whsec_"


@attrs.frozen
class SigningSecrets:
    """What a tenant's messages are signed with."""

    current: str = attrs.field(repr=False)
    """`whsec_` and the base64 of its bytes."""
    created_ns: int
    previous: str = attrs.field(default="", repr=False)
    """The one before; empty if there was none."""
    previous_until_ns: int = 0
    """Until when messages are signed with that one too."""

    def valid(self, at_ns: int) -> tuple[str, ...]:
        """The secrets that a message is signed with."""
        if self.previous and at_ns < self.previous_until_ns:
            return self.current, self.previous
        return (self.current,)


class Signature:
    """The signature of one message, with each of some secrets."""

    def __init__(self, secrets: tuple[str, ...], message_id: str, timestamp_s: int) -> None:
        head = f"{message_id}.{timestamp_s}.".encode()
        self._sums = [hmac.new(_key(secret), head, hashlib.sha256) for secret in secrets]

    def update(self, piece: bytes) -> None:
        """Take in the next piece of the body."""
        for one in self._sums:
            one.update(piece)

    @property
    def header(self) -> str:
        """The `webhook-signature` of all that was taken in."""
        digests = (base64.b64encode(one.digest()).decode() for one in self._sums)
        return " ".join(f"v1,{digest}" for digest in digests)


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(SECRET_PREFIX))
