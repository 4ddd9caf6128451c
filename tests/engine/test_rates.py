"""Token buckets: what passes, what is one too many, and what never costs a thing."""

from contextlib import suppress

import pytest

from axiomd.clock import NS_PER_S
from axiomd.engine.rates import Rates
from axiomd.errors import TooMany
from axiomd.settings import LimitsSettings


class Hand:
    """A clock that a test moves."""

    def __init__(self):
        self.at_ns = 1_700_000_000 * NS_PER_S
        self.looks = 0

    def now_ns(self):
        self.looks += 1
        return self.at_ns

    def move(self, seconds):
        self.at_ns += int(seconds * NS_PER_S)


class Tenants:
    """Their limits, their buckets and the clock."""

    def __init__(self):
        self.limits = {}
        self.clock = Hand()
        self.rates = Rates(lambda one: self.limits.get(one, LimitsSettings()), self.clock)

    def passing(self, count, tenant="a", *, invokes=False):
        """How many of so many requests in a row are taken."""
        taken = 0
        for _ in range(count):
            with suppress(TooMany):
                self.rates.count_request(tenant, invokes=invokes)
                taken += 1
        return taken


@pytest.fixture
def tenants():
    return Tenants()


def test_a_bucket_holds_its_burst_and_fills_with_time(tenants):
    tenants.limits["a"] = LimitsSettings(requests_per_s=10, requests_burst=30)
    assert tenants.passing(100) == 30
    tenants.clock.move(0.5)
    assert tenants.passing(100) == 5
    tenants.clock.move(3600)
    assert tenants.passing(100) == 30


def test_without_a_burst_a_bucket_holds_one_second_and_one_request_at_least(tenants):
    tenants.limits["a"] = LimitsSettings(requests_per_s=7)
    assert tenants.passing(100) == 7
    tenants.limits["b"] = LimitsSettings(requests_per_s=0.5)
    assert tenants.passing(3, "b") == 1
    tenants.clock.move(1.9)
    assert tenants.passing(3, "b") == 0
    tenants.clock.move(0.2)
    assert tenants.passing(3, "b") == 1


def test_tenants_have_buckets_of_their_own(tenants):
    tenants.limits |= dict.fromkeys("ab", LimitsSettings(requests_per_s=2))
    assert (tenants.passing(5), tenants.passing(5, "b")) == (2, 2)


def test_invocations_count_as_requests_and_have_a_bucket_of_their_own(tenants):
    tenants.limits["a"] = LimitsSettings(requests_per_s=10, invocations_per_s=3)
    assert tenants.passing(5, invokes=True) == 3
    assert tenants.passing(100) == 5
    assert tenants.passing(100, invokes=True) == 0


def test_without_a_limit_nothing_is_counted_and_nobody_asks_for_the_time(tenants):
    assert tenants.passing(1_000, invokes=True) == 1_000
    assert tenants.clock.looks == 0


def test_a_change_of_the_limit_bites_at_the_next_request(tenants):
    tenants.limits["a"] = LimitsSettings(requests_per_s=1_000)
    assert tenants.passing(10) == 10
    tenants.limits["a"] = LimitsSettings(requests_per_s=2)
    assert tenants.passing(10) == 2
    tenants.limits["a"] = LimitsSettings()
    assert tenants.passing(10) == 10


def test_a_clock_that_is_set_back_neither_fills_nor_empties_a_bucket(tenants):
    tenants.limits["a"] = LimitsSettings(requests_per_s=2)
    assert tenants.passing(1) == 1
    tenants.clock.move(-3600)
    assert tenants.passing(5) == 1
    tenants.clock.move(0.5)
    assert tenants.passing(5) == 1
