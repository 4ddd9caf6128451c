"""Identities and time: injected, ordered, exact."""

import pytest
from worlds.seeds import TickingClock, seeded_ids

from axiomd.clock import NS_PER_S, SystemClock, parse_rfc3339, rfc3339
from axiomd.ids import ARTIFACT_ID, EXECUTION_ID, Ids, key_hash


def test_identities_have_their_form():
    ids = Ids(SystemClock())
    for _ in range(50):
        assert EXECUTION_ID.fullmatch(ids.execution_id())
        assert ARTIFACT_ID.fullmatch(ids.artifact_id())
        assert len(bytes.fromhex(ids.api_key())) == 32


def test_later_identities_sort_later():
    clock = TickingClock()
    ids = seeded_ids(clock, 1)
    made = []
    for _ in range(50):
        made.append((ids.execution_id(), ids.artifact_id()))
        clock.advance(1_000_000)
    assert made == sorted(made)
    assert len(set(made)) == 50


def test_a_seed_gives_the_same_identities():
    one, other = (seeded_ids(TickingClock(), 5) for _ in range(2))
    assert [one.execution_id(), one.api_key()] == [other.execution_id(), other.api_key()]


def test_only_the_hash_of_a_key_can_be_compared():
    assert key_hash("a") != key_hash("b")
    assert len(key_hash("a")) == 32


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1970-01-01T00:00:00.000Z", 0),
        ("2026-03-01T09:30:00.125Z", 1_772_357_400_125_000_000),
    ],
)
def test_a_time_is_written_and_read_back(text, ns):
    assert rfc3339(ns) == text
    assert parse_rfc3339(text) == ns
    assert rfc3339(ns + 999_999) == text


def test_a_time_is_read_with_its_offset_and_without_one_as_utc():
    utc = parse_rfc3339("2026-03-01T09:30:00")
    assert parse_rfc3339("2026-03-01T10:30:00+01:00") == utc
    assert parse_rfc3339("2026-03-01T09:30:00.000001Z") == utc + 1_000
    assert utc % NS_PER_S == 0


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "2026-03-01T25:00:00Z"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError):
        parse_rfc3339(text)
