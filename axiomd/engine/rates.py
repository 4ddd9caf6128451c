"""How many requests a second a tenant may make: token buckets, in memory.

A bucket fills with time, up to its burst, and each request takes one token out of it. What is over
is refused before anything is done for it. A box that starts anew starts with full buckets.
"""

from collections.abc import Callable

import attrs

from axiomd.clock import NS_PER_S, Clock
from axiomd.errors import TooMany
from axiomd.settings import LimitsSettings


@attrs.define(eq=False)
class Bucket:
    """The tokens of one tenant, for one kind of request."""

    tokens: float
    at_ns: int
    """When they were so many."""

    def take(self, now_ns: int, rate: float, burst: float) -> bool:
        """Take a token out; False if there is none."""
        # The clock may have been set back: then nothing has come in, and nothing is lost.
        passed_s = max(0, now_ns - self.at_ns) / NS_PER_S
        self.tokens = min(burst, self.tokens + passed_s * rate)
        self.at_ns = now_ns
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class Rates:
    """The buckets of everybody. Who has no limit has no bucket, and costs one look."""

    def __init__(self, limits_of: Callable[[str], LimitsSettings], clock: Clock) -> None:
        self._limits_of = limits_of
        self._clock = clock
        self._requests: dict[str, Bucket] = {}
        self._invocations: dict[str, Bucket] = {}

    def count_request(self, tenant: str, *, invokes: bool = False) -> None:
        """A tenant makes a request. Raises TooMany if it is one too many.

        invokes: whether it starts an execution, or a node.
        """
        limits = self._limits_of(tenant)
        if limits.requests_per_s:
            rate, burst = limits.requests_per_s, limits.requests_burst
            self._take(self._requests, tenant, rate, burst)
        if invokes and limits.invocations_per_s:
            rate, burst = limits.invocations_per_s, limits.invocations_burst
            self._take(self._invocations, tenant, rate, burst)

    def _take(self, buckets: dict[str, Bucket], tenant: str, rate: float, burst: int) -> None:
        most = burst or max(1.0, rate)
        now_ns = self._clock.now_ns()
        bucket = buckets.get(tenant)
        if bucket is None:
            bucket = buckets[tenant] = Bucket(most, now_ns)
        if not bucket.take(now_ns, rate, most):
            raise TooMany
