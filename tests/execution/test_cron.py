"""Times of cron expressions: at the edges of months and years, and where clocks are moved."""

import itertools
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from axiomd.clock import parse_rfc3339
from axiomd.execution.cron import NAMED, cron_problem, cron_times
from axiomd.limits import CRON_CHARACTERS_MAX
from axiomd.zones import NoSuchZone, find_zone

ZURICH = "Europe/Zurich"


def coming(text, after, count, zone="UTC"):
    """The next times, as a clock on the wall of the zone shows them."""
    found = itertools.islice(cron_times(text, parse_rfc3339(after), find_zone(zone)), count)
    walls = (datetime.fromtimestamp(ns // 10**9, UTC).astimezone(ZoneInfo(zone)) for ns in found)
    return [wall.isoformat(timespec="minutes") for wall in walls]


def test_in_spring_a_time_of_the_hour_that_is_left_out_comes_right_behind_it_once():
    assert coming("30 2 * * *", "2026-03-28T00:00:00Z", 3, ZURICH) == [
        "2026-03-28T02:30+01:00",
        "2026-03-29T03:00+02:00",
        "2026-03-30T02:30+02:00",
    ]
    assert coming("0,30 2 * * *", "2026-03-28T12:00:00Z", 2, ZURICH) == [
        "2026-03-29T03:00+02:00",
        "2026-03-30T02:00+02:00",
    ]
    assert coming("0 2,3 * * *", "2026-03-28T12:00:00Z", 2, ZURICH) == [
        "2026-03-29T03:00+02:00",
        "2026-03-30T02:00+02:00",
    ]


def test_in_autumn_a_fixed_time_of_the_repeated_hour_comes_once():
    both = ["2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"]
    assert coming("30 2 * * *", "2026-10-24T12:00:00Z", 2, ZURICH) == both


@pytest.mark.parametrize("after", ["2026-10-25T00:45:00Z", "2026-10-25T01:10:00Z"])
def test_who_begins_in_the_repeated_hour_is_never_sent_back(after):
    assert coming("30 2 * * *", after, 1, ZURICH) == ["2026-10-26T02:30+01:00"]
    assert next(cron_times("30 2 * * *", parse_rfc3339(after), find_zone(ZURICH))) > parse_rfc3339(
        after
    )


def test_steps_and_stars_follow_real_time():
    assert coming("30 * * * *", "2026-10-24T23:45:00Z", 3, ZURICH) == [
        "2026-10-25T02:30+02:00",
        "2026-10-25T02:30+01:00",
        "2026-10-25T03:30+01:00",
    ]
    assert coming("*/30 2 * * *", "2026-10-24T12:00:00Z", 5, ZURICH) == [
        "2026-10-25T02:00+02:00",
        "2026-10-25T02:30+02:00",
        "2026-10-25T02:00+01:00",
        "2026-10-25T02:30+01:00",
        "2026-10-26T02:00+01:00",
    ]
    # The hour is left out, and so is what would have come in it.
    assert coming("*/30 2 * * *", "2026-03-28T12:00:00Z", 1, ZURICH) == ["2026-03-30T02:00+02:00"]


@pytest.mark.parametrize("text", ["30 2 * * *", "0 * * * *", "*/7 * * * *", "15 1-3 * * *"])
@pytest.mark.parametrize("zone", [ZURICH, "America/New_York", "Australia/Lord_Howe", "Asia/Beirut"])
def test_times_only_ever_go_forward(text, zone):
    for after in ("2026-03-01T00:00:00Z", "2026-10-01T00:00:00Z"):
        found = list(itertools.islice(cron_times(text, parse_rfc3339(after), find_zone(zone)), 500))
        assert found == sorted(set(found))
        assert found[0] > parse_rfc3339(after)


def test_what_follows_a_time_is_the_same_however_one_came_there():
    zone = find_zone(ZURICH)
    for text in ("30 2 * * *", "*/20 1-3 * * *", "0 2,3 * * SUN"):
        for after in ("2026-03-20T00:00:00Z", "2026-10-18T00:00:00Z"):
            at_once = list(itertools.islice(cron_times(text, parse_rfc3339(after), zone), 90))
            one_by_one, last = [], parse_rfc3339(after)
            for _ in at_once:
                last = next(cron_times(text, last, zone))
                one_by_one.append(last)
            assert one_by_one == at_once


def test_ends_of_months_and_leap_years():
    assert coming("0 12 31 * *", "2026-01-31T12:00:00Z", 2) == [
        "2026-03-31T12:00+00:00",
        "2026-05-31T12:00+00:00",
    ]
    assert coming("0 12 L * *", "2028-01-31T12:00:00Z", 2) == [
        "2028-02-29T12:00+00:00",
        "2028-03-31T12:00+00:00",
    ]
    assert coming("0 0 29 2 *", "2096-02-29T00:00:00Z", 1) == ["2104-02-29T00:00+00:00"]


def test_a_time_is_not_its_own_successor_and_fractions_do_not_matter():
    assert coming("0 * * * *", "2026-12-01T09:00:00Z", 1) == ["2026-12-01T10:00+00:00"]
    assert coming("0 * * * *", "2026-12-01T08:59:59.999Z", 1) == ["2026-12-01T09:00+00:00"]
    assert coming("0 * * * *", "2026-12-01T09:00:00.001Z", 1) == ["2026-12-01T10:00+00:00"]


def test_names_mean_what_they_say():
    assert coming("@daily", "2026-12-31T09:00:00Z", 1) == ["2027-01-01T00:00+00:00"]
    assert coming("@Weekly", "2026-12-01T00:00:00Z", 1) == ["2026-12-06T00:00+00:00"]
    assert [cron_problem(name) for name in NAMED] == [None] * len(NAMED)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has 0 fields, not five"),
        ("* * *", "has 3 fields"),
        ("0 0 * * * *", "has 6 fields, not five: minute, hour"),
        ("60 * * * *", "cannot be read: bad minute"),
        ("* 24 * * *", "bad hour"),
        ("0 0 30 2 *", "bad day-of-month"),
        ("0 0 * * FUN", "bad day-of-week"),
        ("*/0 * * * *", "bad minute"),
        ("@dayly", "unknown name '@dayly', did you mean '@daily'?"),
        ("@reboot", "unknown name '@reboot'"),
        ("9" * 5000 + " * * * *", f"has more than {CRON_CHARACTERS_MAX} characters"),
        ("\ud800 * * * *", "bad minute"),
        ("0 0 31 4,6 MON#5 ", None),
    ],
)
def test_what_cannot_be_read_says_why(text, words):
    found = cron_problem(text)
    assert (found is None) if words is None else (found is not None and words in found)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Europe/Zurch", "did you mean 'Europe/Zurich'?"),
        ("nowhere at all", "an IANA name, such as Europe/Zurich"),
        ("", "an IANA name"),
        ("Europe", "unknown time zone"),
        ("../../etc/passwd", "unknown time zone"),
        ("/etc/localtime", "unknown time zone"),
        ("localtime", "unknown time zone"),
        ("\ud800", "unknown time zone"),
        ("x" * 5000, "unknown time zone"),
    ],
)
def test_an_unknown_zone_is_refused_with_the_nearest_name(name, words):
    with pytest.raises(NoSuchZone, match="unknown time zone") as refusal:
        find_zone(name)
    assert words in str(refusal.value)
    assert len(str(refusal.value)) < 200


def test_zones_are_there_without_those_of_the_machine(monkeypatch):
    import zoneinfo

    before = zoneinfo.TZPATH
    zoneinfo.reset_tzpath(to=())
    zoneinfo.ZoneInfo.clear_cache()
    try:
        assert coming("30 2 * * *", "2026-03-28T12:00:00Z", 1, ZURICH) == ["2026-03-29T03:00+02:00"]
    finally:
        zoneinfo.reset_tzpath(to=before)
        zoneinfo.ZoneInfo.clear_cache()
